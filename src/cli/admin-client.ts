import { GatewayError } from '../lib/errors.ts';
import type { AdminFlags } from './admin-options.ts';
import { readToken } from './admin-token.ts';

const TIMEOUT_MS = 10_000;

/**
 * Asks the admin API of a running server.
 * Errors: GatewayError `unavailable` or `timeout` naming the server, `invalid_input` where there is no such thing.
 */
export async function askAdmin({ server, tokenFile }: AdminFlags, path: string): Promise<unknown> {
  const url = new URL(path, serverUrl(server));
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch (caught) {
    const isLate = caught instanceof Error && caught.name === 'TimeoutError';
    const why = isLate ? `does not answer within ${TIMEOUT_MS / 1000} s` : `cannot be reached (${reasonOf(caught)})`;
    throw new GatewayError(isLate ? 'timeout' : 'unavailable', `the server at ${url.host} ${why}: is it running?`, {
      cause: caught,
    });
  }
  const body = parseJson(text);
  if (response.ok && body !== undefined) return body;
  const message = errorOf(body) ?? `it answered ${response.status}`;
  if (response.status >= 400 && response.status < 500) throw new GatewayError('invalid_input', message);
  throw new GatewayError('unavailable', `the server at ${url.host}: ${message}`);
}

/** Shape: a URL, or `HOST:PORT` as the flags of addresses have it. Errors: GatewayError `usage`. */
function serverUrl(server: string): URL {
  const text = server.startsWith(':') ? `127.0.0.1${server}` : server;
  const full = /^https?:\/\//.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) throw new GatewayError('usage', `--server ${server}: write a URL or HOST:PORT`);
  return new URL(full);
}

/** Node says "fetch failed" and keeps the reason in the cause. */
function reasonOf(caught: unknown): string {
  const cause = caught instanceof Error ? (caught.cause ?? caught) : caught;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : String(cause);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function errorOf(body: unknown): string | undefined {
  return typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : undefined;
}
