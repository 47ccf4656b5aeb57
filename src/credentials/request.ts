/** Requests to token services. What they answer may hold anything, so only codes of known shape get into an error. */
import { GatewayError } from '../lib/errors.ts';
import type { FetchContext } from './fetch-context.ts';
import { isRecord, parseJson } from './json.ts';

/** Longer answers are no token. */
const MAX_BYTES = 1024 * 1024;
/** Clocks that differ by less agree: `date` has whole seconds, and an answer takes its time. */
const AGREEING_MS = 20_000;

export interface TokenRequest {
  readonly url: string;
  /** Without a body. */
  readonly method?: 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** Form fields make it a POST. */
  readonly form?: Readonly<Record<string, string | undefined>>;
  /** A JSON body makes it a POST. */
  readonly json?: unknown;
}

export interface TokenAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** Sends a request and reads its answer. Errors: GatewayError `provider_failed`, `timeout`. */
export async function send(request: TokenRequest, { signal, skews }: FetchContext): Promise<TokenAnswer> {
  const { url, headers, json } = request;
  const body = bodyOf(request);
  try {
    const response = await fetch(url, {
      method: request.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        accept: 'application/json',
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(request.form && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(body !== undefined && { body }),
      // A secret goes to whom it is meant for.
      redirect: 'error',
      signal,
    });
    noteClock(url, response.headers, skews);
    return { status: response.status, text: await readText(response, url), headers: response.headers };
  } catch (caught) {
    throw requestError(caught, url);
  }
}

/** The form as it is sent: fields without a value are left out. */
export function encodeForm(form: NonNullable<TokenRequest['form']>): string {
  return new URLSearchParams(
    Object.entries(form).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  ).toString();
}

/** The JSON of an answer that is a success. Errors: GatewayError `provider_failed`. */
export async function requestJson(request: TokenRequest, context: FetchContext): Promise<unknown> {
  const answer = await send(request, context);
  if (answer.status !== 200) throw refusal(request.url, answer);
  const value = parseJson(answer.text);
  if (!isRecord(value)) throw failure(request.url, 'gave no JSON object');
  return value;
}

/** What a service said no to a request with. */
export function refusal(url: string, { status, text }: TokenAnswer): GatewayError {
  const code = errorCode(text);
  return failure(url, `answered ${status}${code === undefined ? '' : ` ${code}`}`);
}

export function failure(url: string, what: string): GatewayError {
  return new GatewayError('provider_failed', `${placeOf(url)} ${what}`);
}

function bodyOf({ form, json }: TokenRequest): string | undefined {
  if (form) return encodeForm(form);
  return json === undefined ? undefined : JSON.stringify(json);
}

function noteClock(url: string, headers: Headers, skews: FetchContext['skews']): void {
  const skew = Date.parse(headers.get('date') ?? '') - Date.now();
  if (Number.isNaN(skew)) return;
  skews.set(new URL(url).host, Math.abs(skew) < AGREEING_MS ? 0 : skew);
}

async function readText(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > MAX_BYTES) throw failure(url, 'answered more than a token takes');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function requestError(caught: unknown, url: string): GatewayError {
  if (caught instanceof GatewayError) return caught;
  const name = caught instanceof Error ? caught.name : '';
  if (name === 'TimeoutError') return new GatewayError('timeout', `${placeOf(url)} did not answer in time`);
  if (name === 'AbortError') return new GatewayError('cancelled', `${placeOf(url)} is not waited for any more`);
  const cause = caught instanceof Error ? caught.cause : undefined;
  const code = isRecord(cause) || cause instanceof Error ? (cause as { code?: unknown }).code : undefined;
  return failure(url, typeof code === 'string' ? `cannot be reached: ${code}` : 'cannot be reached');
}

/** Host and path: a query may hold anything. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'the token service';
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

const CODE = /^[\w.-]{1,64}$/;

/** The error code of OAuth, Google or AWS (XML, JSON), and that of Entra ID, which says more. */
function errorCode(text: string): string | undefined {
  const xml = /<Code>([\w.-]{1,64})<\/Code>/.exec(text)?.[1];
  if (xml !== undefined) return xml;
  const fields = parseJson(text);
  if (!isRecord(fields)) return undefined;
  const { error, error_description, __type } = fields;
  // AWS may write its namespace in front.
  const code = isRecord(error) ? error.status : typeof __type === 'string' ? __type.replace(/^.*#/, '') : error;
  const detail = typeof error_description === 'string' ? /^AADSTS\d{1,9}/.exec(error_description)?.[0] : undefined;
  return typeof code === 'string' && CODE.test(code) ? [code, detail].filter(Boolean).join(' ') : detail;
}
