import { expect } from 'chai';
import fc from 'fast-check';
import { answerEvents } from '../../../../src/providers/answer-events.ts';
import { readMessagesAnswer } from '../../../../src/providers/anthropic/messages-answer.ts';
import { messagesClient } from '../../../../src/providers/anthropic/messages-client.ts';
import { createMessagesStreamReader } from '../../../../src/providers/anthropic/messages-stream.ts';
import type {
  AnswerEvent,
  AssistantPart,
  Candidate,
  ConversationAnswer,
  FinishReason,
  JsonObject,
} from '../../../../src/providers/conversation.ts';
import { exactText } from '../../../../src/providers/exact-json.ts';
import { eventsOf } from '../carry.ts';
import { messageOf } from './message-stream.ts';
import { conversation } from './support.ts';

const CONTEXT = { model: 'm', requestId: 'r1', nowSeconds: 0, request: conversation() };

function whole(candidate: Partial<Candidate>, more: Partial<ConversationAnswer> = {}): JsonObject {
  return messagesClient.writeAnswer({ candidates: [{ parts: [], finish: 'stop', ...candidate }], ...more }, CONTEXT);
}

function stream(events: readonly AnswerEvent[]): string {
  const writer = messagesClient.createStreamWriter(CONTEXT);
  return events.map((event) => writer.write(event)).join('') + writer.end();
}

function streamed(candidate: Partial<Candidate>, more: Partial<ConversationAnswer> = {}): string {
  return stream(answerEvents({ candidates: [{ parts: [], finish: 'stop', ...candidate }], ...more }));
}

describe('An answer as a message', () => {
  it('has an id and a model, and counts, where the provider tells none', () => {
    expect(whole({})).to.deep.equal({
      id: 'msg_r1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 },
    });
    expect(messageOf(streamed({}))).to.deep.equal(whole({}));
  });

  it("carries Gemini's signature of a call as thoughts before it", () => {
    const parts: AssistantPart[] = [
      { kind: 'text', text: 'a', signature: 'dGV4dA==' },
      { kind: 'tool_call', id: '', name: 'f', arguments: '', signature: 'c2ln' },
      { kind: 'tool_call', id: 'functions.f:1', name: 'f', arguments: '{"x":1}' },
    ];
    const content = [
      { type: 'text', text: 'a' },
      { type: 'thinking', thinking: '', signature: 'gemini:c2ln' },
      { type: 'tool_use', id: 'toolu_r1n0', name: 'f', input: {} },
      { type: 'tool_use', id: 'functions_f_1', name: 'f', input: { x: 1 } },
    ];
    expect(whole({ parts, finish: 'tool_calls' })).to.deep.include({ content, stop_reason: 'tool_use' });
    expect(messageOf(streamed({ parts, finish: 'tool_calls' })).content).to.deep.equal(content);
  });

  it('has no empty texts: they would be refused when they come back', () => {
    const parts: AssistantPart[] = [
      { kind: 'text', text: '' },
      { kind: 'reasoning', text: 'hm' },
      { kind: 'refusal', text: '' },
      { kind: 'refusal', text: 'no' },
    ];
    const content = [
      { type: 'thinking', thinking: 'hm', signature: '' },
      { type: 'text', text: 'no' },
    ];
    expect(whole({ parts, finish: 'refusal' })).to.deep.include({ content, stop_reason: 'refusal' });
    expect(messageOf(streamed({ parts, finish: 'refusal' }))).to.deep.include({ content, stop_reason: 'refusal' });
  });

  it('cites in its own words, whoever cited', () => {
    const own = { type: 'char_location', cited_text: 'x', document_index: 0 };
    const citations = [
      own,
      {
        title: 't',
        sourceContent: [{ text: 'a' }, { text: 'b' }],
        location: { documentPage: { documentIndex: 1, start: 2, end: 3 } },
      },
      { type: 'url_citation', url_citation: { url: 'https://a.example', title: 'A' } },
      { location: { web: {} } },
      'nothing',
    ];
    const expected = [
      own,
      {
        type: 'page_location',
        cited_text: 'ab',
        document_index: 1,
        document_title: 't',
        start_page_number: 2,
        end_page_number: 3,
      },
      {
        type: 'web_search_result_location',
        url: 'https://a.example',
        title: 'A',
        cited_text: '',
        encrypted_index: '',
      },
    ];
    const parts: AssistantPart[] = [{ kind: 'text', text: 'a', citations }];
    expect((whole({ parts }).content as JsonObject[])[0]?.citations).to.deep.equal(expected);
    expect((messageOf(streamed({ parts })).content as JsonObject[])[0]?.citations).to.deep.equal(expected);
  });

  it('names the stop sequence, where that is why it stopped', () => {
    expect(whole({ stopSequence: 'END' })).to.include({ stop_reason: 'stop_sequence', stop_sequence: 'END' });
    expect(whole({ stopSequence: 'END', finish: 'length' })).to.include({
      stop_reason: 'max_tokens',
      stop_sequence: null,
    });
    expect(messageOf(streamed({ stopSequence: 'END' }))).to.include({
      stop_reason: 'stop_sequence',
      stop_sequence: 'END',
    });
  });

  it('is none where the model broke', () => {
    const call: AssistantPart = { kind: 'tool_call', id: 'a', name: 'f', arguments: '{"x":' };
    expect(() => whole({ finish: 'error' }))
      .to.throw('broke off')
      .with.property('code', 'provider_failed');
    expect(() => whole({ parts: [call], finish: 'tool_calls' })).to.throw('not a JSON object');
    const text = streamed({ parts: [{ kind: 'text', text: 'a' }], finish: 'error' });
    expect(text).to.not.include('message_stop');
    expect(eventsOf(text).at(-1)).to.have.nested.property('error.type', 'api_error');
    // A call that the limit cut off is left out, as it cannot be made.
    expect(whole({ parts: [call], finish: 'length' })).to.deep.include({ content: [], stop_reason: 'max_tokens' });
  });

  it('tells of one candidate, and of nothing behind a failure', () => {
    const other: AnswerEvent = { kind: 'part_start', candidate: 1, part: 0, start: { kind: 'text' } };
    const delta: AnswerEvent = { kind: 'part_delta', candidate: 1, part: 0, delta: { kind: 'text', text: 'x' } };
    const events = answerEvents({ candidates: [{ parts: [{ kind: 'text', text: 'a' }], finish: 'stop' }] });
    expect(messageOf(stream([...events.slice(0, 2), other, delta, ...events.slice(2)]))).to.have.deep.property(
      'content',
      [{ type: 'text', text: 'a' }],
    );
    const failure: AnswerEvent = { kind: 'error', error: { status: 529, message: 'full' } };
    const text = stream([...events.slice(0, 2), failure, ...events.slice(2)]);
    expect(eventsOf(text).at(-1)).to.deep.equal({
      type: 'error',
      error: { type: 'overloaded_error', message: 'full' },
    });
  });
});

