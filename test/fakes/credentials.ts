/** Looks for credentials in a request that do not belong to the provider which received it. */
import type { RecordedRequest } from './recorded.ts';

/** A credential that had no business here. */
export interface ForeignCredential {
  readonly n: number;
  /** A header's name, or `?name` for a query parameter. */
  readonly where: string;
  readonly value: string;
}

const NAMES = new Set([
  ...['authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'cookie'],
  ...['cf-access-jwt-assertion', 'cf-access-client-secret', 'x-pomerium-jwt-assertion', 'x-serverless-authorization'],
  ...['x-forwarded-access-token', 'x-auth-request-access-token', 'ocp-apim-subscription-key'],
]);
const PREFIXES = ['x-aigw-', 'x-amz-', 'x-amzn-oidc-', 'x-goog-', 'x-ms-token-'];
const QUERY = ['key', 'api_key', 'api-key', 'access_token', 'subscription-key'];

/** Every credential of the request that `owns` does not claim. */
export function foreignCredentials(
  request: RecordedRequest,
  owns: (header: string, value: string) => boolean,
): ForeignCredential[] {
  const found: ForeignCredential[] = [];
  for (const [rawName, value] of request.rawHeaders) {
    const name = rawName.toLowerCase();
    const carries = NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
    if (carries && !owns(name, value)) found.push({ n: request.n, where: name, value });
  }
  for (const name of QUERY) {
    const value = request.query.get(name);
    if (value !== null) found.push({ n: request.n, where: `?${name}`, value });
  }
  return found;
}

const SINGLE = ['host', 'authorization', 'x-api-key', 'api-key', 'content-type', 'content-length', 'anthropic-version'];

/** Headers that may occur once and occur more often: servers disagree on which of them counts. */
export function repeatedHeaders(request: RecordedRequest): string[] {
  const names = request.rawHeaders.map(([name]) => name.toLowerCase());
  return SINGLE.filter((name) => names.filter((other) => other === name).length > 1);
}
