/** A backend for each kind of credential, each with a strict provider that takes its credential alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AWS_CREDENTIALS, type Fake, startAzure, startOpenAi } from '../../fakes/index.ts';
import { ASSIGNED, ENTRA_CLIENT, GOOGLE_ACCOUNT, OIDC_CLIENT, ROLE, SIGN_IN } from '../../fakes/tokens/index.ts';
import { tempDir } from '../../support/index.ts';
import { leaveSignIn, type Services, SSO_SESSION, startServices } from '../../unit/credentials/rig.ts';
import { type BackendFacts, object } from '../support/objects.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Keys that the Envoy finds in its environment. */
export const ENVOY_KEYS = { accessKeyId: 'AKIAENVOYEXAMPLE', secretAccessKey: 'envoy/secret+example' } as const;
/** A program of the control plane prints these. */
export const PROGRAM_KEYS = { accessKeyId: 'AKIAPROGRAMEXAMPLE', secretAccessKey: 'program/secret+example' } as const;
const FILE_KEYS = { accessKeyId: 'AKIAFILEEXAMPLE', secretAccessKey: 'file/secret+example' } as const;

export const HOSTS = {
  fips: 'bedrock-runtime-fips.us-gov-west-1.amazonaws.com',
  vpc: 'vpce-0a1b-2c3d.bedrock-runtime.eu-central-1.vpce.amazonaws.com',
} as const;

const GOOGLE_PREFIX = '/v1/projects/p/locations/global/endpoints/openapi';

export interface Clouds {
  readonly services: Services;
  /** By name of the backend. */
  readonly fakes: Record<string, Fake>;
  readonly backends: Record<string, BackendFacts>;
  /** Secrets that the policies name. */
  readonly secrets: readonly Fields[];
  readonly env: Record<string, string>;
  readonly envoyEnv: Record<string, string>;
  stop(): Promise<void>;
}

