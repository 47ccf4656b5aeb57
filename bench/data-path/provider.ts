/**
 * The provider of the benchmark, a process of its own: `node provider.ts`. Writes its port to standard output. Answers
 * any POST with a chat completion, or with CHUNKS events where the request has the header `x-stream`.
 */
import { serveAnswers } from '../serve-answers.ts';
import { CHUNKS } from './cases.ts';

const usage = {
  prompt_tokens: 11,
  completion_tokens: 5,
  total_tokens: 16,
  prompt_tokens_details: { cached_tokens: 4 },
};
const head = { id: 'chatcmpl-1', created: 1, model: 'gpt-4o-mini-2024-07-18' };
const message = { role: 'assistant', content: 'Hello there, how can I help?' };
const unary = JSON.stringify({
  ...{ ...head, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }] },
  usage,
});
const chunk = { ...head, object: 'chat.completion.chunk' };
const event = (fields: object): string => `data: ${JSON.stringify({ ...chunk, ...fields })}\n\n`;
const token = event({ choices: [{ index: 0, delta: { content: ' token' }, finish_reason: null }], usage: null });
const end = `${event({ choices: [], usage })}data: [DONE]\n\n`;

console.log(await serveAnswers({ unary, token, chunks: CHUNKS, end }));