const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const part: fc.Arbitrary<AssistantPart> = fc.oneof(
  words.map((text): AssistantPart => ({ kind: 'text', text })),
  fc
    .record({ text: words, signature: words })
    .map(({ text, signature }): AssistantPart => ({ kind: 'reasoning', text, signature })),
  words.map((data): AssistantPart => ({ kind: 'redacted_reasoning', data })),
  fc
    .record({ id: fc.stringMatching(/^[a-z0-9_-]{1,8}$/), name: words, input: fc.dictionary(words, fc.jsonValue()) })
    .map(({ id, name, input }): AssistantPart => ({ kind: 'tool_call', id, name, arguments: JSON.stringify(input) })),
);
const answer = fc
  .record({
    parts: fc.array(part, { maxLength: 5 }),
    finish: fc.constantFrom<FinishReason>('stop', 'length', 'tool_calls', 'refusal', 'pause'),
    input: fc.nat(1000),
    cachedInput: fc.nat(1000),
    cacheCreationInput: fc.nat(1000),
    output: fc.nat(1000),
    reasoningOutput: fc.nat(1000),
  })
  .map(
    ({ parts, finish, ...usage }): ConversationAnswer => ({
      id: 'i',
      model: 'm',
      candidates: [{ parts, finish }],
      usage: { ...usage, input: usage.input + usage.cachedInput + usage.cacheCreationInput },
    }),
  );

describe('Any answer as a message', () => {
  it('is the same when it is read again', () => {
    fc.assert(
      fc.property(answer, (one) => {
        const again = readMessagesAnswer(messagesClient.writeAnswer(one, CONTEXT));
        expect(JSON.parse(exactText(JSON.stringify(again)))).to.deep.equal(JSON.parse(JSON.stringify(one)));
      }),
    );
  });

  it('is the same as a stream, and when that is read again wherever it is cut', () => {
    fc.assert(
      fc.property(answer, fc.integer({ min: 1, max: 40 }), (one, size) => {
        const text = stream(answerEvents(one));
        const said = JSON.parse(exactText(JSON.stringify(messagesClient.writeAnswer(one, CONTEXT)))) as unknown;
        expect(messageOf(text)).to.deep.equal(said);
        const reader = createMessagesStreamReader();
        const bytes = Buffer.from(text);
        const events: AnswerEvent[] = [];
        for (let at = 0; at < bytes.length; at += size) events.push(...reader.push(bytes.subarray(at, at + size)));
        events.push(...reader.end());
        expect(stream(events)).to.equal(text);
      }),
    );
  });
});
