import { expect } from 'chai';
import type { AnswerEvent, JsonObject } from '../../../../src/providers/conversation.ts';
import { gemini } from '../../../../src/providers/vertex/gemini.ts';

const sse = (...answers: (JsonObject | JsonObject[])[]) =>
  answers.map((answer) => `data: ${JSON.stringify(answer)}\r\n\r\n`).join('');

function read(text: string): AnswerEvent[] {
  const reader = gemini.createStreamReader(new Map());
  return [...reader.push(Buffer.from(text)), ...reader.end()];
}

const piece = (parts: JsonObject[], rest: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { role: 'model', parts }, ...rest }],
});

describe('streams of Gemini', () => {
  it('tells reasoning, text and calls as they come, with signatures, the end and usage', () => {
    const events = read(
      sse(
        {
          ...piece([{ text: 'hm', thought: true }]),
          usageMetadata: { trafficType: 'ON_DEMAND' },
          modelVersion: 'gemini-3-flash-preview',
          responseId: 'r1',
          createTime: '2026-03-10T14:54:45.066123Z',
        },
        piece([{ text: 'm', thought: true, thoughtSignature: 'dGg' }]),
        piece([{ text: 'I ' }]),
        piece([
          { text: 'look' },
          { functionCall: { name: 'weather', args: { city: 'Oslo' } }, thoughtSignature: 'c2ln' },
        ]),
        {
          ...piece([{ functionCall: { name: 'now', args: {} } }], { finishReason: 'STOP' }),
          usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, thoughtsTokenCount: 2, totalTokenCount: 17 },
        },
      ),
    );
    const at = (part: number) => ({ candidate: 0, part });
    expect(events).to.deep.equal([
      { kind: 'start', id: 'r1', model: 'gemini-3-flash-preview', createdSeconds: 1773154485 },
      { kind: 'part_start', ...at(0), start: { kind: 'reasoning' } },
      { kind: 'part_delta', ...at(0), delta: { kind: 'text', text: 'hm' } },
      { kind: 'part_delta', ...at(0), delta: { kind: 'text', text: 'm' } },
      { kind: 'part_delta', ...at(0), delta: { kind: 'signature', signature: 'gemini:dGg' } },
      { kind: 'part_end', ...at(0) },
      { kind: 'part_start', ...at(1), start: { kind: 'text' } },
      { kind: 'part_delta', ...at(1), delta: { kind: 'text', text: 'I ' } },
      { kind: 'part_delta', ...at(1), delta: { kind: 'text', text: 'look' } },
      { kind: 'part_end', ...at(1) },
      {
        kind: 'part_start',
        ...at(2),
        start: { kind: 'tool_call', id: 'call_r1_0', name: 'weather', signature: 'c2ln' },
      },
      { kind: 'part_delta', ...at(2), delta: { kind: 'arguments', text: '{"city":"Oslo"}' } },
      { kind: 'part_end', ...at(2) },
      { kind: 'part_start', ...at(3), start: { kind: 'tool_call', id: 'call_r1_1', name: 'now' } },
      { kind: 'part_delta', ...at(3), delta: { kind: 'arguments', text: '{}' } },
      { kind: 'part_end', ...at(3) },
      { kind: 'finish', candidate: 0, finish: 'tool_calls' },
      { kind: 'usage', usage: { input: 10, output: 7, reasoningOutput: 2 } },
    ]);
  });

  it('tells candidates apart, each with its end', () => {
    const two = (a: string, b: string, rest: JsonObject = {}): JsonObject => ({
      candidates: [a, b].map((text, index) => ({ index, content: { parts: [{ text }] }, ...rest })),
    });
    const events = read(sse(two('a', 'b'), two('A', 'B', { finishReason: 'STOP' })));
    const text = (candidate: number) =>
      events
        .flatMap((e) =>
          e.kind === 'part_delta' && e.candidate === candidate && e.delta.kind === 'text' ? [e.delta.text] : [],
        )
        .join('');
    expect([text(0), text(1)]).to.deep.equal(['aA', 'bB']);
    expect(events.filter(({ kind }) => kind === 'finish')).to.deep.equal([
      { kind: 'finish', candidate: 0, finish: 'stop' },
      { kind: 'finish', candidate: 1, finish: 'stop' },
    ]);
  });

  it('signs text at its end, and puts log probabilities with their text', () => {
    const logprobsResult = { chosenCandidates: [{ token: 'a', logProbability: -1 }] };
    const logprobs = [{ token: 'a', logprob: -1, bytes: [97], top_logprobs: [] }];
    const events = read(
      sse(
        piece([{ text: 'a' }], { logprobsResult }),
        piece([{ text: '', thoughtSignature: 'c2ln' }], { finishReason: 'STOP', logprobsResult }),
      ),
    );
    expect(events.slice(2)).to.deep.equal([
      { kind: 'part_delta', candidate: 0, part: 0, delta: { kind: 'text', text: 'a', logprobs } },
      { kind: 'part_delta', candidate: 0, part: 0, delta: { kind: 'signature', signature: 'c2ln' } },
      { kind: 'part_end', candidate: 0, part: 0 },
      { kind: 'finish', candidate: 0, finish: 'stop', logprobs },
    ]);
  });

  it('keeps what is said of a candidate until its end', () => {
    const events = read(
      sse(
        piece([{ text: 'a' }], { groundingMetadata: { webSearchQueries: ['q'] } }),
        piece([], { finishReason: 'SAFETY', safetyRatings: [{ blocked: true }] }),
      ),
    );
    expect(events.at(-1)).to.deep.equal({
      kind: 'finish',
      candidate: 0,
      finish: 'content_filter',
      extra: {
        grounding_metadata: { webSearchQueries: ['q'] },
        safety_ratings: [{ blocked: true }],
        native_finish_reason: 'SAFETY',
      },
    });
  });

  it('tells a blocked prompt', () => {
    const promptFeedback = { blockReason: 'PROHIBITED_CONTENT' };
    expect(read(sse({ promptFeedback, responseId: 'r' }))).to.deep.equal([
      { kind: 'start', id: 'r' },
      { kind: 'finish', candidate: 0, finish: 'content_filter', extra: { prompt_feedback: promptFeedback } },
    ]);
  });

  it('tells a failure in the middle, alone or in a list, and nothing after it', () => {
    const error = { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' };
    for (const failure of [{ error }, [{ error }]]) {
      expect(read(sse(piece([{ text: 'a' }]), failure, piece([{ text: 'b' }]))).slice(-1)).to.deep.equal([
        { kind: 'error', error: { status: 503, message: 'The model is overloaded.', type: 'UNAVAILABLE' } },
      ]);
    }
  });

  it('tells an end that is missing, and an event that is no JSON', () => {
    const early = { status: 502, message: 'the stream of the provider ended early' };
    expect(read(sse(piece([{ text: 'a' }]))).slice(-2)).to.deep.equal([
      { kind: 'part_end', candidate: 0, part: 0 },
      { kind: 'error', error: early },
    ]);
    expect(read('')).to.deep.equal([{ kind: 'error', error: early }]);
    expect(read('data: {"candidates": [\n\n')).to.deep.equal([
      { kind: 'error', error: { status: 502, message: 'the provider sent an event that is not JSON' } },
    ]);
  });
});
