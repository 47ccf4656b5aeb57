import type { BackendIr, CredentialIr, SecretRef, SecretValues } from '../../ir/index.ts';
import { signingFilters, signingReferences } from '../aws-signing.ts';
import type { Capabilities } from '../capabilities.ts';
import { keysOf } from '../key-pool.ts';
import type { EnvoyResource, ResourceReference } from '../resource.ts';
import type { ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter } from '../schema/index.ts';
import { emitSecret, secretReference } from '../secrets.ts';
import { CODEC_FILTER, credentialFilters, mayUseConfigured } from '../upstream-filters.ts';

/** Upstream filters of a provider's cluster on an Envoy whose clusters have no script: the request comes as it is to leave. */
export function olderUpstreamFilters(
  { credential, signing }: BackendIr,
  capabilities: Capabilities,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  return [
    ...(credential
      ? // Where a request may bring a credential, the script has left nothing else in the header.
        credentialFilters(injected(credential, capabilities), credential.override === undefined)
      : []),
    ...(signing ? signingFilters(signing, capabilities) : []),
    CODEC_FILTER,
  ];
}

export function olderUpstreamReferences(backend: BackendIr, capabilities: Capabilities): ResourceReference[] {
  const { credential } = backend;
  const keys = credential && mayUseConfigured(credential) ? keysOf(injected(credential, capabilities)) : [];
  return [...keys.map(secretReference), ...signingReferences(backend)];
}

/** Secrets that hold their prefix, each once: for Envoys that cannot put it there. */
export function prefixedSecrets(
  backends: readonly BackendIr[],
  values: SecretValues,
  capabilities: Capabilities,
): EnvoyResource[] {
  const found = new Map<string, EnvoyResource>();
  for (const { credential } of backends) {
    if (credential === undefined || !mayUseConfigured(credential)) continue;
    const { prefix, ...as } = injected(credential, capabilities);
    if (prefix === credential.prefix) continue;
    keysOf({ ...as, prefix }).forEach((secret, i) => {
      const value = values.get(keysOf(credential)[i]?.name ?? '');
      if (value?.kind !== 'generic') return;
      const prefixed = new Map([[secret.name, { ...value, value: `${credential.prefix}${value.value}` }]]);
      found.set(secret.name, emitSecret(secret, prefixed));
    });
  }
  return [...found.values()];
}

/** The credential as Envoy is told of it: where it puts no prefix before a value, the secrets hold theirs. */
function injected(credential: CredentialIr, { features }: Capabilities): CredentialIr {
  const { secret, furtherKeys, prefix } = credential;
  if (prefix === '' || features.has('credential_prefix')) return credential;
  const after = (ref: SecretRef): SecretRef => ({ ...ref, name: `${ref.name}/after/${prefix.trim()}` });
  return {
    ...credential,
    prefix: '',
    ...(secret && { secret: after(secret) }),
    ...(furtherKeys && { furtherKeys: furtherKeys.map(after) }),
  };
}
