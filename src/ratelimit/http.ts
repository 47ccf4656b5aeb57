/** The HTTP side of the service: health, metrics, and requests in ProtoJSON as envoyproxy/ratelimit's `/json` takes them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { decodeMessage, encodeMessage, SchemaError } from '../envoy/schema/index.ts';
import { showsBearer } from '../lib/bearer.ts';
import { GatewayError } from '../lib/errors.ts';
import { listenHttp } from '../lib/listen.ts';
import type { RateLimitService } from './service.ts';
import { CODE, decodeRequest, encodeResponse } from './wire.ts';

const REQUEST = 'envoy.service.ratelimit.v3.RateLimitRequest';
const RESPONSE = 'envoy.service.ratelimit.v3.RateLimitResponse';
const MAX_BODY_BYTES = 1024 * 1024;
const HEALTH = new Set(['/healthz', '/readyz', '/healthcheck']);

/** Listens. Shape: `token` is the bearer token that all but health asks for. Errors: GatewayError `port_in_use`, `unavailable`. */
export function startServiceHttp(
  service: RateLimitService,
  address: { host: string; port: number },
  token?: () => string,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    if (token && !isHealth(request) && !showsBearer(request.headers.authorization, token())) {
      response.writeHead(401, { 'content-type': TEXT, 'www-authenticate': 'Bearer' }).end('a bearer token is needed\n');
      return;
    }
    answer(service, request).then(
      ({ status, type, body }) => void response.writeHead(status, { 'content-type': type }).end(body),
      (caught: unknown) => fail(response, caught),
    );
  });
  return listenHttp(server, address);
}

function isHealth({ url = '' }: IncomingMessage): boolean {
  return HEALTH.has(url.split('?')[0] ?? '');
}

interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';

async function answer(service: RateLimitService, request: IncomingMessage): Promise<HttpAnswer> {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  if (path === '/json' && request.method === 'POST') return answerJson(service, await readBody(request));
  if (path === '/api/budgets') return answerBudgets(service, new URLSearchParams(query).get('max') ?? '100');
  if (path === '/metrics') return { status: 200, type: 'text/plain; version=0.0.4', body: service.metrics() };
  if (!isHealth(request)) return { status: 404, type: TEXT, body: 'not found\n' };
  return service.isServing ? { status: 200, type: TEXT, body: 'OK' } : { status: 503, type: TEXT, body: 'draining' };
}

async function answerBudgets(service: RateLimitService, text: string): Promise<HttpAnswer> {
  const max = /^\d{1,5}$/.test(text) ? Number(text) : undefined;
  if (max === undefined) throw new GatewayError('invalid_input', 'max is a whole number');
  return { status: 200, type: 'application/json', body: JSON.stringify(await service.budgets(max)) };
}

async function answerJson(service: RateLimitService, body: string): Promise<HttpAnswer> {
  const response = await service.decide(decodeRequest(Buffer.from(encodeMessage(REQUEST, parseJson(body)))));
  const json = decodeMessage(RESPONSE, encodeResponse(response));
  const status = response.code === CODE.overLimit ? 429 : 200;
  return { status, type: 'application/json', body: JSON.stringify(json) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input', 'the body is not JSON');
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new GatewayError('limit_exceeded', `more than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function fail(response: ServerResponse, caught: unknown): void {
  const isInput = caught instanceof SchemaError;
  const error = GatewayError.from(caught, isInput ? 'invalid_input' : 'unavailable');
  const text = isInput || caught instanceof GatewayError ? error.message : 'internal error';
  response.writeHead(error.httpStatus, { 'content-type': TEXT }).end(`${text}\n`);
}
