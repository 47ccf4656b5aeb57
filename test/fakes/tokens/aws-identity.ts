/**
 * Strict fakes, on one port, of what gives keys of AWS besides STS: the metadata service of instances (version 2 alone),
 * the endpoint of containers, and IAM Identity Center (portal and OIDC).
 * Source: EC2 user guide, IMDSv2; ECS developer guide; IAM Identity Center portal and OIDC API references.
 */
import { type Answer, jsonAnswer, Refusal, type UnaryAnswer } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import { asObject } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import { dated, Issued, oauthRefusal } from './issued.ts';
import type { SessionKeys } from './sts.ts';

export interface AwsIdentity {
  readonly fake: Fake;
  readonly issued: Issued;
  /** In the order in which they were given out. */
  readonly sessions: SessionKeys[];
  /** Tokens of sign-ins that are good now. */
  readonly signIns: Set<string>;
}

export const INSTANCE_ROLE = 'gateway-role';
export const CONTAINER = { path: '/v2/credentials/1234', authorization: 'container-token' } as const;
export const SIGN_IN = {
  accountId: '123456789012',
  roleName: 'Models',
  clientId: 'sso-client',
  clientSecret: 'sso~client~secret',
  refreshToken: 'sso-refresh-token',
} as const;

const METADATA_TOKEN = 'metadata-token';
const ROLES = '/latest/meta-data/iam/security-credentials/';

export async function startAwsIdentity(options: FakeOptions = {}): Promise<AwsIdentity> {
  const issued = new Issued('identity-session/+');
  const sessions: SessionKeys[] = [];
  const signIns = new Set<string>();
  const session = (): SessionKeys => {
    const n = sessions.length + 1;
    const keys = {
      accessKeyId: `ASIAIDENTITY${n}EXAMPLE`,
      secretAccessKey: `identity/secret+${n}=`,
      sessionToken: issued.next(),
      expiresAtMs: Math.floor(issued.nowMs / 1000 + issued.settings.lifetimeS) * 1000,
    };
    sessions.push(keys);
    return keys;
  };
  const answer = (request: RecordedRequest): UnaryAnswer => {
    const { pathname } = request;
    if (pathname === '/latest/api/token') return metadataToken(request);
    if (pathname.startsWith(ROLES)) return instance(request, session);
    if (pathname === CONTAINER.path) return container(request, session);
    if (pathname === '/federation/credentials') return portal(request, signIns, session);
    if (pathname === '/token') return signIn(request, signIns, issued);
    return text(404, 'not found');
  };
  const fake = await startFake(
    {
      kind: 'aws-identity',
      ownsCredential: () => true,
      errorBody: (_, message) => ({ message }),
      answer: (request): Answer => {
        try {
          return dated(answer(request), issued.date);
        } catch (error) {
          throw error instanceof Refusal ? new Refusal(dated(error.answer, issued.date)) : error;
        }
      },
    },
    options,
  );
  return { fake, issued, sessions, signIns };
}

function text(status: number, body: string): UnaryAnswer {
  return { kind: 'unary', status, headers: { 'content-type': 'text/plain' }, body: Buffer.from(body) };
}

function metadataToken({ method, headers }: RecordedRequest): UnaryAnswer {
  const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
  if (method !== 'PUT') return text(405, '');
  if (headers['x-forwarded-for'] !== undefined) return text(403, '');
  return seconds >= 1 && seconds <= 21_600 ? text(200, METADATA_TOKEN) : text(400, '');
}

function instance({ method, pathname, headers }: RecordedRequest, session: () => SessionKeys): UnaryAnswer {
  if (method !== 'GET') return text(405, '');
  if (headers['x-aws-ec2-metadata-token'] !== METADATA_TOKEN) return text(401, '');
  if (pathname === ROLES) return text(200, INSTANCE_ROLE);
  if (pathname !== `${ROLES}${INSTANCE_ROLE}`) return text(404, '');
  return text(200, JSON.stringify({ Code: 'Success', Type: 'AWS-HMAC', ...capitals(session()) }));
}

function container({ method, headers }: RecordedRequest, session: () => SessionKeys): UnaryAnswer {
  if (method !== 'GET') return text(405, '');
  if (headers.authorization !== CONTAINER.authorization) return text(401, `not ${headers.authorization}`);
  return jsonAnswer(200, { RoleArn: 'arn:aws:iam::123456789012:role/task', ...capitals(session()) });
}

function capitals({ accessKeyId, secretAccessKey, sessionToken, expiresAtMs }: SessionKeys): object {
  const Expiration = new Date(expiresAtMs).toISOString().replace('.000', '');
  return { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration };
}

function portal(request: RecordedRequest, signIns: Set<string>, session: () => SessionKeys): UnaryAnswer {
  const token = String(request.headers['x-amz-sso_bearer_token']);
  if (request.method !== 'GET') return text(405, '');
  if (!signIns.has(token)) throw portalRefusal(401, 'UnauthorizedException', `Session token not found: ${token}`);
  const query = new URL(request.path, 'http://portal').searchParams;
  if (query.get('account_id') !== SIGN_IN.accountId || query.get('role_name') !== SIGN_IN.roleName) {
    throw portalRefusal(403, 'ForbiddenException', 'No access');
  }
  const { expiresAtMs: expiration, ...keys } = session();
  return jsonAnswer(200, { roleCredentials: { ...keys, expiration } });
}

function portalRefusal(status: number, type: string, message: string): Refusal {
  return new Refusal(jsonAnswer(status, { message, __type: `com.amazonaws.switchboard.portal#${type}` }));
}

/** CreateToken, by the refresh grant alone: nobody is there to confirm a device. */
function signIn(request: RecordedRequest, signIns: Set<string>, issued: Issued): UnaryAnswer {
  const { clientId, clientSecret, grantType, refreshToken, ...more } = asObject(request.json) ?? {};
  if (request.method !== 'POST' || Object.keys(more).length > 0) throw oauthRefusal(400, 'invalid_request', 'fields');
  if (grantType !== 'refresh_token') throw oauthRefusal(400, 'unsupported_grant_type', String(grantType));
  if (clientId !== SIGN_IN.clientId || clientSecret !== SIGN_IN.clientSecret) {
    throw oauthRefusal(401, 'invalid_client', `no client with ${clientSecret}`);
  }
  if (refreshToken !== SIGN_IN.refreshToken) throw oauthRefusal(400, 'invalid_grant', `not ${refreshToken}`);
  const accessToken = `sign-in-${signIns.size + 1}`;
  signIns.add(accessToken);
  const { lifetimeS: expiresIn } = issued.settings;
  return jsonAnswer(200, { accessToken, tokenType: 'Bearer', expiresIn, refreshToken: SIGN_IN.refreshToken });
}
