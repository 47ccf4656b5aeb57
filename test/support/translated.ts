/** One translated exchange with a fake: what the processor and Envoy do between a client and a provider, without them. */
import type { EndpointName, ProviderIr } from '../../src/ir/index.ts';
import { GatewayError } from '../../src/lib/errors.ts';
import { translatedPath } from '../../src/providers/index.ts';
import type { Attempt } from '../../src/providers/translation.ts';
import { clientError, createTranslation } from '../../src/providers/translations.ts';
import type { Fake } from '../fakes/index.ts';
import { postSigned } from './aws-client.ts';
import { request } from './client.ts';
import { jsonOrUndefined, parseSse, type SseEvent } from './sse.ts';

/** Who is asked, and with what. */
export interface Exchange {
  readonly fake: Fake;
  readonly endpoint: EndpointName;
  readonly provider: ProviderIr;
  /** Credentials that a gateway would add. AWS's are a signature. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly aws?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** The model of the attempt, which stands in the body. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly unsupported?: 'report' | 'refuse';
  /** Bytes of a piece in which the answer is given to the translation. */
  readonly cut?: number;
}

/** What the client sees. */
export interface Translated {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly json: Record<string, unknown>;
  readonly events: readonly SseEvent[];
  readonly unsupported: readonly string[];
  /** What the provider answered; undefined where the request did not get there. */
  readonly provider: { readonly status: number; readonly body: Buffer } | undefined;
}

/** An attempt with nothing left to chance. */
export function attemptOf({ endpoint, provider, unsupported = 'report' }: Omit<Exchange, 'fake' | 'body'>): Attempt {
  return { endpoint, provider, requestId: 'req1', nowSeconds: 1_700_000_000, unsupported };
}

/** Sends a client's body to a fake by translation. */
export async function exchange(one: Exchange): Promise<Translated> {
  const translation = createTranslation(attemptOf(one));
  const sent = refusalOf(one.endpoint, () => translation.request(Buffer.from(JSON.stringify(one.body))));
  if (!('stream' in sent)) return sent;
  const paths = translatedPath(one.endpoint, one.provider);
  if (paths === undefined) throw new Error(`${one.endpoint} has no path at ${one.provider.schema}`);
  const template = sent.stream ? (paths.stream ?? paths.path) : paths.path;
  const path = template.replace('{model}', encodeURIComponent(String(one.body.model)));
  const headers = { ...one.headers, ...Object.fromEntries(sent.headers), 'content-type': 'application/json' };
  const { port } = one.fake;
  const body = Buffer.from(sent.body);
  const answer =
    one.aws === undefined
      ? await request({ port, method: 'POST', path, headers, body })
      : await postSigned({ port, path, body: body.toString('utf8'), credentials: one.aws });
  const response = translation.response(answer.status, new Map(Object.entries(answer.headers)));
  const size = one.cut ?? Math.max(1, answer.body.length);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < answer.body.length; at += size) pieces.push(response.push(answer.body.subarray(at, at + size)));
  pieces.push(response.end());
  const provider = { status: answer.status, body: answer.body };
  return seen(response.status(), response.contentType, Buffer.concat(pieces), sent.unsupported, provider);
}

/** The result, or what the client is told instead of one. */
function refusalOf<T>(endpoint: EndpointName, run: () => T): T | Translated {
  try {
    return run();
  } catch (caught) {
    if (!(caught instanceof GatewayError)) throw caught;
    const { status, body } = clientError(endpoint, caught);
    return seen(status, 'application/json', Buffer.from(body), [], undefined);
  }
}

function seen(
  status: number,
  contentType: string,
  body: Buffer,
  unsupported: readonly string[],
  provider: Translated['provider'],
): Translated {
  const text = body.toString('utf8');
  const json = (jsonOrUndefined(text) ?? {}) as Record<string, unknown>;
  const events = contentType === 'text/event-stream' ? parseSse(text) : [];
  return { status, contentType, text, json, events, unsupported, provider };
}
