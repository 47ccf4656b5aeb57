import type { OidcClient } from '../ir/index.ts';
import type { FetchContext } from './fetch-context.ts';
import { isRecord, parseJson } from './json.ts';
import { failure, refusal, requestJson, send } from './request.ts';
import { bearerToken, tokenText } from './token.ts';

/**
 * A token of an identity provider for a client of its own (client credentials). Errors: GatewayError.
 * Source: RFC 6749 section 4.4, OpenID Connect Discovery 1.0.
 */
export async function clientToken(client: OidcClient, context: FetchContext): Promise<string> {
  const url = client.tokenEndpoint ?? (await discover(client.issuer, context));
  const form = {
    grant_type: client.grantType ?? 'client_credentials',
    scope: client.scopes.length > 0 ? client.scopes.join(' ') : undefined,
    audience: client.audience,
  };
  const id = `${encodeURIComponent(client.clientId)}:${encodeURIComponent(client.clientSecret)}`;
  const authorization = `Basic ${Buffer.from(id).toString('base64')}`;
  let answer = await send({ url, form, headers: { authorization } }, context);
  // Some take the secret in the form alone, and there is no telling before.
  if (answer.status === 400 || answer.status === 401) {
    const secrets = { client_id: client.clientId, client_secret: client.clientSecret };
    answer = await send({ url, form: { ...form, ...secrets } }, context);
  }
  if (answer.status !== 200) throw refusal(url, answer);
  return tokenText(bearerToken(parseJson(answer.text), url));
}

async function discover(issuer: string, context: FetchContext): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = await requestJson({ url }, context);
  const endpoint = isRecord(found) ? found.token_endpoint : undefined;
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) throw failure(url, 'names no token endpoint');
  return endpoint;
}
