/** The HTTP side of a processor: health and metrics. */
import { createServer } from 'node:http';
import { GatewayError } from '../lib/errors.ts';
import type { Processor } from './service.ts';

const TEXT = 'text/plain; charset=utf-8';
const HEALTH = new Set(['/healthz', '/readyz', '/livez']);

/** Listens. Errors: GatewayError `port_in_use`, `unavailable`. */
export async function startProcessorHttp(
  processor: Processor,
  address: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    if (path === '/metrics')
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(processor.metrics());
    else if (!HEALTH.has(path)) response.writeHead(404, { 'content-type': TEXT }).end('not found\n');
    else if (processor.isServing) response.writeHead(200, { 'content-type': TEXT }).end('ok\n');
    else response.writeHead(503, { 'content-type': TEXT }).end('draining\n');
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      const name = `${address.host}:${address.port}`;
      const what = isTaken ? `the address ${name} is in use` : `cannot listen on ${name}`;
      reject(new GatewayError(isTaken ? 'port_in_use' : 'unavailable', what, { cause: error }));
    });
    server.listen(address, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
