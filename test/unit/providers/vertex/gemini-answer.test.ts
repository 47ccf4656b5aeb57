import { expect } from 'chai';
import type { JsonObject } from '../../../../src/providers/conversation.ts';
import { gemini } from '../../../../src/providers/vertex/gemini.ts';

const read = (body: JsonObject) => gemini.readAnswer(body, new Map());
const candidate = (parts: JsonObject[], finishReason = 'STOP', rest: JsonObject = {}): JsonObject => ({
  content: { role: 'model', parts },
  finishReason,
  ...rest,
});

describe('answers of Gemini', () => {
  it('reads reasoning, text and calls with their signatures, and usage in its parts', () => {
    const answer = read({
      candidates: [
        candidate([
          { text: 'let me', thought: true },
          { text: ' think', thought: true, thoughtSignature: 'dGg' },
          { text: 'I ' },
          { text: 'look' },
          { functionCall: { name: 'weather', args: { city: 'Oslo' } }, thoughtSignature: 'c2ln' },
          { functionCall: { name: 'now' } },
        ]),
      ],
      usageMetadata: {
        promptTokenCount: 100,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 30,
        toolUsePromptTokenCount: 5,
        cachedContentTokenCount: 40,
        totalTokenCount: 155,
      },
      modelVersion: 'gemini-2.5-flash',
      createTime: '2026-03-10T14:54:45.066123Z',
      responseId: 'tTCwacuEBMvnitYP06qsgQY',
    });
    expect(answer).to.deep.equal({
      id: 'tTCwacuEBMvnitYP06qsgQY',
      model: 'gemini-2.5-flash',
      createdSeconds: 1773154485,
      candidates: [
        {
          parts: [
            { kind: 'reasoning', text: 'let me think', signature: 'gemini:dGg' },
            { kind: 'text', text: 'I look' },
            {
              kind: 'tool_call',
              id: 'call_tTCwacuEBMvnitYP06qsgQY_0',
              name: 'weather',
              arguments: '{"city":"Oslo"}',
              signature: 'c2ln',
            },
            { kind: 'tool_call', id: 'call_tTCwacuEBMvnitYP06qsgQY_1', name: 'now', arguments: '{}' },
          ],
          finish: 'tool_calls',
        },
      ],
      usage: { input: 105, output: 50, cachedInput: 40, reasoningOutput: 30 },
    });
  });

  it('keeps the ids that Gemini gives and leaves out those that nothing is known of', () => {
    const calls = [{ functionCall: { id: 'x1', name: 'a' } }, { functionCall: { name: 'b' } }];
    const [one] = read({ candidates: [candidate(calls)] }).candidates;
    expect(one?.parts.map((part) => part.kind === 'tool_call' && part.id)).to.deep.equal(['x1', '']);
  });

  it('reads candidates in their order with log probabilities and what Google says of each', () => {
    const { candidates } = read({
      candidates: [
        candidate([{ text: 'b' }], 'MAX_TOKENS', { index: 1 }),
        candidate([{ text: 'é' }], 'STOP', {
          index: 0,
          safetyRatings: [{ category: 'HARM_CATEGORY_HARASSMENT', probability: 'NEGLIGIBLE' }],
          groundingMetadata: { webSearchQueries: ['q'] },
          logprobsResult: {
            chosenCandidates: [{ token: 'é', tokenId: 1, logProbability: -0.1 }],
            topCandidates: [
              {
                candidates: [
                  { token: 'é', logProbability: -0.1 },
                  { token: 'e', logProbability: -2 },
                ],
              },
            ],
          },
        }),
      ],
    });
    expect(candidates).to.deep.equal([
      {
        parts: [{ kind: 'text', text: 'é' }],
        finish: 'stop',
        logprobs: [
          {
            token: 'é',
            logprob: -0.1,
            bytes: [195, 169],
            top_logprobs: [
              { token: 'é', logprob: -0.1, bytes: [195, 169] },
              { token: 'e', logprob: -2, bytes: [101] },
            ],
          },
        ],
        extra: {
          safety_ratings: [{ category: 'HARM_CATEGORY_HARASSMENT', probability: 'NEGLIGIBLE' }],
          grounding_metadata: { webSearchQueries: ['q'] },
        },
      },
      { parts: [{ kind: 'text', text: 'b' }], finish: 'length' },
    ]);
  });

  const reasons: [string, string][] = [
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content_filter'],
    ['RECITATION', 'content_filter'],
    ['BLOCKLIST', 'content_filter'],
    ['PROHIBITED_CONTENT', 'content_filter'],
    ['SPII', 'content_filter'],
    ['IMAGE_SAFETY', 'content_filter'],
    ['MODEL_ARMOR', 'content_filter'],
    ['MALFORMED_FUNCTION_CALL', 'error'],
    ['OTHER', 'error'],
    ['SOMETHING_NEW', 'error'],
  ];
  for (const [reason, finish] of reasons) {
    it(`says why it stopped: ${reason}`, () => {
      const [one] = read({ candidates: [{ finishReason: reason, finishMessage: 'because' }] }).candidates;
      const native = reason === 'STOP' || reason === 'MAX_TOKENS' ? {} : { native_finish_reason: reason };
      expect(one).to.deep.equal({ parts: [], finish, extra: { ...native, finish_message: 'because' } });
    });
  }

  it('takes a blocked prompt for an answer that the filter stopped', () => {
    const promptFeedback = { blockReason: 'SAFETY', blockReasonMessage: 'no' };
    const answer = read({ promptFeedback, usageMetadata: { promptTokenCount: 7 } });
    expect(answer.candidates).to.deep.equal([
      { parts: [], finish: 'content_filter', extra: { prompt_feedback: promptFeedback } },
    ]);
    expect(answer.usage).to.deep.equal({ input: 7, output: 0 });
  });

  it('shows images and code as text', () => {
    const parts = [
      { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
      { executableCode: { language: 'PYTHON', code: 'print(1)' } },
      { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
    ];
    expect(read({ candidates: [candidate(parts)] }).candidates[0]?.parts).to.deep.equal([
      {
        kind: 'text',
        text: '![image](data:image/png;base64,AAAA)\n```python\nprint(1)\n```\n\n```\n1\n```\n',
      },
    ]);
  });

  it('refuses an answer without candidates', () => {
    for (const body of [{}, { candidates: 'x' }, { candidates: [1] }] as JsonObject[]) {
      expect(() => read(body)).to.throw('without a candidate');
    }
  });
});

describe('failures of Google', () => {
  const failure = (status: number, body: JsonObject | string) => gemini.readError(status, new Map(), body);
  const error = {
    code: 429,
    message: 'Resource exhausted',
    status: 'RESOURCE_EXHAUSTED',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'RATE_LIMIT_EXCEEDED' },
      { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: 'contents[0]' }] },
    ],
  };
  const told = {
    status: 429,
    message: 'Resource exhausted',
    type: 'RESOURCE_EXHAUSTED',
    code: 'RATE_LIMIT_EXCEEDED',
    param: 'contents[0]',
  };

  it('reads a status, alone or in a list', () => {
    expect(failure(429, { error })).to.deep.equal(told);
    expect(failure(429, [{ error }] as never)).to.deep.equal(told);
    expect(failure(429, JSON.stringify([{ error }]))).to.deep.equal(told);
  });

  it('reads what a proxy says in its own words', () => {
    expect(failure(503, 'upstream connect error')).to.deep.equal({ status: 503, message: 'upstream connect error' });
    expect(failure(502, '<html>')).to.deep.equal({ status: 502, message: 'the provider answered 502' });
    expect(failure(400, { error: 'invalid_grant' })).to.deep.equal({ status: 400, message: 'invalid_grant' });
    expect(failure(500, {})).to.deep.equal({ status: 500, message: 'the provider answered 500' });
  });
});