export async function startClouds(): Promise<Clouds> {
  const services = await startServices();
  const { sts, entra, google, idp, aws: identity, azure: managed } = services;
  leaveSignIn(services);
  const bedrock = (name: string, credentials: readonly object[], region: string): Promise<Fake> =>
    startOpenAi({ name, prefix: '/openai/v1', aws: { credentials: credentials as never, region } });
  const fakes: Record<string, Fake> = {
    'aws-keys': await bedrock('aws-keys', [FILE_KEYS], 'us-gov-west-1'),
    'aws-web': await bedrock('aws-web', sts.sessions, 'eu-central-1'),
    'aws-role': await bedrock('aws-role', sts.sessions, 'us-east-1'),
    'aws-chain': await bedrock('aws-chain', [ENVOY_KEYS], 'us-west-2'),
    'aws-roles': await bedrock('aws-roles', sts.sessions, 'us-east-1'),
    'aws-program': await bedrock('aws-program', [PROGRAM_KEYS], 'us-east-1'),
    'aws-sso': await bedrock('aws-sso', identity.sessions, 'us-east-1'),
    'azure-managed': await startAzure({ name: 'azure-managed', keys: [], tokens: managed.issued.tokens }),
    'azure-workload': await startAzure({ name: 'azure-workload', keys: [], tokens: entra.issued.tokens }),
    'azure-secret': await startAzure({ name: 'azure-secret', keys: [], tokens: entra.issued.tokens }),
    'azure-federated': await startAzure({ name: 'azure-federated', keys: [], tokens: entra.issued.tokens }),
    'gcp-account': await startOpenAi({ name: 'gcp-account', prefix: GOOGLE_PREFIX, keys: google.issued.tokens }),
    'gcp-pool': await startOpenAi({ name: 'gcp-pool', prefix: GOOGLE_PREFIX, keys: google.issued.tokens }),
    'key-openai': await startOpenAi({ name: 'key-openai', keys: ['sk-openai'] }),
    'key-azure': await startAzure({ name: 'key-azure', keys: ['azure-key'] }),
  };
  const ports = Object.fromEntries(Object.entries(fakes).map(([name, { port }]) => [name, port]));
  const oidc = {
    provider: { issuer: idp.fake.url },
    clientID: OIDC_CLIENT.clientId,
    clientSecret: { name: 'oidc' },
    scopes: ['openid'],
  };
  const aws = { schema: { name: 'OpenAI', prefix: '/openai/v1' } };
  const azure = { schema: { name: 'AzureOpenAI', version: '2025-01-01-preview' } };
  const gcp = { schema: { name: 'OpenAI', prefix: GOOGLE_PREFIX } };
  const signed = (awsCredentials: Fields): Fields => ({ type: 'AWSCredentials', awsCredentials });
  const named = (name: string, hostname: string): Pick<BackendFacts, 'endpoints'> => ({
    endpoints: [{ ip: { address: '127.0.0.1', port: ports[name] }, hostname }],
  });
  const { clientId: clientID, tenantId: tenantID } = ENTRA_CLIENT;
  const ofControlPlane = (name: string, profile: string): BackendFacts => ({
    ...aws,
    port: ports[name] as number,
    policy: signed({ region: 'us-east-1' }),
    policyAnnotations: { 'headgate.dev/aws-profile': profile },
  });
  // Nothing is read of the Secret, and there is none.
  const identityOf = (name: string, kind: string, id: string): BackendFacts => ({
    ...azure,
    port: ports[name] as number,
    policy: {
      type: 'AzureCredentials',
      azureCredentials: { clientID: id, tenantID, clientSecretRef: { name: 'none' } },
    },
    policyAnnotations: { 'headgate.dev/azure-identity': kind },
  });
  const project = { projectName: 'example-project', region: 'global' };
  const backends: Record<string, BackendFacts> = {
    'aws-keys': {
      ...aws,
      ...named('aws-keys', HOSTS.fips),
      policy: signed({ region: 'us-east-1', credentialsFile: { profile: 'keys', secretRef: { name: 'aws' } } }),
    },
    'aws-web': {
      ...aws,
      ...named('aws-web', HOSTS.vpc),
      policy: signed({ region: 'us-east-1', oidcExchangeToken: { awsRoleArn: ROLE, oidc } }),
    },
    // Addresses alone (EDS): the host that is signed is the region's.
    'aws-role': {
      ...aws,
      endpoints: [
        { ip: { address: '127.0.0.1', port: ports['aws-role'] } },
        { ip: { address: '127.0.0.1', port: ports['aws-role'] } },
      ],
      policy: signed({ region: 'us-east-1', credentialsFile: { profile: 'role', secretRef: { name: 'aws' } } }),
    },
    'aws-chain': { ...aws, port: ports['aws-chain'] as number, policy: signed({ region: 'us-west-2' }) },
    'aws-roles': {
      ...aws,
      port: ports['aws-roles'] as number,
      policy: signed({ region: 'us-east-1', credentialsFile: { profile: 'roles', secretRef: { name: 'aws' } } }),
    },
    'aws-program': ofControlPlane('aws-program', 'program'),
    'aws-sso': ofControlPlane('aws-sso', 'sso'),
    'azure-managed': identityOf('azure-managed', 'user-assigned', ASSIGNED),
    'azure-workload': identityOf('azure-workload', 'workload', clientID),
    'azure-secret': {
      ...azure,
      port: ports['azure-secret'] as number,
      policy: {
        type: 'AzureCredentials',
        azureCredentials: { clientID, tenantID, clientSecretRef: { name: 'entra' } },
      },
    },
    'azure-federated': {
      ...azure,
      port: ports['azure-federated'] as number,
      policy: { type: 'AzureCredentials', azureCredentials: { clientID, tenantID, oidcExchangeToken: { oidc } } },
    },
    'gcp-account': {
      ...gcp,
      port: ports['gcp-account'] as number,
      policy: {
        type: 'GCPCredentials',
        gcpCredentials: { ...project, credentialsFile: { secretRef: { name: 'google' } } },
      },
    },
    'gcp-pool': {
      ...gcp,
      port: ports['gcp-pool'] as number,
      policy: {
        type: 'GCPCredentials',
        gcpCredentials: {
          ...project,
          workloadIdentityFederationConfig: {
            projectID: 'example-project',
            workloadIdentityPoolName: 'pool',
            workloadIdentityProviderName: 'provider',
            serviceAccountImpersonation: { serviceAccountName: 'models' },
            oidcExchangeToken: { oidc },
          },
        },
      },
    },
    'key-openai': { port: ports['key-openai'] as number, key: 'sk-openai' },
    'key-azure': { ...azure, port: ports['key-azure'] as number, key: 'azure-key', keyType: 'AzureAPIKey' },
  };
  const profile = (name: string, keys: typeof FILE_KEYS): string =>
    `[${name}]\naws_access_key_id = ${keys.accessKeyId}\naws_secret_access_key = ${keys.secretAccessKey}\n`;
  const role = `[role]\nrole_arn = ${ROLE}\nsource_profile = base\nexternal_id = ext-1\n`;
  const roles = `[roles]\nrole_arn = ${ROLE}\nsource_profile = role\nexternal_id = ext-1\n`;
  const account = {
    type: 'service_account',
    client_email: GOOGLE_ACCOUNT.email,
    private_key: GOOGLE_ACCOUNT.privateKey,
    private_key_id: GOOGLE_ACCOUNT.keyId,
    token_uri: `${google.fake.url}/token`,
  };
  const secret = (name: string, stringData: Fields): Fields => object('v1', 'Secret', name, { stringData });
  return {
    services,
    fakes,
    backends,
    secrets: [
      secret('aws', {
        credentials: `${profile('keys', FILE_KEYS)}${profile('base', AWS_CREDENTIALS as never)}${role}${roles}`,
      }),
      secret('oidc', { 'client-secret': OIDC_CLIENT.clientSecret }),
      secret('entra', { 'client-secret': ENTRA_CLIENT.clientSecret }),
      secret('google', { 'service_account.json': JSON.stringify(account) }),
    ],
    env: { ...services.env, AWS_CONFIG_FILE: awsConfig(), PATH: process.env.PATH } as Record<string, string>,
    envoyEnv: { AWS_ACCESS_KEY_ID: ENVOY_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: ENVOY_KEYS.secretAccessKey },
    async stop() {
      for (const fake of Object.values(fakes)) await fake.close();
      await services.stop();
    },
  };
}

/** The AWS configuration of the control plane: a program that prints keys, and a sign-in. */
function awsConfig(): string {
  const folder = tempDir('aws');
  const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } = PROGRAM_KEYS;
  writeFileSync(join(folder, 'keys.json'), JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey }));
  const path = join(folder, 'config');
  const account = `sso_account_id = ${SIGN_IN.accountId}\nsso_role_name = ${SIGN_IN.roleName}`;
  writeFileSync(
    path,
    `[profile program]\ncredential_process = cat ${join(folder, 'keys.json')}\n` +
      `[profile sso]\nsso_session = ${SSO_SESSION}\n${account}\n` +
      `[sso-session ${SSO_SESSION}]\nsso_region = us-east-1\nsso_start_url = https://company.awsapps.com/start\n`,
  );
  return path;
}
