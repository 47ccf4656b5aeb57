import { API_ENDPOINTS, type EndpointName, type ProviderIr } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { createLru } from '../lib/lru.ts';
import {
  ANSWER_ATTRIBUTE,
  ANSWER_SEPARATOR,
  ATTEMPT_ATTRIBUTE,
  CONNECTED_ATTRIBUTE,
  PROVIDER_ATTRIBUTE,
  READ_HEADERS,
  REFUSAL_ATTRIBUTE,
} from '../providers/attempt-facts.ts';
import type { Attempt } from '../providers/translation.ts';

const BETAS = 'betas=';
const ENDPOINTS: ReadonlySet<string> = new Set(API_ENDPOINTS.map(({ name }) => name));

/** Providers by their text: a processor serves few, each many times. */
const providers = createLru<ProviderIr>(1000);

export interface AskedAttempt extends Pick<Attempt, 'endpoint' | 'provider' | 'unsupported'> {
  readonly betas: readonly string[];
  /** Another backend may follow. */
  readonly mayGoOn: boolean;
  /** To the provider. */
  readonly isConnected: boolean;
  /** It is reached without TLS. */
  readonly isNear: boolean;
  /** Of a request that is mirrored: nobody waits for it, and its answer does not come here. */
  readonly isCopy: boolean;
}

/** What Envoy tells of an attempt. Errors: GatewayError `unavailable` where it tells something else. */
export function readAttempt(attributes: ReadonlyMap<string, string>): AskedAttempt {
  const text = attributes.get(ATTEMPT_ATTRIBUTE) ?? '';
  const at = text.indexOf('{');
  const [endpoint = '', ...words] = (at < 0 ? text : text.slice(0, at)).split(' ');
  const provider = at < 0 ? attributes.get(PROVIDER_ATTRIBUTE) : text.slice(at);
  if (!isEndpoint(endpoint) || provider === undefined) {
    throw new GatewayError('unavailable', 'The gateway does not say what is to be translated.');
  }
  return {
    endpoint,
    provider: providers.take(provider, () => JSON.parse(provider) as ProviderIr),
    unsupported: words.includes('refuse') ? 'refuse' : 'report',
    mayGoOn: words.includes('else'),
    isConnected: attributes.has(CONNECTED_ATTRIBUTE),
    isNear: words.includes('near'),
    isCopy: words.includes('copy'),
    betas: (words.find((word) => word.startsWith(BETAS)) ?? '').slice(BETAS.length).split(',').filter(Boolean),
  };
}

function isEndpoint(name: string): name is EndpointName {
  return ENDPOINTS.has(name);
}

/** How an attempt is refused. Errors: GatewayError `invalid_input`. */
export function readRefusal(attributes: ReadonlyMap<string, string>): {
  readonly status: number;
  readonly body: Buffer;
  readonly isConnected: boolean;
} {
  const [, status, body] = /^(\d{3}) (.*)$/s.exec(attributes.get(REFUSAL_ATTRIBUTE) ?? '') ?? [];
  if (body === undefined) throw new GatewayError('invalid_input', 'a refusal without a reason');
  return { status: Number(status), body: Buffer.from(body), isConnected: attributes.has(CONNECTED_ATTRIBUTE) };
}

const ENCODING_AT = READ_HEADERS.indexOf('content-encoding');

/** How the body of an answer is encoded; `identity` where it is not. */
export function readAnswerEncoding(attributes: ReadonlyMap<string, string>): string {
  return attributes.get(ANSWER_ATTRIBUTE)?.split(ANSWER_SEPARATOR)[ENCODING_AT]?.trim().toLowerCase() || 'identity';
}

/** Status and headers of an answer, as much as translations read of them: these get its body decompressed. */
export function readAnswerHead(attributes: ReadonlyMap<string, string>): {
  status: number;
  headers: ReadonlyMap<string, string>;
} {
  const headers = new Map<string, string>();
  const values = attributes.get(ANSWER_ATTRIBUTE)?.split(ANSWER_SEPARATOR) ?? [];
  READ_HEADERS.forEach((name, at) => {
    const value = values[at];
    if (value) headers.set(name, value);
  });
  const status = Number(headers.get(':status'));
  headers.delete(':status');
  headers.delete('content-encoding');
  if (!Number.isInteger(status))
    throw new GatewayError('unavailable', 'The gateway does not say the status of an answer.');
  return { status, headers };
}
