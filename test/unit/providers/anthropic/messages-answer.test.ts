import { expect } from 'chai';
import { anthropicMessages } from '../../../../src/providers/anthropic/messages-provider.ts';
import type { AnswerEvent, JsonObject } from '../../../../src/providers/conversation.ts';

const NO_HEADERS = new Map<string, string>();

function sse(...events: JsonObject[]): Uint8Array {
  return Buffer.from(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
}

function readStream(bytes: Uint8Array, size = bytes.length): AnswerEvent[] {
  const reader = anthropicMessages.createStreamReader(NO_HEADERS);
  const events: AnswerEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) events.push(...reader.push(bytes.subarray(at, at + size)));
  return [...events, ...reader.end()];
}

const START = {
  type: 'message_start',
  message: { id: 'msg_1', model: 'claude-x', usage: { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 1 } },
};
const STOP = { type: 'message_stop' };

function stopped(stop_reason: string, usage: JsonObject = { output_tokens: 9 }): JsonObject {
  return { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage };
}

describe('An answer of the Messages API', () => {
  it('is read with every part and all of its usage', () => {
    const answer = anthropicMessages.readAnswer(
      {
        id: 'msg_1',
        model: 'claude-x',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'eHg=' },
          { type: 'text', text: 'hi', citations: [{ type: 'char_location' }] },
          { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
          { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } },
        ],
        stop_reason: 'tool_use',
        stop_sequence: null,
        usage: {
          input_tokens: 5,
          cache_creation_input_tokens: 2,
          cache_read_input_tokens: 3,
          output_tokens: 9,
          output_tokens_details: { thinking_tokens: 4 },
          service_tier: 'standard',
        },
      },
      NO_HEADERS,
    );
    expect(answer).to.deep.equal({
      id: 'msg_1',
      model: 'claude-x',
      candidates: [
        {
          parts: [
            { kind: 'reasoning', text: 'hm', signature: 'c2ln' },
            { kind: 'redacted_reasoning', data: 'eHg=' },
            { kind: 'text', text: 'hi', citations: [{ type: 'char_location' }] },
            { kind: 'tool_call', id: 'a', name: 'f', arguments: '{"x":1}' },
          ],
          finish: 'tool_calls',
        },
      ],
      usage: { input: 10, output: 9, cachedInput: 3, cacheCreationInput: 2, reasoningOutput: 4 },
      serviceTier: 'standard',
    });
  });

  it('tells why the model stopped', () => {
    const finish = (stop_reason: string) =>
      anthropicMessages.readAnswer({ content: [], stop_reason }, NO_HEADERS).candidates[0]?.finish;
    expect(
      ['end_turn', 'stop_sequence', 'max_tokens', 'tool_use', 'pause_turn', 'refusal', 'a_new_one'].map(finish),
    ).to.deep.equal(['stop', 'stop', 'length', 'tool_calls', 'pause', 'refusal', 'stop']);
    expect(finish('model_context_window_exceeded')).to.equal('length');
  });

  it('is a failure of the provider where it has no content', () => {
    expect(() => anthropicMessages.readAnswer({ choices: [] }, NO_HEADERS)).to.throw('has no content');
  });
});

describe('A failure that the Messages API tells of', () => {
  it('keeps type and message, whatever it looks like', () => {
    const read = (body: JsonObject | string) => anthropicMessages.readError(429, NO_HEADERS, body);
    expect(read({ type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } })).to.deep.equal({
      status: 429,
      type: 'rate_limit_error',
      message: 'slow down',
    });
    expect(read({ error: { code: 429, message: 'quota', status: 'RESOURCE_EXHAUSTED' } })).to.deep.equal({
      status: 429,
      type: 'RESOURCE_EXHAUSTED',
      message: 'quota',
    });
    expect(read({ message: 'Too many requests' })).to.deep.equal({ status: 429, message: 'Too many requests' });
    expect(read(' <html> ')).to.deep.equal({ status: 429, message: '<html>' });
    expect(read('')).to.deep.equal({ status: 429, message: 'The provider answered 429' });
    expect(read({})).to.deep.equal({ status: 429, message: 'The provider answered 429' });
  });
});

