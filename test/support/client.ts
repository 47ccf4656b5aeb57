/** A plain HTTP client for tests: sends exactly what it is told, and shows everything that comes back. */
import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as h2Connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { jsonOrUndefined, parseSse, type SseEvent } from './sse.ts';

/** A request. `body`: text and bytes go as they are, any other value as JSON with its content type. */
export interface RequestOptions {
  readonly port: number;
  readonly address?: string;
  readonly method?: string;
  readonly path?: string;
  /** The `host` header. */
  readonly host?: string;
  /** A list of pairs keeps order and repeated names. */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly body?: unknown;
  readonly tls?: { readonly ca: string; readonly serverName: string; readonly cert?: string; readonly key?: string };
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
  /** Without any byte for this long the request fails; default 20 s. */
  readonly timeoutMs?: number;
  readonly onHeaders?: (status: number) => void;
  /** Called with each piece of the body when it arrives. */
  readonly onChunk?: (text: string) => void;
}

/** What came back. Shape: times in milliseconds since the request was started. */
export interface ClientResponse {
  readonly status: number;
  readonly httpVersion: string;
  /** Lower-case names; repeated values joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly text: string;
  readonly json: unknown;
  readonly trailers: Readonly<Record<string, string>>;
  readonly chunks: readonly { readonly atMs: number; readonly text: string }[];
  /** The connection broke before the end of the body. */
  readonly isCut: boolean;
  readonly headersAtMs: number;
  readonly endAtMs: number;
  readonly sse: () => SseEvent[];
}

/** Sends a request over HTTP/1.1. Errors: rejects when no response came; a cut body is `isCut`. */
export function request(options: RequestOptions): Promise<ClientResponse> {
  const { body, headers } = encodeBody(options);
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const call = open(options, headers);
    call.setTimeout(options.timeoutMs ?? 20_000, () => call.destroy(new Error('no byte within the timeout')));
    let hasResponse = false;
    // After the headers a reset shows in the response as a cut body.
    call.on('error', (error) => (hasResponse ? undefined : reject(error)));
    call.on('response', (response) => {
      hasResponse = true;
      options.onHeaders?.(response.statusCode ?? 0);
      const headersAtMs = performance.now() - startMs;
      void readResponse(response, startMs, options.onChunk).then((read) =>
        resolve(toResponse(response, read, headersAtMs)),
      );
    });
    call.end(body);
  });
}

/** POSTs JSON. */
export function postJson(port: number, path: string, body: unknown, headers: Record<string, string> = {}) {
  return request({ port, path, body, headers });
}

function open(options: RequestOptions, headers: readonly (readonly [string, string])[]): ClientRequest {
  const common = {
    host: options.address ?? '127.0.0.1',
    port: options.port,
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    path: options.path ?? '/',
    headers: headers.flat(),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.agent === undefined ? { agent: false as const } : { agent: options.agent }),
  };
  const { tls } = options;
  if (tls === undefined) return httpRequest(common);
  const identity = tls.cert === undefined || tls.key === undefined ? {} : { cert: tls.cert, key: tls.key };
  return httpsRequest({ ...common, agent: false, ca: tls.ca, servername: tls.serverName, ...identity });
}

interface EncodedRequest {
  readonly body: Buffer | undefined;
  readonly headers: [string, string][];
}

function encodeBody(options: RequestOptions): EncodedRequest {
  const given = options.headers ?? {};
  const headers = (Array.isArray(given) ? given : Object.entries(given)).map(([name, value]): [string, string] => [
    String(name),
    String(value),
  ]);
  const has = (name: string): boolean => headers.some(([other]) => other.toLowerCase() === name);
  // A list of headers makes Node add none of its own.
  if (!has('host')) headers.unshift(['host', options.host ?? `${options.address ?? '127.0.0.1'}:${options.port}`]);
  const { body } = options;
  if (body === undefined) return { body: undefined, headers };
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const bytes = isRaw ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
  if (!has('content-type')) headers.push(['content-type', 'application/json']);
  if (!has('content-length') && !has('transfer-encoding')) headers.push(['content-length', String(bytes.length)]);
  return { body: bytes, headers };
}

