import type { CredentialIr, ProviderIr, SecretRef } from '../../ir/index.ts';
import {
  aiServiceBackendKind,
  type BackendSecurityPolicy,
  backendSecurityPolicyKind,
  isValidOf,
  type LoadedObject,
} from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { isKind, keyOf } from '../objects.ts';
import { fieldsOf, itemsOf, textOf } from '../routes/salvage.ts';
import { readKeys } from './api-keys.ts';
import { type AwsCredential, readAwsCredential } from './aws-credentials.ts';
import { readOverride } from './credential-override.ts';
import { readAzureCredential, readGcpCredential } from './token-credentials.ts';

/** Where requests are made, as far as the credential says it. */
type CredentialPlace = Pick<ProviderIr, 'project' | 'region'>;

/** `unusable`: one is wanted and cannot be had, so the provider must not be called. */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable' }
  | ({ readonly kind: 'usable'; readonly credential: CredentialIr } & CredentialPlace)
  | AwsCredential;

/** The credential of an AIServiceBackend. */
export type CredentialOf = (backend: LoadedObject) => Credential;

/** Types whose credential is one fixed value. `override`: the header for a credential of the request, unless named. */
const KEY_TYPES = {
  APIKey: { field: 'apiKey', header: 'authorization', prefix: 'Bearer ', override: 'x-aigw-api-key' },
  AzureAPIKey: { field: 'azureAPIKey', header: 'api-key', prefix: '', override: 'x-aigw-azure-api-key' },
  AnthropicAPIKey: { field: 'anthropicAPIKey', header: 'x-api-key', prefix: '', override: 'x-aigw-anthropic-api-key' },
} as const;

/** All types whose credential is one header. */
const HEADER_TYPES = {
  ...KEY_TYPES,
  AzureCredentials: { header: 'authorization', prefix: 'Bearer ', override: 'x-aigw-azure-access-token' },
  GCPCredentials: { header: 'authorization', prefix: 'Bearer ', override: 'x-aigw-gcp-access-token' },
} as const;

/** Reads all BackendSecurityPolicies. */
export function readCredentials(context: Context): CredentialOf {
  const policies = new Map<string, Credential>();
  const owners = new Map<string, LoadedObject>();
  for (const policy of context.index.all(backendSecurityPolicyKind)) {
    const targets = claimTargets(policy, owners, context);
    const credential = readCredential(policy, context);
    for (const target of targets) policies.set(target, credential);
  }
  return (backend) => policies.get(keyOf(backend)) ?? { kind: 'none' };
}

/** The `NAMESPACE/NAME` of the backends that are this policy's. */
function claimTargets(policy: LoadedObject, owners: Map<string, LoadedObject>, { index, report }: Context): string[] {
  const { namespace } = policy.id;
  return itemsOf(fieldsOf(policy.object.spec).targetRefs).flatMap((ref, i) => {
    const { group, kind, name: target } = fieldsOf(ref);
    const name = textOf(target);
    const path = ['spec', 'targetRefs', i];
    if (name === undefined) return [];
    if (!isKind({ group: String(group), kind: String(kind) }, aiServiceBackendKind)) {
      report.warning('HG0207', policy, path, `targets of kind ${String(kind)} are not available yet`);
      return [];
    }
    if (!index.find(aiServiceBackendKind, namespace, name)) {
      const hint = index.hint(aiServiceBackendKind, namespace, name);
      report.warning('HG0205', policy, [...path, 'name'], `no AIServiceBackend ${JSON.stringify(name)}`, { hint });
      return [];
    }
    const key = `${namespace}/${name}`;
    const owner = owners.get(key);
    if (owner && owner !== policy) {
      const message = `AIServiceBackend ${name} already has BackendSecurityPolicy ${owner.id.name}`;
      report.error('HG0206', policy, path, message, { hint: 'the older policy wins, then the first by name' });
      return [];
    }
    owners.set(key, policy);
    return [key];
  });
}

function readCredential(policy: LoadedObject, context: Context): Credential {
  if (!isValidOf(policy, backendSecurityPolicyKind)) return { kind: 'unusable' };
  const { type, credentialOverride } = policy.object.spec;
  if (type === 'AWSCredentials') return readAwsCredential(policy, context);
  const headerType = HEADER_TYPES[type];
  const override =
    credentialOverride &&
    readOverride(policy, credentialOverride, { header: headerType.override, key: headerType.override }, context);
  if (override === 'invalid') return { kind: 'unusable' };
  const { header, prefix } = headerType;
  const place = readPlace(policy);
  if (override && !override.fallbackToConfigured) {
    return { kind: 'usable', credential: { header, prefix, override }, ...place };
  }
  const [secret, ...furtherKeys] = readSecrets(policy, type, context);
  if (!secret) return { kind: 'unusable' };
  const credential = {
    ...{ header, prefix, secret },
    ...(furtherKeys.length > 0 && { furtherKeys }),
    ...(override && { override }),
  };
  return { kind: 'usable', credential, ...place };
}

/** None where the credential cannot be used; more than one of a pool of keys. */
function readSecrets(
  policy: LoadedObject<BackendSecurityPolicy>,
  type: keyof typeof HEADER_TYPES,
  context: Context,
): SecretRef[] {
  switch (type) {
    case 'AzureCredentials':
      return [readAzureCredential(policy, context)].filter((ref) => ref !== undefined);
    case 'GCPCredentials':
      return [readGcpCredential(policy, context)].filter((ref) => ref !== undefined);
    default:
      return readKeys(policy, KEY_TYPES[type].field, context);
  }
}

/** Where requests are made: parts of their paths. */
function readPlace({ object }: LoadedObject<BackendSecurityPolicy>): CredentialPlace {
  const { gcpCredentials } = object.spec;
  return gcpCredentials ? { project: gcpCredentials.projectName, region: gcpCredentials.region } : {};
}
