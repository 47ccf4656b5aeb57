import type { GatewayError } from '../../lib/errors.ts';
import { type FetchContext, localTime } from '../fetch-context.ts';
import { isRecord, isText } from '../json.ts';
import type { Token } from '../token.ts';

/** Keys as instances, containers and programs give them. Shape: `answer` is parsed. Errors: GatewayError, of `fail`. */
export function sessionKeys(
  answer: unknown,
  tokenField: 'Token' | 'SessionToken',
  fail: (what: string) => GatewayError,
): Token {
  const { AccessKeyId, SecretAccessKey, Expiration, [tokenField]: token } = isRecord(answer) ? answer : {};
  if (!isText(AccessKeyId) || !isText(SecretAccessKey)) throw fail('gave no keys');
  const expiresAtMs = Expiration === undefined ? Number.POSITIVE_INFINITY : Date.parse(String(Expiration));
  if (Number.isNaN(expiresAtMs)) throw fail('gave keys with an Expiration that is none');
  const secret = { kind: 'aws', accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } as const;
  return { secret: isText(token) ? { ...secret, sessionToken: token } : secret, expiresAtMs };
}

/** The end of a token by the clock of the service as one by ours. */
export function byOurClock({ secret, expiresAtMs }: Token, url: string, context: FetchContext): Token {
  return { secret, expiresAtMs: localTime(url, expiresAtMs, context) };
}
