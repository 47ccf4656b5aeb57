/**
 * The provider of the benchmark, a process of its own: writes its port to standard output. Answers any POST as Anthropic's
 * Messages API does, or with CHUNKS events where the request has the header `x-stream`.
 */
import { serveAnswers } from '../serve-answers.ts';

const CHUNKS = 200;

const head = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5' };
const usage = { input_tokens: 11, output_tokens: CHUNKS };
const unary = JSON.stringify({
  ...head,
  content: [{ type: 'text', text: 'Hello there, how can I help?' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
});
const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const start =
  event('message_start', {
    message: {
      ...head,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 11, output_tokens: 1 },
    },
  }) + event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
const token = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: ' token' } });
const end =
  event('content_block_stop', { index: 0 }) +
  event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage }) +
  event('message_stop', {});

console.log(JSON.stringify({ port: await serveAnswers({ unary, start, token, chunks: CHUNKS, end }) }));
