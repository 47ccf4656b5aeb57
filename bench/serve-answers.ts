import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a provider of a benchmark answers: always the same. */
export interface Answers {
  readonly unary: string;
  /** What a stream begins with, where it does. */
  readonly start?: string;
  readonly token: string;
  readonly chunks: number;
  readonly end: string;
}

/**
 * Answers any POST, with a stream where the request has the header `x-stream`, until SIGTERM; `x-pause`: milliseconds between
 * what a stream begins with and all else of it. Gives the port.
 */
export function serveAnswers({ unary, start, token, chunks, end }: Answers): Promise<number> {
  const stream = (response: ServerResponse, pauseMs: number): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (start !== undefined) response.write(start);
    let sent = 0;
    const next = (): void => {
      if (sent++ === chunks) response.end(end);
      else if (!response.destroyed) {
        response.write(token);
        setImmediate(next);
      }
    };
    if (pauseMs > 0) setTimeout(next, pauseMs);
    else next();
  };
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(unary) };
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    request.resume().on('end', () => {
      if (request.headers['x-stream'] !== undefined) stream(response, Number(request.headers['x-pause'] ?? 0));
      else response.writeHead(200, headers).end(unary);
    });
  });
  process.once('SIGTERM', () => process.exit(0));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
