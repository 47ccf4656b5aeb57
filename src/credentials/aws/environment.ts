/** What the control plane finds where it runs. Source: AWS SDKs and Tools, container and IMDS credential providers. */
import type { AwsPlace } from '../../ir/index.ts';
import { badEnvironment, type FetchContext, METADATA_SERVICE } from '../fetch-context.ts';
import { parseJson } from '../json.ts';
import { failure, refusal, send, type TokenRequest } from '../request.ts';
import { readSmallFile } from '../small-file.ts';
import type { Token } from '../token.ts';
import { byOurClock, sessionKeys } from './session-keys.ts';

const ECS = 'http://169.254.170.2';
/** Without TLS, a container may be sent to these alone: the host of ECS, and those of the agent of EKS. */
const CONTAINER_HOSTS = ['127.0.0.1', 'localhost', '[::1]', '169.254.170.2', '169.254.170.23', '[fd00:ec2::23]'];

/** Errors: GatewayError. */
export function environmentKeys(place: AwsPlace, context: FetchContext): Token | Promise<Token> {
  switch (place) {
    case 'Environment':
      return variableKeys(context);
    case 'Ec2InstanceMetadata':
      return instanceKeys(context);
    case 'EcsContainer':
      return containerKeys(context);
  }
}

function variableKeys({ env }: FetchContext): Token {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = env;
  if (!accessKeyId || !secretAccessKey) throw badEnvironment('has no AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY');
  return {
    secret: { kind: 'aws', accessKeyId, secretAccessKey, ...(token && { sessionToken: token }) },
    expiresAtMs: Number.POSITIVE_INFINITY,
  };
}

/** Version 2 of the protocol: a token first, so that nobody else can be made to ask. */
async function instanceKeys(context: FetchContext): Promise<Token> {
  const { env } = context;
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') throw badEnvironment('says AWS_EC2_METADATA_DISABLED');
  const base = `${(env.AWS_EC2_METADATA_SERVICE_ENDPOINT || METADATA_SERVICE).replace(/\/$/, '')}/latest`;
  const lifetime = { 'x-aws-ec2-metadata-token-ttl-seconds': '300' };
  const token = await ask({ url: `${base}/api/token`, method: 'PUT', headers: lifetime }, context);
  const headers = { 'x-aws-ec2-metadata-token': token.trim() };
  const roles = `${base}/meta-data/iam/security-credentials/`;
  const [role = ''] = (await ask({ url: roles, headers }, context)).split('\n');
  const url = `${roles}${encodeURIComponent(role.trim())}`;
  return keysOf(url, headers, context);
}

async function containerKeys(context: FetchContext): Promise<Token> {
  const url = containerUrl(context);
  const authorization = await containerAuthorization(context);
  const headers = authorization === undefined ? {} : { authorization };
  return keysOf(url, headers, context);
}

function containerUrl({ env }: FetchContext): string {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = env;
  if (relative) return new URL(relative, ECS).href;
  if (!full)
    throw badEnvironment('has neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI');
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && CONTAINER_HOSTS.includes(url.hostname));
  if (!isSafe)
    throw badEnvironment('has an AWS_CONTAINER_CREDENTIALS_FULL_URI without TLS that is not on this machine');
  return full;
}

async function containerAuthorization(context: FetchContext): Promise<string | undefined> {
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path, AWS_CONTAINER_AUTHORIZATION_TOKEN: token } = context.env;
  if (!path) return token;
  return readSmallFile(path, context).catch(() => {
    throw badEnvironment('has an AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE that cannot be read');
  });
}

async function keysOf(url: string, headers: Readonly<Record<string, string>>, context: FetchContext): Promise<Token> {
  const text = await ask({ url, headers }, context);
  return byOurClock(
    sessionKeys(parseJson(text), 'Token', (what) => failure(url, what)),
    url,
    context,
  );
}

async function ask(request: TokenRequest, context: FetchContext): Promise<string> {
  const answer = await send(request, context);
  if (answer.status !== 200) throw refusal(request.url, answer);
  return answer.text;
}
