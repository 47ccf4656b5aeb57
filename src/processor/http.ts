/** The HTTP side of a processor: health and metrics. */
import { createServer } from 'node:http';
import { showsBearer } from '../lib/bearer.ts';
import { listenHttp } from '../lib/listen.ts';
import type { Processor } from './service.ts';

const TEXT = 'text/plain; charset=utf-8';
const HEALTH = new Set(['/healthz', '/readyz', '/livez']);

/** Listens. Shape: `token` is the bearer token that all but health asks for. Errors: GatewayError `port_in_use`, `unavailable`. */
export function startProcessorHttp(
  processor: Processor,
  address: { readonly host: string; readonly port: number },
  token?: () => string,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    if (!HEALTH.has(path) && token && !showsBearer(request.headers.authorization, token()))
      response.writeHead(401, { 'content-type': TEXT, 'www-authenticate': 'Bearer' }).end('a bearer token is needed\n');
    else if (path === '/metrics')
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(processor.metrics());
    else if (!HEALTH.has(path)) response.writeHead(404, { 'content-type': TEXT }).end('not found\n');
    else if (processor.isServing) response.writeHead(200, { 'content-type': TEXT }).end('ok\n');
    else response.writeHead(503, { 'content-type': TEXT }).end('draining\n');
  });
  return listenHttp(server, address);
}
