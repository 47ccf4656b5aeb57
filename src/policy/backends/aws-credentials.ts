import type { AwsTokenSource, CredentialOverrideIr, SecretRef } from '../../ir/index.ts';
import { parseAwsProfiles, readAwsProfile } from '../../providers/index.ts';
import type { BackendSecurityPolicy, LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { keyOf } from '../objects.ts';
import { readOverride } from './credential-override.ts';
import { readCredentialSecret } from './credential-secrets.ts';
import { readOidcClient } from './oidc-client.ts';

/** What requests to AWS are signed with. */
export interface AwsCredential {
  readonly kind: 'signing';
  /** Where the name of the host does not say it. */
  readonly region: string;
  /** Absent: what the environment of the Envoy gives. */
  readonly secret?: SecretRef;
  readonly override?: CredentialOverrideIr;
}

type Policy = LoadedObject<BackendSecurityPolicy>;
type AwsFields = NonNullable<BackendSecurityPolicy['spec']['awsCredentials']>;

const PATH = ['spec', 'awsCredentials'] as const;
/** Where a request has keys of its own, unless the policy says it: what three headers begin with, and a key of metadata. */
const OVERRIDE = { header: 'x-aigw-aws-', key: 'x-aigw-aws-credentials' } as const;
/** A profile of the AWS files that the operator gave the control plane. */
const PROFILE_ANNOTATION = 'headgate.dev/aws-profile';

/** Keys of a file, of a role that is assumed, or what the environment of the Envoy gives (AWS's default chain). */
export function readAwsCredential(policy: Policy, context: Context): AwsCredential | { readonly kind: 'unusable' } {
  const { awsCredentials, credentialOverride } = policy.object.spec;
  if (!awsCredentials) return { kind: 'unusable' };
  const { region } = awsCredentials;
  if (!/^[a-z0-9-]+$/.test(region)) {
    context.report.error(
      'HG0402',
      policy,
      [...PATH, 'region'],
      `${JSON.stringify(region)} is not the name of a region`,
    );
    return { kind: 'unusable' };
  }
  const override = credentialOverride && readOverride(policy, credentialOverride, OVERRIDE, context);
  if (override === 'invalid') return { kind: 'unusable' };
  const own = { kind: 'signing', region, ...(override && { override }) } as const;
  if (override && !override.fallbackToConfigured) return own;
  const secret = readConfigured(policy, awsCredentials, context);
  if (secret === undefined) return { kind: 'unusable' };
  return secret === 'environment' ? own : { ...own, secret };
}

/** `environment`: what that of the Envoy gives. Errors: undefined, with a finding. */
function readConfigured(
  policy: Policy,
  { region, credentialsFile, oidcExchangeToken }: AwsFields,
  context: Context,
): SecretRef | 'environment' | undefined {
  const profile = policy.object.metadata.annotations?.[PROFILE_ANNOTATION];
  if (!credentialsFile && !oidcExchangeToken) {
    if (profile === undefined) return 'environment';
    return context.secrets.putToken(tokenName(policy), { kind: 'aws-profile', region, profile });
  }
  if (profile !== undefined) {
    const path = ['metadata', 'annotations', PROFILE_ANNOTATION];
    context.report.warning('HG0404', policy, path, 'has no effect beside credentialsFile or oidcExchangeToken');
  }
  if (credentialsFile && oidcExchangeToken) {
    context.report.warning('HG0111', policy, [...PATH, 'oidcExchangeToken'], 'has no effect beside credentialsFile');
  }
  return credentialsFile
    ? readFile(policy, credentialsFile, region, context)
    : oidcExchangeToken && readExchange(policy, oidcExchangeToken, region, context);
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
  const read = readAwsProfile(parseAwsProfiles(file.text), profile, region);
  if (read.kind === 'problem') {
    context.report.error('HG0402', policy, path, `Secret ${secretRef.name} ${read.problem}`);
    return undefined;
  }
  if (runsProgram(read)) {
    const message = `Secret ${secretRef.name} asks for a program to be run (credential_process)`;
    const hint = `programs are run for the control plane's own AWS files alone: name a profile of these in ${PROFILE_ANNOTATION}`;
    context.report.error('HG0402', policy, path, message, { hint });
    return undefined;
  }
  if (read.kind !== 'aws-keys') return context.secrets.putToken(tokenName(policy), read);
  return context.secrets.put(`Secret/${keyOf(file.found)}/credentials/${profile}`, { kind: 'aws', ...read.keys });
}

/** Who may write a Secret may not run programs where the control plane runs. */
function runsProgram(source: AwsTokenSource): boolean {
  return source.kind === 'aws-process' || (source.kind === 'aws-assume-role' && runsProgram(source.base));
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
