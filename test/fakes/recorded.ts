/** Reading and keeping a request exactly as it came over the wire. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { type FormPart, parseMultipart } from './multipart.ts';
import type { Usage } from './settings.ts';
import { duplicateKeys } from './strict-json.ts';

/** A request of either protocol, as Node's compatible servers hand it out. */
export type ServerRequest = IncomingMessage | Http2ServerRequest;

/** What became of a request; filled in while it is answered. */
export interface Outcome {
  status: number | undefined;
  /** The usage that the answer carries, or would have carried had it been asked for. */
  usage: Usage | undefined;
  /** The peer closed before the answer was complete. */
  clientAborted: boolean;
  /** Milliseconds (performance.now) when the answer ended, in whatever way. */
  endedAtMs: number | undefined;
}

/** One request as received. Shape: `atMs` is performance.now() at its headers. */
export interface RecordedRequest {
  readonly n: number;
  readonly atMs: number;
  readonly method: string;
  /** The request target as sent, query included. */
  readonly path: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly httpVersion: string;
  readonly serverName: string | undefined;
  /** Names and values in order, as received. */
  readonly rawHeaders: readonly (readonly [string, string])[];
  /** Lower-case names; repeated values joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly json: unknown;
  readonly jsonError: string | undefined;
  /** Paths of keys that an object holds twice, such as `model` or `messages.0.role`. */
  readonly duplicateKeys: readonly string[];
  readonly form: readonly FormPart[] | undefined;
  /** False when the peer went away, or announced more bytes than it sent. */
  readonly complete: boolean;
  /** The peer's port: tells connections apart. */
  readonly remotePort: number | undefined;
  readonly outcome: Outcome;
}

/** The media type of a request without parameters, lower-case. */
export function mediaType(request: RecordedRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Reads a request to its end; one whose peer goes away is returned incomplete, never thrown. */
export async function readRequest(source: ServerRequest, n: number): Promise<RecordedRequest> {
  const atMs = performance.now();
  const { body, complete } = await readBody(source);
  const path = source.url ?? '';
  const target = new URL(path, 'http://fake.invalid');
  const rawHeaders = pairs(source.rawHeaders);
  const headers = joined(rawHeaders);
  const type = headers['content-type'] ?? '';
  const { json, jsonError } = parsed(body, type);
  return {
    n,
    atMs,
    method: source.method ?? '',
    path,
    pathname: target.pathname,
    query: target.searchParams,
    httpVersion: source.httpVersion,
    serverName: serverName(source),
    rawHeaders,
    headers,
    body,
    json,
    jsonError,
    // Found when somebody asks: it costs more than everything else under load.
    get duplicateKeys() {
      return json === undefined ? [] : duplicateKeys(body.toString('utf8'));
    },
    form: type.startsWith('multipart/form-data') ? parseMultipart(body, type) : undefined,
    complete,
    remotePort: source.socket?.remotePort,
    outcome: { status: undefined, usage: undefined, clientAborted: false, endedAtMs: undefined },
  };
}

async function readBody(source: ServerRequest): Promise<{ body: Buffer; complete: boolean }> {
  const pieces: Buffer[] = [];
  return new Promise((resolve) => {
    const done = (complete: boolean): void => resolve({ body: Buffer.concat(pieces), complete });
    source.on('data', (piece: Buffer) => pieces.push(piece));
    source.on('end', () => done(true));
    source.on('aborted', () => done(false));
    source.on('error', () => done(false));
    source.on('close', () => done(false));
  });
}

function parsed(body: Buffer, type: string): Pick<RecordedRequest, 'json' | 'jsonError'> {
  if (body.length === 0 || type.startsWith('multipart/')) return { json: undefined, jsonError: undefined };
  try {
    return { json: JSON.parse(body.toString('utf8')) as unknown, jsonError: undefined };
  } catch (error) {
    return { json: undefined, jsonError: String(error) };
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) list.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return list;
}

function joined(rawHeaders: readonly (readonly [string, string])[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of rawHeaders) {
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  return headers;
}

function serverName(source: ServerRequest): string | undefined {
  const name = (source.socket as Partial<TLSSocket> | undefined)?.servername;
  return typeof name === 'string' ? name : undefined;
}
