import { createPrivateKey } from 'node:crypto';
import type { GcpServiceAccount, SecretRef, TokenSource } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import type { BackendSecurityPolicy, LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { tokenName } from './aws-credentials.ts';
import { readCredentialSecret } from './credential-secrets.ts';
import { readOidcClient } from './oidc-client.ts';

type Policy = LoadedObject<BackendSecurityPolicy>;
type GcpFields = NonNullable<BackendSecurityPolicy['spec']['gcpCredentials']>;

/**
 * Who the control plane is where it runs on Azure, in place of a secret or a federated token. The API wants one of these
 * all the same, which is not read then.
 */
const IDENTITY_ANNOTATION = 'headgate.dev/azure-identity';
const IDENTITIES = ['system-assigned', 'user-assigned', 'workload'] as const;

const GOOGLE_TOKEN_URI = 'https://oauth2.googleapis.com/token';

/** An access token of Entra ID. Errors: undefined, with a finding. */
export function readAzureCredential(policy: Policy, context: Context): SecretRef | undefined {
  const fields = policy.object.spec.azureCredentials;
  if (!fields) return undefined;
  const { clientID: clientId, tenantID: tenantId, clientSecretRef, oidcExchangeToken } = fields;
  const path = ['spec', 'azureCredentials'];
  const put = (source: TokenSource): SecretRef => context.secrets.putToken(tokenName(policy), source);
  if (!/^[\w.-]+$/.test(tenantId)) {
    context.report.error(
      'HG0402',
      policy,
      [...path, 'tenantID'],
      `${JSON.stringify(tenantId)} is not the ID of a tenant`,
    );
    return undefined;
  }
  const identity = policy.object.metadata.annotations?.[IDENTITY_ANNOTATION];
  if (identity !== undefined) {
    const source = readIdentity(identity, clientId, tenantId);
    if (source) return put(source);
    const message = `${JSON.stringify(identity)} is none of ${IDENTITIES.join(', ')}`;
    context.report.error('HG0402', policy, ['metadata', 'annotations', IDENTITY_ANNOTATION], message);
    return undefined;
  }
  if (oidcExchangeToken) {
    const subject = readOidcClient(policy, [...path, 'oidcExchangeToken'], oidcExchangeToken, context);
    return subject && put({ kind: 'azure', clientId, tenantId, proof: { kind: 'federated', subject } });
  }
  if (!clientSecretRef) return undefined;
  const at = [...path, 'clientSecretRef'];
  const clientSecret = readCredentialSecret(policy, at, clientSecretRef, 'client-secret', context)?.text.trim();
  if (clientSecret === undefined) return undefined;
  return put({ kind: 'azure', clientId, tenantId, proof: { kind: 'secret', clientSecret } });
}

function readIdentity(identity: string, clientId: string, tenantId: string): TokenSource | undefined {
  switch (IDENTITIES.find((one) => one === identity)) {
    case 'system-assigned':
      return { kind: 'azure-managed' };
    case 'user-assigned':
      return { kind: 'azure-managed', clientId };
    case 'workload':
      return { kind: 'azure', clientId, tenantId, proof: { kind: 'workload' } };
    case undefined:
      return undefined;
  }
}

/** An access token of Google Cloud. Errors: undefined, with a finding. */
export function readGcpCredential(policy: Policy, context: Context): SecretRef | undefined {
  const fields = policy.object.spec.gcpCredentials;
  const source = fields && readGcpSource(policy, fields, context);
  return source && context.secrets.putToken(tokenName(policy), source);
}

function readGcpSource(policy: Policy, fields: GcpFields, context: Context): TokenSource | undefined {
  const { credentialsFile, workloadIdentityFederationConfig: federation } = fields;
  const path = ['spec', 'gcpCredentials'];
  for (const field of ['projectName', 'region'] as const) {
    if (/^[\w.:-]+$/.test(fields[field])) continue;
    context.report.error(
      'HG0402',
      policy,
      [...path, field],
      `${JSON.stringify(fields[field])} cannot be part of a path`,
    );
    return undefined;
  }
  if (credentialsFile) {
    return readServiceAccount(policy, [...path, 'credentialsFile', 'secretRef'], credentialsFile.secretRef, context);
  }
  if (!federation) return { kind: 'gcp-default' };
  const { projectID, workloadIdentityPoolName: pool, workloadIdentityProviderName: provider } = federation;
  const at = [...path, 'workloadIdentityFederationConfig', 'oidcExchangeToken'];
  const subject = readOidcClient(policy, at, federation.oidcExchangeToken, context);
  if (!subject) return undefined;
  const account = federation.serviceAccountImpersonation?.serviceAccountName;
  return {
    kind: 'gcp-federation',
    audience: `//iam.googleapis.com/projects/${projectID}/locations/global/workloadIdentityPools/${pool}/providers/${provider}`,
    subject,
    ...(account !== undefined && {
      impersonate: account.includes('@') ? account : `${account}@${projectID}.iam.gserviceaccount.com`,
    }),
  };
}

function readServiceAccount(
  policy: Policy,
  path: FieldPath,
  ref: NonNullable<GcpFields['credentialsFile']>['secretRef'],
  context: Context,
): GcpServiceAccount | undefined {
  const file = readCredentialSecret(policy, path, ref, 'service_account.json', context);
  if (!file) return undefined;
  const account = parseServiceAccount(file.text);
  if (typeof account !== 'string') return account;
  context.report.error('HG0402', file.found, file.at, account);
  return undefined;
}

/** Errors: what is wrong, without any value of the file. */
function parseServiceAccount(text: string): GcpServiceAccount | string {
  const json = parseObject(text);
  if (!json) return 'is not a JSON object';
  const { type, client_email, private_key, private_key_id, token_uri } = json;
  if (type !== 'service_account') return 'is not the key of a service account (type "service_account")';
  if (typeof client_email !== 'string' || typeof private_key !== 'string') return 'lacks client_email or private_key';
  try {
    createPrivateKey(private_key);
  } catch {
    return 'has a private_key that cannot be read';
  }
  return {
    kind: 'gcp-service-account',
    clientEmail: client_email,
    privateKey: private_key,
    ...(typeof private_key_id === 'string' && { privateKeyId: private_key_id }),
    tokenUri: typeof token_uri === 'string' && token_uri !== '' ? token_uri : GOOGLE_TOKEN_URI,
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
