/** Sessions in roles. Source: AWS Security Token Service API 2011-06-15. */
import { createHash, createHmac } from 'node:crypto';
import type { AwsKeys, AwsTokenSource } from '../../ir/index.ts';
import { GatewayError, InvariantError } from '../../lib/errors.ts';
import { awsDomain } from '../../providers/index.ts';
import { type FetchContext, localTime, serviceNow } from '../fetch-context.ts';
import { clientToken } from '../oidc.ts';
import { encodeForm, failure, refusal, send, type TokenRequest } from '../request.ts';
import { readSmallFile } from '../small-file.ts';
import type { Token } from '../token.ts';

const VERSION = '2011-06-15';
const SESSION = 'headgate';

type SourceOf<K extends AwsTokenSource['kind']> = Extract<AwsTokenSource, { kind: K }>;

/** Of a role that a token of somebody else opens. Errors: GatewayError. */
export async function webIdentityRole(source: SourceOf<'aws-web-identity'>, context: FetchContext): Promise<Token> {
  const { roleArn: RoleArn, region, subject, sessionName, durationSeconds } = source;
  const WebIdentityToken =
    'tokenFile' in subject ? await readToken(subject.tokenFile, context) : await clientToken(subject, context);
  const form = {
    Action: 'AssumeRoleWithWebIdentity',
    Version: VERSION,
    RoleArn,
    RoleSessionName: sessionName ?? SESSION,
    DurationSeconds: durationSeconds?.toString(),
    WebIdentityToken,
  };
  return assumeRole({ url: stsUrl(region, context), form }, context);
}

function readToken(path: string, context: FetchContext): Promise<string> {
  return readSmallFile(path, context).catch(() => {
    throw new GatewayError('invalid_input', 'the web_identity_token_file of the profile cannot be read');
  });
}

/** Of a role that `base` may take. Errors: GatewayError. */
export async function assumedRole(
  source: SourceOf<'aws-assume-role'>,
  { secret: keys }: Token,
  context: FetchContext,
): Promise<Token> {
  if (keys.kind !== 'aws') throw new InvariantError('no keys of AWS');
  const { roleArn: RoleArn, sessionName, externalId, durationSeconds, region } = source;
  const url = stsUrl(region, context);
  const form = {
    Action: 'AssumeRole',
    Version: VERSION,
    RoleArn,
    RoleSessionName: sessionName ?? SESSION,
    ExternalId: externalId,
    DurationSeconds: durationSeconds?.toString(),
  };
  return assumeRole({ url, form, headers: signedHeaders(url, encodeForm(form), region, keys, context) }, context);
}

async function assumeRole(request: TokenRequest, context: FetchContext): Promise<Token> {
  const { url, headers } = request;
  // What is signed is answered in XML; so is everything else.
  const answer = await send({ ...request, headers: { ...headers, accept: 'application/xml' } }, context);
  if (answer.status !== 200) throw refusal(url, answer);
  const field = (name: string): string => new RegExp(`<${name}>([^<]+)</${name}>`).exec(answer.text)?.[1] ?? '';
  const [accessKeyId, secretAccessKey, sessionToken] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken'].map(field);
  const expiresAtMs = Date.parse(field('Expiration'));
  if (!accessKeyId || !secretAccessKey || !sessionToken || Number.isNaN(expiresAtMs)) {
    throw failure(url, 'gave no keys');
  }
  return {
    secret: { kind: 'aws', accessKeyId, secretAccessKey, sessionToken },
    expiresAtMs: localTime(url, expiresAtMs, context),
  };
}

function stsUrl(region: string, { env }: FetchContext): string {
  const named = env.AWS_ENDPOINT_URL_STS || env.AWS_ENDPOINT_URL;
  if (named) return `${named.replace(/\/$/, '')}/`;
  const service = env.AWS_USE_FIPS_ENDPOINT === 'true' ? 'sts-fips' : 'sts';
  return `https://${service}.${region}.${awsDomain(region)}/`;
}

/** Signature Version 4 of a form that is posted to STS. Source: AWS IAM, "Create a signed AWS API request". */
function signedHeaders(
  url: string,
  body: string,
  region: string,
  keys: AwsKeys,
  context: FetchContext,
): Record<string, string> {
  const date = new Date(serviceNow(url, context)).toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    host: new URL(url).host,
    'x-amz-date': date,
    ...(keys.sessionToken !== undefined && { 'x-amz-security-token': keys.sessionToken }),
  };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = ['POST', '/', '', lines.join(''), names, sha256(body)].join('\n');
  const scope = `${date.slice(0, 8)}/${region}/sts/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(request)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${keys.secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  const { host: _, ...sent } = headers;
  const credential = `${keys.accessKeyId}/${scope}`;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
