/**
 * The provider of the benchmark, a process of its own: writes its port to standard output. Answers any POST as Anthropic's
 * Messages API does, or with CHUNKS events where the request has the header `x-stream`.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

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

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(start);
  let sent = 0;
  const next = (): void => {
    if (sent++ === CHUNKS) response.end(end);
    else if (!response.destroyed) {
      response.write(token);
      setImmediate(next);
    }
  };
  next();
}

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  request.resume().on('end', () => {
    if (request.headers['x-stream'] !== undefined) return stream(response);
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(unary) })
      .end(unary);
  });
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
process.once('SIGTERM', () => process.exit(0));
