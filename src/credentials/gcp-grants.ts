/** The ways in which Google Cloud gives a token. */
import { createSign } from 'node:crypto';
import type { GcpServiceAccount } from '../ir/index.ts';
import { type FetchContext, localTime, serviceNow } from './fetch-context.ts';
import { isRecord } from './json.ts';
import { failure, requestJson } from './request.ts';
import { bearerToken, HEADER_TEXT, type Token } from './token.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** By a JWT that the key of the account signs. Source: RFC 7523, Google's OAuth 2.0 for service accounts. */
export async function serviceAccountToken(account: GcpServiceAccount, context: FetchContext): Promise<Token> {
  const { clientEmail, privateKey, privateKeyId, tokenUri: url } = account;
  const now = Math.floor(serviceNow(url, context) / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(privateKeyId !== undefined && { kid: privateKeyId }) };
  const claims = { iss: clientEmail, scope: SCOPE, aud: url, iat: now, exp: now + 3600 };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url');
  const form = { grant_type: JWT_BEARER, assertion: `${text}.${signature}` };
  return bearerToken(await requestJson({ url, form }, context), url);
}

export interface Exchange {
  readonly url: string;
  readonly audience: string;
  readonly token: string;
  readonly type: string;
}

/** A token of a federated identity for one of somebody else. Source: RFC 8693, Google's Security Token Service. */
export async function exchangeToken({ url, audience, token, type }: Exchange, context: FetchContext): Promise<Token> {
  const form = {
    grant_type: EXCHANGE,
    audience,
    scope: SCOPE,
    requested_token_type: ACCESS_TOKEN,
    subject_token: token,
    subject_token_type: type,
  };
  return bearerToken(await requestJson({ url, form }, context), url);
}

/** A token of the service account that `url` speaks of, for who may act as it. Source: IAM credentials API v1. */
export async function impersonatedToken(
  url: string,
  token: string,
  context: FetchContext,
  delegates?: readonly string[],
): Promise<Token> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await requestJson(
    { url, headers, json: { scope: [SCOPE], ...(delegates && { delegates }) } },
    context,
  );
  const { accessToken, expireTime } = isRecord(answer) ? answer : {};
  const expiresAtMs = Date.parse(String(expireTime));
  if (typeof accessToken !== 'string' || !HEADER_TEXT.test(accessToken) || Number.isNaN(expiresAtMs))
    throw failure(url, 'gave no token');
  return { secret: { kind: 'generic', value: accessToken }, expiresAtMs: localTime(url, expiresAtMs, context) };
}
