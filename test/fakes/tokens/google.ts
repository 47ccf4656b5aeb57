/**
 * A strict fake of the token services of Google Cloud: OAuth (`/token`), Security Token Service (`/v1/token`), IAM
 * Credentials and the metadata server, on one address.
 * Source: OAuth 2.0 for service accounts (RFC 7523), STS API v1 (RFC 8693), IAM Service Account Credentials API v1.
 */
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { type Answer, jsonAnswer, Refusal } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import { asObject } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import { dated, formOf, Issued, oauthRefusal } from './issued.ts';

export interface GoogleOptions extends FakeOptions {
  /** Whether a token of a federated identity is good; default any that an identity provider fake gives out. */
  readonly trusts?: (subjectToken: string) => boolean;
}

export interface Google {
  readonly fake: Fake;
  readonly issued: Issued;
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

export const GOOGLE_ACCOUNT = {
  email: 'models@example-project.iam.gserviceaccount.com',
  keyId: 'key-1',
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
} as const;

export const GOOGLE_USER = {
  client_id: 'user-client',
  client_secret: 'user-secret',
  refresh_token: '1//refresh',
} as const;

export const POOL =
  '//iam.googleapis.com/projects/example-project/locations/global/workloadIdentityPools/pool/providers/provider';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/** Starts a fake of Google's token services. */
export async function startGoogle(options: GoogleOptions = {}): Promise<Google> {
  const issued = new Issued('ya29.google');
  const answer = (request: RecordedRequest): Answer => {
    switch (request.pathname) {
      case '/token':
        return oauth(request, fake.url, issued);
      case '/v1/token':
        return exchange(request, options, issued);
      case '/computeMetadata/v1/instance/service-accounts/default/token':
        return metadata(request, issued);
      default:
        return impersonate(request, issued);
    }
  };
  const fake: Fake = await startFake(
    {
      kind: 'google',
      ownsCredential: (header) => header === 'authorization',
      errorBody: (code, message) => ({ error: { code, message, status: 'UNAVAILABLE' } }),
      answer: (request) => {
        try {
          const given = answer(request);
          return given.kind === 'unary' ? dated(given, issued.date) : given;
        } catch (error) {
          throw error instanceof Refusal ? new Refusal(dated(error.answer, issued.date)) : error;
        }
      },
    },
    options,
  );
  return { fake, issued };
}

function bearer(issued: Issued, more: object = {}): Answer {
  const answer = { access_token: issued.next(), expires_in: issued.settings.lifetimeS, token_type: 'Bearer', ...more };
  return jsonAnswer(200, answer);
}

function oauth(request: RecordedRequest, url: string, issued: Issued): Answer {
  const form = formOf(request, (why) => oauthRefusal(400, 'invalid_request', why));
  const grant = form.get('grant_type');
  if (grant === 'refresh_token') {
    if (form.get('client_id') !== GOOGLE_USER.client_id || form.get('client_secret') !== GOOGLE_USER.client_secret) {
      throw oauthRefusal(401, 'invalid_client', 'The OAuth client was not found.');
    }
    const token = form.get('refresh_token');
    if (token !== GOOGLE_USER.refresh_token) throw oauthRefusal(400, 'invalid_grant', `Bad Request: ${token}`);
    return bearer(issued, { scope: SCOPE });
  }
  if (grant !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') {
    throw oauthRefusal(400, 'unsupported_grant_type', `Invalid grant_type: ${grant}`);
  }
  requireAssertion(form.get('assertion') ?? '', `${url}/token`, issued.nowMs / 1000);
  return bearer(issued);
}

function requireAssertion(jwt: string, audience: string, now: number): void {
  const [header = '', claims = '', signature = ''] = jwt.split('.');
  const read = (part: string): Readonly<Record<string, unknown>> =>
    JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
  const { alg, kid } = read(header);
  const { iss, aud, scope, iat, exp } = read(claims);
  const isSigned = createVerify('RSA-SHA256').update(`${header}.${claims}`).verify(publicKey, signature, 'base64url');
  if (alg !== 'RS256' || !isSigned || (kid !== undefined && kid !== GOOGLE_ACCOUNT.keyId)) {
    throw oauthRefusal(400, 'invalid_grant', 'Invalid JWT Signature.');
  }
  if (iss !== GOOGLE_ACCOUNT.email)
    throw oauthRefusal(400, 'invalid_grant', `Invalid grant: account not found: ${iss}`);
  if (aud !== audience) throw oauthRefusal(400, 'invalid_grant', 'Invalid JWT: Failed audience check.');
  const [from, to] = [Number(iat), Number(exp)];
  if (!(to - from <= 3600 && from <= now + 60 && to > now)) {
    const says = 'Token must be a short-lived token (60 minutes) and in a reasonable timeframe.';
    throw oauthRefusal(400, 'invalid_grant', `Invalid JWT: ${says} Check your iat and exp values in the JWT claim.`);
  }
  if (scope !== SCOPE) throw oauthRefusal(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
}

function exchange(request: RecordedRequest, { trusts }: GoogleOptions, issued: Issued): Answer {
  const form = formOf(request, (why) => oauthRefusal(400, 'invalid_request', why));
  const required = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    scope: SCOPE,
  };
  for (const [name, value] of Object.entries(required)) {
    if (form.get(name) !== value) throw oauthRefusal(400, 'invalid_request', `Invalid value for "${name}"`);
  }
  if (form.get('audience') !== POOL) {
    throw oauthRefusal(400, 'invalid_target', 'The target service indicated by the "audience" parameters is invalid.');
  }
  const token = form.get('subject_token') ?? '';
  const isGood = trusts ?? ((text: string) => text.startsWith('id-token-'));
  if (!isGood(token)) throw oauthRefusal(400, 'invalid_grant', `The given credential is rejected: ${token}`);
  return bearer(issued, { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' });
}

/** The server answers nobody who may have been sent by somebody else. */
function metadata(request: RecordedRequest, issued: Issued): Answer {
  if (request.headers['metadata-flavor'] !== 'Google' || request.headers['x-forwarded-for'] !== undefined) {
    return jsonAnswer(403, 'Missing Metadata-Flavor:Google header.');
  }
  const answer = bearer(issued);
  return { ...answer, headers: { ...answer.headers, 'metadata-flavor': 'Google' } };
}

function impersonate(request: RecordedRequest, issued: Issued): Answer {
  const path = decodeURIComponent(request.pathname);
  const [, account] = /^\/v1\/projects\/-\/serviceAccounts\/(.+):generateAccessToken$/.exec(path) ?? [];
  if (account === undefined || request.method !== 'POST') throw rpcRefusal(404, 'NOT_FOUND', 'no such method');
  const [, token = ''] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  if (!issued.tokens.includes(token)) throw rpcRefusal(401, 'UNAUTHENTICATED', `invalid credentials ${token}`);
  if (account !== GOOGLE_ACCOUNT.email) {
    throw rpcRefusal(403, 'PERMISSION_DENIED', "Permission 'iam.serviceAccounts.getAccessToken' denied");
  }
  const { scope, ...more } = asObject(request.json) ?? {};
  const unknown = Object.keys(more).filter((name) => !['delegates', 'lifetime'].includes(name));
  if (unknown.length > 0) throw rpcRefusal(400, 'INVALID_ARGUMENT', `Unknown name "${unknown[0]}"`);
  if (!Array.isArray(scope) || scope.join() !== SCOPE) throw rpcRefusal(400, 'INVALID_ARGUMENT', 'scope');
  const ends = new Date(issued.nowMs + issued.settings.lifetimeS * 1000);
  return jsonAnswer(200, { accessToken: issued.next(), expireTime: ends.toISOString().replace(/\.\d+/, '') });
}

function rpcRefusal(code: number, status: string, message: string): Refusal {
  return new Refusal(jsonAnswer(code, { error: { code, message, status } }));
}