interface ReadBody {
  readonly body: Buffer;
  readonly chunks: readonly { readonly atMs: number; readonly text: string }[];
  readonly isCut: boolean;
  readonly endAtMs: number;
}

function readResponse(
  response: IncomingMessage,
  startMs: number,
  onChunk: ((text: string) => void) | undefined,
): Promise<ReadBody> {
  const pieces: Buffer[] = [];
  const chunks: { atMs: number; text: string }[] = [];
  return new Promise((resolve) => {
    const done = (isCut: boolean): void =>
      resolve({ body: Buffer.concat(pieces), chunks, isCut, endAtMs: performance.now() - startMs });
    response.on('data', (piece: Buffer) => {
      pieces.push(piece);
      chunks.push({ atMs: performance.now() - startMs, text: piece.toString('utf8') });
      onChunk?.(piece.toString('utf8'));
    });
    response.on('end', () => done(false));
    response.on('error', () => done(true));
    response.on('close', () => done(!response.complete));
  });
}

function toResponse(response: IncomingMessage, read: ReadBody, headersAtMs: number): ClientResponse {
  const text = read.body.toString('utf8');
  const headers = Object.fromEntries(
    Object.entries(response.headersDistinct).map(([name, values]) => [name, (values ?? []).join(', ')]),
  );
  return {
    status: response.statusCode ?? 0,
    httpVersion: response.httpVersion,
    headers,
    rawHeaders: response.rawHeaders,
    ...read,
    text,
    json: jsonOrUndefined(text),
    trailers: Object.fromEntries(Object.entries(response.trailers).map(([name, value]) => [name, String(value)])),
    headersAtMs,
    sse: () => parseSse(text),
  };
}

/** Sends a request over HTTP/2 (TLS by ALPN, or prior knowledge without TLS) on a connection of its own. */
export async function requestH2(options: RequestOptions): Promise<ClientResponse> {
  const { tls } = options;
  const { body, headers } = encodeBody(options);
  const target = `${tls === undefined ? 'http' : 'https'}://${options.address ?? '127.0.0.1'}:${options.port}`;
  const session = h2Connect(target, tls === undefined ? {} : { ca: tls.ca, servername: tls.serverName });
  const startMs = performance.now();
  try {
    return await new Promise<ClientResponse>((resolve, reject) => {
      session.on('error', reject);
      const plain = headers.filter(([name]) => name.toLowerCase() !== 'host');
      const stream = session.request({
        ':method': options.method ?? (body === undefined ? 'GET' : 'POST'),
        ':path': options.path ?? '/',
        ':authority': options.host ?? headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? '',
        ...Object.fromEntries(plain),
      });
      stream.setTimeout(options.timeoutMs ?? 20_000, () => stream.destroy(new Error('no byte within the timeout')));
      const pieces: Buffer[] = [];
      const chunks: { atMs: number; text: string }[] = [];
      let status = 0;
      let headersAtMs = 0;
      let seen: Record<string, string> = {};
      stream.on('error', (error) => (status === 0 ? reject(error) : undefined));
      stream.on('response', (received) => {
        status = Number(received[':status']);
        headersAtMs = performance.now() - startMs;
        seen = Object.fromEntries(Object.entries(received).map(([name, value]) => [name, String(value)]));
      });
      stream.on('data', (piece: Buffer) => {
        pieces.push(piece);
        chunks.push({ atMs: performance.now() - startMs, text: piece.toString('utf8') });
      });
      stream.on('close', () => {
        const bytes = Buffer.concat(pieces);
        const text = bytes.toString('utf8');
        const common = { status, httpVersion: '2.0', headers: seen, rawHeaders: [], trailers: {}, chunks, headersAtMs };
        const isCut = stream.rstCode !== 0;
        const endAtMs = performance.now() - startMs;
        resolve({
          ...common,
          body: bytes,
          text,
          json: jsonOrUndefined(text),
          isCut,
          endAtMs,
          sse: () => parseSse(text),
        });
      });
      stream.end(body);
    });
  } finally {
    session.close();
  }
}
