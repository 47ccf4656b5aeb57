/** All token services on one machine, and sources that ask them. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FetchContext } from '../../../src/credentials/fetch-context.ts';
import type { Token } from '../../../src/credentials/token.ts';
import type { OidcClient, TokenSource } from '../../../src/ir/index.ts';
import { AWS_CREDENTIALS } from '../../fakes/index.ts';
import {
  ASSIGNED,
  type AwsIdentity,
  type AzureIdentity,
  CONTAINER,
  ENTRA_CLIENT,
  type Entra,
  GOOGLE_ACCOUNT,
  type Google,
  type IdentityProvider,
  OIDC_CLIENT,
  POOL,
  ROLE,
  SIGN_IN,
  type Sts,
  startAwsIdentity,
  startAzureIdentity,
  startEntra,
  startGoogle,
  startIdentityProvider,
  startSts,
} from '../../fakes/tokens/index.ts';
import { tempDir } from '../../support/index.ts';

export interface Services {
  readonly idp: IdentityProvider;
  readonly sts: Sts;
  readonly entra: Entra;
  readonly google: Google;
  readonly aws: AwsIdentity;
  readonly azure: AzureIdentity;
  /** Those that give out tokens of clouds. */
  readonly givers: readonly (Sts | Entra | Google | AwsIdentity | AzureIdentity)[];
  /** Says where they are, as the clouds' own tools are told. */
  readonly env: FetchContext['env'];
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export async function startServices(): Promise<Services> {
  const [idp, aws, azure, entra, google] = await Promise.all([
    startIdentityProvider(),
    startAwsIdentity(),
    startAzureIdentity(),
    startEntra(),
    startGoogle(),
  ]);
  const sts = await startSts({ externalId: 'ext-1', callers: aws.sessions });
  const givers = [sts, entra, google, aws, azure];
  const all = [idp, ...givers];
  const home = tempDir('home');
  writeFileSync(join(home, 'token'), 'id-token-of-a-workload\n');
  return {
    idp,
    sts,
    entra,
    google,
    aws,
    azure,
    givers,
    env: {
      HOME: home,
      AWS_ENDPOINT_URL_STS: sts.fake.url,
      AWS_ENDPOINT_URL_SSO: aws.fake.url,
      AWS_ENDPOINT_URL_SSO_OIDC: aws.fake.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `${aws.fake.url}/`,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.fake.url}${CONTAINER.path}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: CONTAINER.authorization,
      AZURE_AUTHORITY_HOST: `${entra.fake.url}/`,
      AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.fake.url,
      AZURE_FEDERATED_TOKEN_FILE: join(home, 'token'),
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: `${google.fake.url}/`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: google.fake.url,
      GCE_METADATA_HOST: `127.0.0.1:${google.fake.port}`,
    },
    async reset() {
      for (const { fake, issued } of all) {
        await fake.reset();
        Object.assign(issued.settings, { lifetimeS: 3600, skewMs: 0 });
      }
    },
    async stop() {
      for (const { fake } of all) await fake.close();
    },
  };
}

export function contextOf(env: FetchContext['env'], more: Partial<FetchContext> = {}): FetchContext {
  return { env, signal: AbortSignal.timeout(5000), skews: new Map(), ...more };
}

const ACCOUNT = { accountId: SIGN_IN.accountId, roleName: SIGN_IN.roleName };
export const SSO_SESSION = 'company';

/** Leaves the file of a sign-in as the AWS CLI does. Returns its path. */
export function leaveSignIn({ env, aws }: Services, more: Readonly<Record<string, unknown>> = {}): string {
  const name = createHash('sha1').update(SSO_SESSION).digest('hex');
  const path = join(env.HOME ?? '', '.aws', 'sso', 'cache', `${name}.json`);
  const hour = new Date(Date.now() + 3_600_000).toISOString();
  const { clientId, clientSecret, refreshToken } = SIGN_IN;
  aws.signIns.add('sign-in-0');
  const signIn = { accessToken: 'sign-in-0', expiresAt: hour, clientId, clientSecret, refreshToken };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ ...signIn, registrationExpiresAt: hour, ...more }), { mode: 0o600 });
  return path;
}

/** A source of each kind that the services answer. */
export function sourcesOf(services: Services): Record<string, TokenSource> {
  const { idp, google, env } = services;
  leaveSignIn(services);
  const role = { kind: 'aws-assume-role', region: 'us-east-1', roleArn: ROLE, externalId: 'ext-1' } as const;
  const subject: OidcClient = { issuer: idp.fake.url, ...OIDC_CLIENT, scopes: ['openid'] };
  const { tenantId, clientId, clientSecret } = ENTRA_CLIENT;
  return {
    'aws-web-identity': { kind: 'aws-web-identity', region: 'us-east-1', roleArn: ROLE, subject },
    'aws-assume-role': {
      kind: 'aws-assume-role',
      region: 'us-east-1',
      roleArn: ROLE,
      sessionName: 'gateway@1',
      externalId: 'ext-1',
      durationSeconds: 1800,
      base: { kind: 'aws-keys', keys: AWS_CREDENTIALS },
    },
    'aws-role-chain': {
      ...role,
      base: { ...role, sessionName: 'between', base: { kind: 'aws-keys', keys: AWS_CREDENTIALS } },
    },
    'aws-token-file': {
      kind: 'aws-web-identity',
      region: 'us-east-1',
      roleArn: ROLE,
      subject: { tokenFile: env.AZURE_FEDERATED_TOKEN_FILE ?? '' },
    },
    'aws-instance': { ...role, base: { kind: 'aws-environment', place: 'Ec2InstanceMetadata' } },
    'aws-container': { ...role, base: { kind: 'aws-environment', place: 'EcsContainer' } },
    'aws-sso': { kind: 'aws-sso', session: SSO_SESSION, region: 'eu-west-1', ...ACCOUNT },
    'azure-secret': { kind: 'azure', tenantId, clientId, proof: { kind: 'secret', clientSecret } },
    'azure-workload': { kind: 'azure', tenantId, clientId, proof: { kind: 'workload' } },
    'azure-system': { kind: 'azure-managed' },
    'azure-assigned': { kind: 'azure-managed', clientId: ASSIGNED },
    'azure-federated': { kind: 'azure', tenantId, clientId, proof: { kind: 'federated', subject } },
    'gcp-service-account': {
      kind: 'gcp-service-account',
      clientEmail: GOOGLE_ACCOUNT.email,
      privateKey: GOOGLE_ACCOUNT.privateKey,
      privateKeyId: GOOGLE_ACCOUNT.keyId,
      tokenUri: `${google.fake.url}/token`,
    },
    'gcp-federation': { kind: 'gcp-federation', audience: POOL, subject },
    'gcp-impersonation': { kind: 'gcp-federation', audience: POOL, subject, impersonate: GOOGLE_ACCOUNT.email },
    'gcp-default': { kind: 'gcp-default' },
  };
}

export function textOf({ secret }: Token): string {
  return secret.kind === 'generic' ? secret.value : secret.kind === 'aws' ? (secret.sessionToken ?? '') : '';
}
