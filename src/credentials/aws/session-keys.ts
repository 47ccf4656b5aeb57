import type { GatewayError } from '../../lib/errors.ts';
import { type FetchContext, localTime } from '../fetch-context.ts';
import { isRecord, isText, parseJson } from '../json.ts';
import type { Token } from '../token.ts';

/** Keys as instances, containers and programs give them. Errors: GatewayError, of `fail`. */
export function sessionKeys(
  text: string,
  tokenField: 'Token' | 'SessionToken',
  fail: (what: string) => GatewayError,
): Token {
  const answer = parseJson(text);
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