describe('A stream of the Messages API', () => {
  const whole = sse(
    START,
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
    { type: 'ping' },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hé' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'c2ln' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'server_tool_use', id: 's' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{}' } },
    { type: 'content_block_stop', index: 1 },
    { type: 'content_block_start', index: 2, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 2, delta: { type: 'text_delta', text: 'hi 🙂' } },
    { type: 'content_block_stop', index: 2 },
    { type: 'content_block_start', index: 3, content_block: { type: 'tool_use', id: 'a', name: 'f', input: {} } },
    { type: 'content_block_delta', index: 3, delta: { type: 'input_json_delta', partial_json: '' } },
    { type: 'content_block_delta', index: 3, delta: { type: 'input_json_delta', partial_json: '{"x":' } },
    { type: 'content_block_delta', index: 3, delta: { type: 'input_json_delta', partial_json: '1}' } },
    { type: 'content_block_stop', index: 3 },
    { type: 'content_block_start', index: 4, content_block: { type: 'tool_use', id: 'b', name: 'g', input: {} } },
    { type: 'content_block_stop', index: 4 },
    stopped('tool_use', { output_tokens: 9, input_tokens: 6, cache_read_input_tokens: null }),
    STOP,
  );
  const at = { candidate: 0 } as const;
  const told: AnswerEvent[] = [
    { kind: 'start', id: 'msg_1', model: 'claude-x' },
    { kind: 'usage', usage: { input: 8, output: 1, cachedInput: 3 } },
    { kind: 'part_start', ...at, part: 0, start: { kind: 'reasoning' } },
    { kind: 'part_delta', ...at, part: 0, delta: { kind: 'text', text: 'hé' } },
    { kind: 'part_delta', ...at, part: 0, delta: { kind: 'signature', signature: 'c2ln' } },
    { kind: 'part_end', ...at, part: 0 },
    { kind: 'part_start', ...at, part: 1, start: { kind: 'text' } },
    { kind: 'part_delta', ...at, part: 1, delta: { kind: 'text', text: 'hi 🙂' } },
    { kind: 'part_end', ...at, part: 1 },
    { kind: 'part_start', ...at, part: 2, start: { kind: 'tool_call', id: 'a', name: 'f' } },
    { kind: 'part_delta', ...at, part: 2, delta: { kind: 'arguments', text: '{"x":' } },
    { kind: 'part_delta', ...at, part: 2, delta: { kind: 'arguments', text: '1}' } },
    { kind: 'part_end', ...at, part: 2 },
    { kind: 'part_start', ...at, part: 3, start: { kind: 'tool_call', id: 'b', name: 'g' } },
    { kind: 'part_delta', ...at, part: 3, delta: { kind: 'arguments', text: '{}' } },
    { kind: 'part_end', ...at, part: 3 },
    { kind: 'finish', ...at, finish: 'tool_calls' },
    { kind: 'usage', usage: { input: 9, output: 9, cachedInput: 3 } },
  ];

  it('tells the same however it is cut', () => {
    for (const size of [whole.length, 1, 2, 3, 7, 64, 333]) expect(readStream(whole, size)).to.deep.equal(told);
  });

  it('ends with an error where the provider says so, and tells nothing after it', () => {
    const block = { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'a', name: 'f' } };
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    expect(readStream(sse(START, block, error, STOP)).slice(2)).to.deep.equal([
      { kind: 'part_start', ...at, part: 0, start: { kind: 'tool_call', id: 'a', name: 'f' } },
      { kind: 'part_end', ...at, part: 0 },
      { kind: 'error', error: { status: 529, type: 'overloaded_error', message: 'Overloaded' } },
    ]);
  });

  it('is a failure where it stops early or says what is no JSON', () => {
    expect(readStream(sse(START)).at(-1)).to.have.nested.property('error.status', 502);
    expect(readStream(Buffer.from('data: {oops\n\n'))).to.deep.equal([
      { kind: 'error', error: { status: 502, message: 'The provider sent an event that is not JSON' } },
    ]);
  });

  it('is whole without its last event, once the reason to stop was told', () => {
    expect(readStream(sse(START, stopped('end_turn'))).map(({ kind }) => kind)).to.deep.equal([
      'start',
      'usage',
      'finish',
      'usage',
    ]);
  });
});
