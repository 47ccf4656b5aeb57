/** All token services on one machine, and sources that ask them. */
import type { FetchContext } from '../../../src/credentials/fetch-context.ts';
import type { Token } from '../../../src/credentials/token.ts';
import type { OidcClient, TokenSource } from '../../../src/ir/index.ts';
import { AWS_CREDENTIALS } from '../../fakes/index.ts';
import {
  ENTRA_CLIENT,
  type Entra,
  GOOGLE_ACCOUNT,
  type Google,
  type IdentityProvider,
  OIDC_CLIENT,
  POOL,
  ROLE,
  type Sts,
  startEntra,
  startGoogle,
  startIdentityProvider,
  startSts,
} from '../../fakes/tokens/index.ts';

export interface Services {
  readonly idp: IdentityProvider;
  readonly sts: Sts;
  readonly entra: Entra;
  readonly google: Google;
  /** Says where they are, as the clouds' own tools are told. */
  readonly env: FetchContext['env'];
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export async function startServices(): Promise<Services> {
  const [idp, sts, entra, google] = await Promise.all([
    startIdentityProvider(),
    startSts({ externalId: 'ext-1' }),
    startEntra(),
    startGoogle(),
  ]);
  const all = [idp, sts, entra, google];
  return {
    idp,
    sts,
    entra,
    google,
    env: {
      AWS_ENDPOINT_URL_STS: sts.fake.url,
      AZURE_AUTHORITY_HOST: `${entra.fake.url}/`,
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

/** A source of each kind that the services answer. */
export function sourcesOf({ idp, google }: Services): Record<string, TokenSource> {
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
      keys: AWS_CREDENTIALS,
    },
    'azure-secret': { kind: 'azure', tenantId, clientId, proof: { kind: 'secret', clientSecret } },
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
