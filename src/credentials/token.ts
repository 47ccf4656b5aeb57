import type { SecretValue } from '../ir/index.ts';
import { isRecord } from './json.ts';
import { failure } from './request.ts';

/** A token, and when it ends (ms since 1970; `Infinity`: nobody says). */
export interface Token {
  readonly secret: SecretValue;
  readonly expiresAtMs: number;
}

/** What a header can carry. */
export const HEADER_TEXT = /^[\x21-\x7e]+$/;

/** Where a token service does not say how long a token lasts. */
const DEFAULT_LIFETIME_S = 300;

/** The access token of an OAuth answer. Errors: GatewayError `provider_failed`. */
export function bearerToken(answer: unknown, url: string): Token {
  const fields = isRecord(answer) ? answer : {};
  const value = fields.access_token ?? fields.id_token;
  if (typeof value !== 'string' || !HEADER_TEXT.test(value)) throw failure(url, 'gave no token');
  // Azure may send numbers as texts, and App Service says the end alone.
  const said = fields.expires_in ?? (fields.expires_on === undefined ? undefined : secondsUntil(fields.expires_on));
  const seconds = Number(said ?? DEFAULT_LIFETIME_S);
  const lifetime = Number.isFinite(seconds) && seconds > 0 ? seconds : DEFAULT_LIFETIME_S;
  return { secret: { kind: 'generic', value }, expiresAtMs: Date.now() + lifetime * 1000 };
}

function secondsUntil(unixSeconds: unknown): number {
  return Number(unixSeconds) - Date.now() / 1000;
}

/** The text of a token that is exchanged for another one. */
export function tokenText({ secret }: Token): string {
  return secret.kind === 'generic' ? secret.value : '';
}
