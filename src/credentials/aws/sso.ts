/**
 * IAM Identity Center: who has signed in with the AWS CLI (`aws sso login`) gets keys of a role, and a new sign-in by the
 * refresh token as long as that is good. Source: IAM Identity Center OIDC and portal API references; the token provider
 * of AWS SDKs and Tools.
 */
import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AwsSsoSource } from '../../ir/index.ts';
import { GatewayError } from '../../lib/errors.ts';
import { awsDomain } from '../../providers/index.ts';
import { type FetchContext, localTime } from '../fetch-context.ts';
import { isRecord, isText, parseJson } from '../json.ts';
import { failure, requestJson } from '../request.ts';
import { HEADER_TEXT, type Token } from '../token.ts';

/** A sign-in that ends sooner is renewed before it is used. */
const WINDOW_MS = 5 * 60_000;

type Json = Readonly<Record<string, unknown>>;

/** Errors: GatewayError. */
export async function ssoKeys(source: AwsSsoSource, context: FetchContext): Promise<Token> {
  const { region, accountId, roleName } = source;
  const accessToken = await signedIn(source, context);
  const query = new URLSearchParams({ role_name: roleName, account_id: accountId });
  const base = endpoint(context.env.AWS_ENDPOINT_URL_SSO, `portal.sso.${region}`, region);
  const url = `${base}/federation/credentials?${query}`;
  const answer = await requestJson({ url, headers: { 'x-amz-sso_bearer_token': accessToken } }, context);
  const keys = isRecord(answer) && isRecord(answer.roleCredentials) ? answer.roleCredentials : {};
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = keys;
  const isWhole = isText(accessKeyId) && isText(secretAccessKey) && isText(sessionToken);
  if (!isWhole || typeof expiration !== 'number') throw failure(url, 'gave no keys');
  return {
    secret: { kind: 'aws', accessKeyId, secretAccessKey, sessionToken },
    expiresAtMs: localTime(url, expiration, context),
  };
}

/** The token of the sign-in. */
async function signedIn(source: AwsSsoSource, context: FetchContext): Promise<string> {
  const path = cachePath(source.session, context);
  const cached = parseJson(await readFile(path, { encoding: 'utf8', signal: context.signal }).catch(() => ''));
  if (!isRecord(cached) || !isText(cached.accessToken) || !HEADER_TEXT.test(cached.accessToken)) {
    throw signInAgain('nobody has signed in to IAM Identity Center');
  }
  const leftMs = Date.parse(String(cached.expiresAt)) - Date.now();
  if (leftMs > WINDOW_MS) return cached.accessToken;
  if (canRenew(cached)) {
    try {
      return await renew(path, cached, source.region, context);
    } catch (error) {
      if (!(leftMs > 0)) throw error;
    }
  }
  if (leftMs > 0) return cached.accessToken;
  throw signInAgain('the sign-in to IAM Identity Center has ended');
}

function canRenew({ clientId, clientSecret, refreshToken, registrationExpiresAt }: Json): boolean {
  return [clientId, clientSecret, refreshToken].every(isText) && Date.parse(String(registrationExpiresAt)) > Date.now();
}

async function renew(path: string, cached: Json, region: string, context: FetchContext): Promise<string> {
  const { clientId, clientSecret, refreshToken } = cached;
  const url = `${endpoint(context.env.AWS_ENDPOINT_URL_SSO_OIDC, `oidc.${region}`, region)}/token`;
  const json = { clientId, clientSecret, grantType: 'refresh_token', refreshToken };
  const answer = await requestJson({ url, json }, context);
  const given = isRecord(answer) ? answer : {};
  const seconds = Number(given.expiresIn);
  if (!isText(given.accessToken) || !HEADER_TEXT.test(given.accessToken) || !(seconds > 0)) {
    throw failure(url, 'gave no token');
  }
  const renewed = {
    ...cached,
    accessToken: given.accessToken,
    expiresAt: new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+/, ''),
    ...(isText(given.refreshToken) && { refreshToken: given.refreshToken }),
  };
  await keep(path, renewed);
  return given.accessToken;
}

/** The CLI, and whoever else has signed in, goes on with it. A file that cannot be written costs a renewal more. */
async function keep(path: string, signIn: Json): Promise<void> {
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, JSON.stringify(signIn), { mode: 0o600 })
    .then(() => rename(beside, path))
    .catch(() => undefined);
}

function cachePath(session: string, { env }: FetchContext): string {
  const name = createHash('sha1').update(session).digest('hex');
  if (!env.HOME) throw signInAgain('nobody has a home directory (HOME)');
  return join(env.HOME, '.aws', 'sso', 'cache', `${name}.json`);
}

function endpoint(named: string | undefined, host: string, region: string): string {
  return (named || `https://${host}.${awsDomain(region)}`).replace(/\/$/, '');
}

function signInAgain(what: string): GatewayError {
  return new GatewayError('invalid_input', `${what} on the machine of the control plane: run aws sso login there`);
}
