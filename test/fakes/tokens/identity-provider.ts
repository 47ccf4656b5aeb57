/** A strict fake of an OpenID Connect provider. Source: RFC 6749 section 4.4, OpenID Connect Discovery 1.0. */
import { type Answer, jsonAnswer } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import type { RecordedRequest } from '../recorded.ts';
import { formOf, Issued, oauthRefusal } from './issued.ts';

export interface IdentityProviderOptions extends FakeOptions {
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** How the client may show its secret; default both. */
  readonly authentication?: readonly ('basic' | 'post')[];
  readonly scopes?: readonly string[];
  /** The audience that must be asked for. */
  readonly audience?: string;
  /** Answers with an `id_token` alone. */
  readonly idTokenAlone?: boolean;
}

/** An identity provider that listens, and what it gave out. */
export interface IdentityProvider {
  readonly fake: Fake;
  readonly issued: Issued;
}

export const OIDC_CLIENT = { clientId: 'headgate', clientSecret: 'oidc secret:with/odd chars' } as const;

/** Starts an identity provider; its issuer is the fake's address. */
export async function startIdentityProvider(options: IdentityProviderOptions = {}): Promise<IdentityProvider> {
  const issued = new Issued('id-token');
  const fake: Fake = await startFake(
    {
      kind: 'identity-provider',
      ownsCredential: (header) => header === 'authorization',
      errorBody: () => ({ error: 'server_error' }),
      answer: (request) => {
        if (request.pathname === '/.well-known/openid-configuration') {
          return jsonAnswer(200, { issuer: fake.url, token_endpoint: `${fake.url}/oauth/token` });
        }
        if (request.pathname !== '/oauth/token') return jsonAnswer(404, {});
        return grant(request, options, issued);
      },
    },
    options,
  );
  return { fake, issued };
}

function grant(request: RecordedRequest, options: IdentityProviderOptions, issued: Issued): Answer {
  const form = formOf(request, (why) => oauthRefusal(400, 'invalid_request', why));
  requireClient(request, form, options);
  if (form.get('grant_type') !== 'client_credentials') throw oauthRefusal(400, 'unsupported_grant_type', 'grant_type');
  for (const scope of form.get('scope')?.split(' ') ?? []) {
    if (!(options.scopes ?? ['openid']).includes(scope)) throw oauthRefusal(400, 'invalid_scope', scope);
  }
  if (options.audience !== undefined && form.get('audience') !== options.audience) {
    throw oauthRefusal(403, 'access_denied', 'the client may not ask for this audience');
  }
  const token = issued.next();
  const field = options.idTokenAlone ? 'id_token' : 'access_token';
  return jsonAnswer(200, { [field]: token, token_type: 'Bearer', expires_in: issued.settings.lifetimeS });
}

function requireClient(
  request: RecordedRequest,
  form: ReadonlyMap<string, string>,
  options: IdentityProviderOptions,
): void {
  const { clientId, clientSecret } = { ...OIDC_CLIENT, ...options };
  const allowed = options.authentication ?? ['basic', 'post'];
  const { authorization } = request.headers;
  const inForm = form.get('client_secret');
  if (authorization !== undefined && inForm !== undefined) {
    throw oauthRefusal(400, 'invalid_request', 'more than one way of authentication');
  }
  const [id, secret] = authorization === undefined ? [form.get('client_id'), inForm] : basic(authorization);
  const way = authorization === undefined ? 'post' : 'basic';
  if (!allowed.includes(way) || id !== clientId || secret !== clientSecret) {
    throw oauthRefusal(401, 'invalid_client', `no client ${id} with ${secret}`);
  }
}

/** Both parts are encoded as in a form before they are joined. */
function basic(authorization: string): (string | undefined)[] {
  const [, encoded = ''] = /^Basic ([A-Za-z0-9+/=]+)$/.exec(authorization) ?? [];
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  return text.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
}
