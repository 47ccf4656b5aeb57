import type { CredentialIr, CredentialOverrideIr, SecretRef } from '../../ir/index.ts';
import {
  aiServiceBackendKind,
  type BackendSecurityPolicy,
  backendSecurityPolicyKind,
  isValidOf,
  type LoadedObject,
  secretKind,
} from '../../resources/index.ts';
import { type Context, resolveReference } from '../context.ts';
import { isKind, keyOf } from '../objects.ts';
import { fieldsOf, itemsOf, textOf } from '../routes/salvage.ts';
import { readSecretText } from '../secrets.ts';

/** `unusable`: one is wanted and cannot be had, so the provider must not be called. */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable' }
  | { readonly kind: 'usable'; readonly credential: CredentialIr };

/** The credential of an AIServiceBackend. */
export type CredentialOf = (backend: LoadedObject) => Credential;

/** Types whose credential is one fixed value. `override`: the header for a credential of the request, unless named. */
const KEY_TYPES = {
  APIKey: { field: 'apiKey', header: 'authorization', prefix: 'Bearer ', override: 'x-aigw-api-key' },
  AzureAPIKey: { field: 'azureAPIKey', header: 'api-key', prefix: '', override: 'x-aigw-azure-api-key' },
  AnthropicAPIKey: { field: 'anthropicAPIKey', header: 'x-api-key', prefix: '', override: 'x-aigw-anthropic-api-key' },
} as const;

type KeyType = (typeof KEY_TYPES)[keyof typeof KEY_TYPES];

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
  if (type !== 'APIKey' && type !== 'AzureAPIKey' && type !== 'AnthropicAPIKey') {
    const message = `credentials of type ${type} are not available yet`;
    context.report.error('HG0403', policy, ['spec', 'type'], message, {
      hint: 'its backends are left out of all rules',
    });
    return { kind: 'unusable' };
  }
  const keyType = KEY_TYPES[type];
  const override = credentialOverride && readOverride(policy, credentialOverride, keyType, context);
  if (override === 'invalid') return { kind: 'unusable' };
  const { header, prefix } = keyType;
  if (override && !override.fallbackToConfigured) return { kind: 'usable', credential: { header, prefix, override } };
  const secret = readKey(policy, keyType, context);
  if (!secret) return { kind: 'unusable' };
  return { kind: 'usable', credential: { header, prefix, secret, ...(override && { override }) } };
}

function readKey(
  policy: LoadedObject<BackendSecurityPolicy>,
  { field }: KeyType,
  context: Context,
): SecretRef | undefined {
  const { report, secrets } = context;
  const path = ['spec', field, 'secretRef'];
  const ref = policy.object.spec[field]?.secretRef;
  if (!ref) return undefined;
  if (!isKind(ref, secretKind)) {
    report.error('HG0207', policy, path, `a key must be in a Secret, not in a ${ref.kind}`);
    return undefined;
  }
  const found = resolveSecret(policy, path, ref, context);
  if (!found) return undefined;
  const read = readSecretText(found.object, 'apiKey');
  if (!read.ok) {
    report.error('HG0401', policy, path, `Secret ${ref.name} ${read.problem}`, { hint: 'the key goes under apiKey' });
    return undefined;
  }
  const value = read.value.replace(/[\r\n]+$/, '');
  const at = [
    found.object.stringData && Object.hasOwn(found.object.stringData, 'apiKey') ? 'stringData' : 'data',
    'apiKey',
  ];
  if (value.trim() === '') {
    report.error('HG0401', found, at, 'the key is empty');
    return undefined;
  }
  if (!/^[\x20-\x7e]+$/.test(value)) {
    report.error('HG0402', found, at, 'the key has characters that no header can carry');
    return undefined;
  }
  if (value !== read.value) {
    report.warning('HG0402', found, at, 'the key ends with a line break, which is removed', {
      hint: 'encode it with printf or echo -n',
    });
  }
  return secrets.put(`Secret/${keyOf(found)}/apiKey`, { kind: 'generic', value });
}

/** A credential that is missing has a code of its own. */
function resolveSecret(
  policy: LoadedObject,
  path: (string | number)[],
  ref: { readonly name: string; readonly namespace?: string },
  context: Context,
): ReturnType<typeof resolveReference<typeof secretKind>> {
  const namespace = ref.namespace ?? policy.id.namespace;
  const { grants, index, report } = context;
  if (grants.permits(policy.id, secretKind, namespace, ref.name) && !index.find(secretKind, namespace, ref.name)) {
    report.error(
      'HG0401',
      policy,
      [...path, 'name'],
      `no Secret ${JSON.stringify(ref.name)} in namespace ${namespace}`,
      {
        hint: index.hint(secretKind, namespace, ref.name),
      },
    );
    return undefined;
  }
  const found = resolveReference(context, policy, path, secretKind, ref);
  return found;
}

type OverrideFields = NonNullable<BackendSecurityPolicy['spec']['credentialOverride']>;

function readOverride(
  policy: LoadedObject,
  { fromRequestHeaders, fromDynamicMetadata }: OverrideFields,
  { override }: KeyType,
  { report }: Context,
): CredentialOverrideIr | 'invalid' | undefined {
  if (fromDynamicMetadata) {
    const { namespace, key, fallbackToConfigured } = fromDynamicMetadata;
    return { dynamicMetadata: { namespace, key: key || override }, fallbackToConfigured };
  }
  if (!fromRequestHeaders) return undefined;
  const header = fromRequestHeaders.header || override;
  if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(header)) {
    const path = ['spec', 'credentialOverride', 'fromRequestHeaders', 'header'];
    report.error('HG0402', policy, path, `${JSON.stringify(header)} is not the name of a header`);
    return 'invalid';
  }
  return { requestHeader: header.toLowerCase(), fallbackToConfigured: fromRequestHeaders.fallbackToConfigured };
}
