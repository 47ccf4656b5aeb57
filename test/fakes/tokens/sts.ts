/** A strict fake of AWS STS. Source: AWS Security Token Service API reference, 2011-06-15. */
import type { Answer, UnaryAnswer } from '../answer.ts';
import { Refusal } from '../answer.ts';
import { AWS_CREDENTIALS } from '../bedrock/index.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import type { RecordedRequest } from '../recorded.ts';
import { accessKeyOf, verifySigV4 } from '../sigv4.ts';
import { dated, formOf, Issued } from './issued.ts';

export interface StsOptions extends FakeOptions {
  /** Whether a token of an identity provider is good; default any that an identity provider fake gives out. */
  readonly trusts?: (webIdentityToken: string) => boolean;
  readonly roles?: readonly string[];
  /** Who may take a role, besides `AWS_CREDENTIALS` and the sessions that were given out. */
  readonly callers?: readonly SessionKeys[];
  readonly externalId?: string;
  readonly region?: string;
}

/** Keys of a session as STS gives them out. */
export interface SessionKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAtMs: number;
}

export interface Sts {
  readonly fake: Fake;
  readonly issued: Issued;
  /** In the order in which they were given out. */
  readonly sessions: SessionKeys[];
}

export const ROLE = 'arn:aws:iam::123456789012:role/models';

/** Starts a fake of STS. */
export async function startSts(options: StsOptions = {}): Promise<Sts> {
  const issued = new Issued('session-token/+');
  const sessions: SessionKeys[] = [];
  const answer = (request: RecordedRequest): Answer => {
    try {
      return dated(assume(request, options, issued, sessions), issued.date);
    } catch (error) {
      throw error instanceof Refusal ? new Refusal(dated(error.answer, issued.date)) : error;
    }
  };
  const fake = await startFake(
    {
      kind: 'sts',
      ownsCredential: () => true,
      errorBody: () => ({}),
      errorAnswer: (status, message) => xml(status, errorXml('InternalFailure', message)),
      answer,
    },
    options,
  );
  return { fake, issued, sessions };
}

function assume(request: RecordedRequest, options: StsOptions, issued: Issued, sessions: SessionKeys[]): UnaryAnswer {
  if (request.pathname !== '/') throw refusal(404, 'InvalidAction', 'no such path');
  const form = formOf(request, (why) => refusal(400, 'MalformedInput', why));
  if (form.get('Version') !== '2011-06-15') throw refusal(400, 'InvalidAction', 'no such version');
  const action = form.get('Action');
  const isWeb = action === 'AssumeRoleWithWebIdentity';
  if (!isWeb && action !== 'AssumeRole') throw refusal(400, 'InvalidAction', `no action ${action}`);
  requireFields(form, isWeb);
  if (isWeb) requireWebIdentity(request, form, options);
  else requireCaller(request, options, issued, sessions);
  const role = form.get('RoleArn') ?? '';
  const isKnown = (options.roles ?? [ROLE]).includes(role);
  const externalId = isWeb ? undefined : options.externalId;
  if (!isKnown || form.get('ExternalId') !== externalId) {
    throw refusal(403, 'AccessDenied', `not authorized to perform: sts:${action} on resource: ${role}`);
  }
  const keys = session(form, issued, sessions);
  return xml(200, resultXml(action ?? '', role, keys));
}

function requireFields(form: ReadonlyMap<string, string>, isWeb: boolean): void {
  const known = ['Action', 'Version', 'RoleArn', 'RoleSessionName', 'DurationSeconds'];
  const allowed = [...known, ...(isWeb ? ['WebIdentityToken', 'ProviderId'] : ['ExternalId'])];
  for (const name of form.keys()) if (!allowed.includes(name)) throw refusal(400, 'ValidationError', `field ${name}`);
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(form.get('RoleArn') ?? '')) {
    throw refusal(400, 'ValidationError', `${form.get('RoleArn')} is invalid`);
  }
  if (!/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? '')) {
    throw refusal(400, 'ValidationError', 'roleSessionName');
  }
  const duration = Number(form.get('DurationSeconds') ?? 3600);
  if (!(duration >= 900 && duration <= 43_200)) throw refusal(400, 'ValidationError', 'durationSeconds');
}

/** Not signed: the token is the proof. */
function requireWebIdentity(request: RecordedRequest, form: ReadonlyMap<string, string>, { trusts }: StsOptions): void {
  if (request.headers.authorization !== undefined) throw refusal(403, 'AccessDenied', 'a signature has no place here');
  const token = form.get('WebIdentityToken') ?? '';
  if (token.length < 4) throw refusal(400, 'ValidationError', 'webIdentityToken');
  const isGood = trusts ?? ((text: string) => text.startsWith('id-token-'));
  if (!isGood(token)) throw refusal(400, 'InvalidIdentityToken', `the token ${token} is not valid`);
}

function requireCaller(
  request: RecordedRequest,
  { region = 'us-east-1', callers = [] }: StsOptions,
  { nowMs }: Issued,
  sessions: readonly SessionKeys[],
): void {
  const key = accessKeyOf(request);
  const caller = [AWS_CREDENTIALS, ...callers, ...sessions].find(({ accessKeyId }) => accessKeyId === key);
  if (!caller) throw refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  const problem = verifySigV4(request, request.body, { ...caller, region, service: 'sts', nowMs });
  if (problem === undefined) return;
  // The services of the Query protocol have a name of their own for it.
  throw refusal(
    403,
    problem.type === 'InvalidSignatureException' ? 'SignatureDoesNotMatch' : problem.type,
    problem.message,
  );
}

function session(form: ReadonlyMap<string, string>, issued: Issued, sessions: SessionKeys[]): SessionKeys {
  const n = sessions.length + 1;
  const seconds = Math.min(Number(form.get('DurationSeconds') ?? 3600), issued.settings.lifetimeS);
  const keys = {
    accessKeyId: `ASIASESSION${n}EXAMPLE`,
    secretAccessKey: `session/secret+${n}=`,
    sessionToken: issued.next(),
    // Whole seconds go over the wire.
    expiresAtMs: Math.floor((issued.nowMs + seconds * 1000) / 1000) * 1000,
  };
  sessions.push(keys);
  return keys;
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

function resultXml(action: string, role: string, keys: SessionKeys): string {
  const arn = role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/');
  return `<${action}Response xmlns="${NAMESPACE}">
  <${action}Result>
    <AssumedRoleUser><Arn>${arn}/headgate</Arn><AssumedRoleId>AROAEXAMPLE:headgate</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${keys.accessKeyId}</AccessKeyId>
      <SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey>
      <SessionToken>${keys.sessionToken}</SessionToken>
      <Expiration>${new Date(keys.expiresAtMs).toISOString().replace('.000', '')}</Expiration>
    </Credentials>
  </${action}Result>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</${action}Response>
`;
}

function errorXml(code: string, message: string): string {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return `<ErrorResponse xmlns="${NAMESPACE}">${error}<RequestId>1</RequestId></ErrorResponse>`;
}

function xml(status: number, text: string): UnaryAnswer {
  return { kind: 'unary', status, headers: { 'content-type': 'text/xml' }, body: Buffer.from(text) };
}

function refusal(status: number, code: string, message: string): Refusal {
  return new Refusal(xml(status, errorXml(code, message)));
}
