import type { SecretRef } from '../../ir/index.ts';
import type { BackendSecurityPolicy, LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { keyOf } from '../objects.ts';
import { readAwsProfile } from './aws-profiles.ts';
import { readCredentialSecret } from './credential-secrets.ts';
import { readOidcClient } from './oidc-client.ts';

/** What requests to AWS are signed with. */
export interface AwsCredential {
  readonly kind: 'signing';
  /** Where the name of the host does not say it. */
  readonly region: string;
  /** Absent: what the environment of the Envoy gives. */
  readonly secret?: SecretRef;
}

type Policy = LoadedObject<BackendSecurityPolicy>;
type AwsFields = NonNullable<BackendSecurityPolicy['spec']['awsCredentials']>;

const PATH = ['spec', 'awsCredentials'] as const;

/** Keys of a file, of a role that is assumed, or what the environment of the Envoy gives (AWS's default chain). */
export function readAwsCredential(policy: Policy, context: Context): AwsCredential | { readonly kind: 'unusable' } {
  const { awsCredentials, credentialOverride } = policy.object.spec;
  if (!awsCredentials) return { kind: 'unusable' };
  if (credentialOverride) {
    context.report.error(
      'HG0403',
      policy,
      ['spec', 'credentialOverride'],
      'AWS keys of a request are not available yet',
    );
    return { kind: 'unusable' };
  }
  const { region, credentialsFile, oidcExchangeToken } = awsCredentials;
  if (!/^[a-z0-9-]+$/.test(region)) {
    context.report.error(
      'HG0402',
      policy,
      [...PATH, 'region'],
      `${JSON.stringify(region)} is not the name of a region`,
    );
    return { kind: 'unusable' };
  }
  if (!credentialsFile && !oidcExchangeToken) return { kind: 'signing', region };
  if (credentialsFile && oidcExchangeToken) {
    context.report.warning('HG0111', policy, [...PATH, 'oidcExchangeToken'], 'has no effect beside credentialsFile');
  }
  const secret = credentialsFile
    ? readFile(policy, credentialsFile, region, context)
    : oidcExchangeToken && readExchange(policy, oidcExchangeToken, region, context);
  return secret ? { kind: 'signing', region, secret } : { kind: 'unusable' };
}

function readFile(
  policy: Policy,
  { profile, secretRef }: NonNullable<AwsFields['credentialsFile']>,
  region: string,
  context: Context,
): SecretRef | undefined {
  const path = [...PATH, 'credentialsFile', 'secretRef'];
  const file = readCredentialSecret(policy, path, secretRef, 'credentials', context);
  if (!file) return undefined;
  const read = readAwsProfile(file.text, profile);
  switch (read.kind) {
    case 'problem':
      context.report.error('HG0402', policy, path, `Secret ${secretRef.name} ${read.problem}`);
      return undefined;
    case 'keys': {
      const name = `Secret/${keyOf(file.found)}/credentials/${profile}`;
      return context.secrets.put(name, { kind: 'aws', ...read.keys });
    }
    case 'role': {
      const { kind: _, ...role } = read;
      return context.secrets.putToken(tokenName(policy), { kind: 'aws-assume-role', region, ...role });
    }
  }
}

function readExchange(
  policy: Policy,
  exchange: NonNullable<AwsFields['oidcExchangeToken']>,
  region: string,
  context: Context,
): SecretRef | undefined {
  const subject = readOidcClient(policy, [...PATH, 'oidcExchangeToken'], exchange, context);
  if (!subject) return undefined;
  const { awsRoleArn: roleArn } = exchange;
  return context.secrets.putToken(tokenName(policy), { kind: 'aws-web-identity', region, roleArn, subject });
}

/** The secret that the token of a policy is delivered as. */
export function tokenName(policy: LoadedObject): string {
  return `BackendSecurityPolicy/${keyOf(policy)}/token`;
}
