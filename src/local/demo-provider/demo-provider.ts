import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../lib/errors.ts';
import type { Answer, Context } from './answer.ts';
import { answerMessage } from './anthropic.ts';
import { answerModels } from './models.ts';
import { answerChat, answerCompletion, answerEmbeddings } from './openai.ts';
import { anthropicErrorBody, openaiErrorBody, Refusal } from './refusal.ts';
import { answerResponse } from './responses.ts';

/** What a demo provider does instead of answering, to show failover. */
export interface DemoFailure {
  readonly status: 429 | 500 | 503;
  readonly retryAfterSeconds?: number;
  /** Fails each Nth request; every one by default. */
  readonly every?: number;
}

export interface DemoProviderOptions {
  /** Said in every answer, so that one sees who answered. */
  readonly name: string;
  /** Asked of every request, where given. */
  readonly apiKey?: string;
  /** The models that exist; any by default. */
  readonly models?: readonly string[];
  /** Pause before each event of a stream; none by default. */
  readonly chunkDelayMs?: number;
  readonly failure?: DemoFailure;
}

/** A provider for demonstrations: the real wire formats, an echo for a model. */
export interface DemoProvider {
  /** Listens on a port, 0 for any free one. Errors: `port_in_use`, `unavailable`. */
  listen(port: number, host?: string): Promise<void>;
  /** `http://127.0.0.1:1234`. Empty before `listen`. */
  readonly url: string;
  /** Ends at once what is still being answered. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 32 * 1024 * 1024;

type Endpoint = (json: unknown, context: Context) => Answer;

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/v1/chat/completions': answerChat,
  '/v1/completions': answerCompletion,
  '/v1/embeddings': answerEmbeddings,
  '/v1/responses': answerResponse,
  '/v1/messages': answerMessage,
};

/** Makes a demo provider; it serves after `listen`. */
export function createDemoProvider(options: DemoProviderOptions): DemoProvider {
  let serial = 0;
  const server = createServer((request, response) => {
    serial += 1;
    const context = { provider: options.name, serial, now: Math.floor(Date.now() / 1000) };
    serve(options, request, response, context).catch((caught: unknown) => {
      // The client went away, or a bug: in both cases nobody is left to tell.
      response.destroy(caught instanceof Error ? caught : undefined);
    });
  });
  let url = '';
  return {
    get url() {
      return url;
    },
    async listen(port, host = '127.0.0.1') {
      try {
        server.listen(port, host);
        await once(server, 'listening');
      } catch (caught) {
        const isTaken = (caught as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (!isTaken) throw GatewayError.from(caught, 'unavailable', `demo provider ${options.name}`);
        const text = `demo provider ${options.name}: ${host}:${port} is already in use`;
        throw new GatewayError('port_in_use', text, { cause: caught });
      }
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  options: DemoProviderOptions,
  request: IncomingMessage,
  response: ServerResponse,
  context: Context,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://demo').pathname;
  const isAnthropic = path === '/v1/messages' || request.headers['anthropic-version'] !== undefined;
  const requestId = `req_demo_${context.serial}`;
  response.setHeader(isAnthropic ? 'request-id' : 'x-request-id', requestId);
  try {
    const answer = await answerTo(options, request, path, context);
    await send(response, answer, options.chunkDelayMs ?? 0);
  } catch (caught) {
    if (!(caught instanceof Refusal)) throw caught;
    if (caught.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(caught.retryAfterSeconds));
    response.setHeader('content-type', 'application/json');
    response.statusCode = caught.status;
    const body = isAnthropic ? anthropicErrorBody(caught, requestId) : openaiErrorBody(caught);
    response.end(JSON.stringify(body));
  }
}

async function answerTo(
  options: DemoProviderOptions,
  request: IncomingMessage,
  path: string,
  context: Context,
): Promise<Answer> {
  // Read to its end before anything is refused, or the connection could not be used again.
  const body = await readBody(request);
  checkKey(options, request);
  const { failure } = options;
  if (failure !== undefined && context.serial % (failure.every ?? 1) === 0) throw failureOf(failure);
  const { method } = request;
  if (method === 'GET') {
    const models = answerModels(path, options, request.headers['anthropic-version'] !== undefined);
    if (models !== undefined) return models;
  }
  const endpoint = ENDPOINTS[path];
  if (endpoint === undefined) throw new Refusal(404, `Invalid URL (${method} ${path})`);
  if (method !== 'POST') throw new Refusal(405, `Not allowed to ${method} on ${path} (HINT: use POST)`);
  if (path === '/v1/messages' && request.headers['anthropic-version'] === undefined) {
    throw new Refusal(400, 'anthropic-version: header is required');
  }
  const json = parseJson(request, body);
  const answer = endpoint(json, context);
  const { model } = json as { model: string };
  if (options.models !== undefined && !options.models.includes(model)) throw noSuchModel(model);
  return answer;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `The request is larger than ${MAX_BODY_BYTES} bytes.`);
  return Buffer.concat(chunks);
}

function checkKey({ apiKey }: DemoProviderOptions, request: IncomingMessage): void {
  if (apiKey === undefined) return;
  const { authorization } = request.headers;
  const given = request.headers['x-api-key'] ?? /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
  const detail = { code: 'invalid_api_key' };
  if (given === undefined) throw new Refusal(401, "You didn't provide an API key.", detail);
  // The key itself is not repeated: whose it is nobody knows.
  if (given !== apiKey) throw new Refusal(401, 'Incorrect API key provided.', detail);
}

function failureOf({ status, retryAfterSeconds }: DemoFailure): Refusal {
  const type = status === 429 ? 'rate_limit_exceeded' : 'server_error';
  const message = status === 429 ? 'Rate limit reached.' : 'The server had an error while processing your request.';
  return new Refusal(status, message, { type, retryAfterSeconds, ...(status === 429 ? { code: type } : {}) });
}

function noSuchModel(model: string): Refusal {
  return new Refusal(404, `The model '${model}' does not exist.`, { param: 'model', code: 'model_not_found' });
}

function parseJson(request: IncomingMessage, body: Buffer): unknown {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new Refusal(415, "This API only accepts 'application/json' requests.");
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new Refusal(400, 'We could not parse the JSON body of your request.');
  }
}

async function send(response: ServerResponse, answer: Answer, chunkDelayMs: number): Promise<void> {
  if (answer.kind === 'json') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer.body));
    return;
  }
  response.setHeader('content-type', 'text/event-stream; charset=utf-8');
  response.setHeader('cache-control', 'no-cache');
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  for (const event of answer.events) {
    if (chunkDelayMs > 0) await sleep(chunkDelayMs, undefined, { signal: gone.signal });
    if (!response.write(event)) await once(response, 'drain', { signal: gone.signal });
  }
  response.end();
}
