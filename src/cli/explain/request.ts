import { readFile } from 'node:fs/promises';
import { INTERNAL_HEADERS } from '../../envoy/names.ts';
import { GatewayError } from '../../lib/errors.ts';
import { type CliIo, readStdin } from '../io.ts';
import { pathFrom } from '../source-options.ts';

/** Values of the flags that describe a request. */
export interface RequestFlags {
  readonly request?: string;
  readonly header?: readonly string[];
  readonly body?: string;
  readonly model?: string;
}

/** A request as a client would send it. */
export interface ClientRequest {
  readonly method: string;
  /** Absent where the command line gave a path alone. */
  readonly scheme?: 'http' | 'https';
  /** Absent: any listener's, since clients often reach a gateway through another port. */
  readonly port?: number;
  /** Host name, without port; empty when it was not said. */
  readonly host: string;
  /** Normalized, without query. */
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/**
 * Reads the request that a command line describes.
 * Shape: `target` is a path with query, or a URL that says host and port too.
 * Errors: GatewayError `usage` for a target or header that is none, `source_unreadable` for the file of the body.
 */
export async function readRequest(target: string, flags: RequestFlags, io: CliIo): Promise<ClientRequest> {
  const isUrl = /^https?:\/\//i.test(target);
  const url = URL.canParse(isUrl ? target : `http://-${target}`)
    ? new URL(isUrl ? target : `http://-${target}`)
    : undefined;
  if (url === undefined || !(isUrl || target.startsWith('/'))) {
    throw new GatewayError('usage', `"${target}" is neither a path that begins with a slash nor a URL`);
  }
  const headers = readHeaders(flags.header ?? []);
  const authority = headers.get('host') ?? (isUrl ? url.host : '');
  const body = await readBody(flags, io);
  if (flags.body !== undefined && flags.model !== undefined) {
    throw new GatewayError('usage', '--model stands for a body: give one of --model and --body');
  }
  // A client's own are taken away before the first route is chosen.
  for (const name of INTERNAL_HEADERS) headers.delete(name);
  const https = url.protocol === 'https:';
  return {
    method: (flags.request ?? (body === '' ? 'GET' : 'POST')).toUpperCase(),
    ...(isUrl && { scheme: https ? 'https' : 'http' }),
    ...(isUrl && url.port !== '' && { port: Number(url.port) }),
    host: authority.replace(/:\d+$/, '').toLowerCase(),
    path: url.pathname.replace(/\/{2,}/g, '/'),
    query: readQuery(url.search.slice(1)),
    headers,
    body,
  };
}

function readHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*?)\s*$/.exec(line) ?? [];
    // The value may be a secret: it is not repeated.
    if (name === undefined) throw new GatewayError('usage', "a header must be written as -H 'NAME: VALUE'");
    const before = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

/** As Envoy reads it: the first value counts, and a plus sign is a plus sign. */
function readQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const part of text.split('&').filter((item) => item !== '')) {
    const [name = '', value = ''] = part.split(/=(.*)/s).map(decode);
    if (!query.has(name)) query.set(name, value);
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function readBody({ body, model }: RequestFlags, io: CliIo): Promise<string> {
  if (model !== undefined) return JSON.stringify({ model });
  if (body === undefined) return '';
  if (body === '-') return readStdin(io);
  try {
    return await readFile(pathFrom(io, body), 'utf8');
  } catch (caught) {
    throw GatewayError.from(caught, 'source_unreadable', '--body');
  }
}
