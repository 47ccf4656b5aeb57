import type { BackendIr, CredentialIr, SecretRef, SecretValues } from '../../ir/index.ts';
import { signingFilter, signingReferences } from '../aws-signing.ts';
import type { Capabilities } from '../capabilities.ts';
import type { EnvoyResource, ResourceReference } from '../resource.ts';
import type { ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter } from '../schema/index.ts';
import { emitSecret, secretReference } from '../secrets.ts';
import { CODEC_FILTER, credentialFilter, mayUseConfigured } from '../upstream-filters.ts';

/** Upstream filters of a provider's cluster on an Envoy whose clusters have no script: the request comes as it is to leave. */
export function olderUpstreamFilters(
  { credential, signing }: BackendIr,
  capabilities: Capabilities,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  const secret = credential && injectedSecret(credential, capabilities);
  return [
    ...(credential && secret
      ? // Where a request may bring a credential, the script has left nothing else in the header.
        [credentialFilter({ ...credential, ...secret }, secret.secret, credential.override === undefined)]
      : []),
    ...(signing ? [signingFilter(signing, capabilities)] : []),
    CODEC_FILTER,
  ];
}

export function olderUpstreamReferences(backend: BackendIr, capabilities: Capabilities): ResourceReference[] {
  const injected = backend.credential && injectedSecret(backend.credential, capabilities);
  return [...(injected ? [secretReference(injected.secret)] : []), ...signingReferences(backend)];
}

/** Secrets that hold their prefix, each once: for Envoys that cannot put it there. */
export function prefixedSecrets(
  backends: readonly BackendIr[],
  values: SecretValues,
  capabilities: Capabilities,
): EnvoyResource[] {
  const found = new Map<string, EnvoyResource>();
  for (const { credential } of backends) {
    const injected = credential && injectedSecret(credential, capabilities);
    if (injected === undefined || injected.secret.name === credential?.secret?.name) continue;
    const value = values.get(credential?.secret?.name ?? '');
    if (value?.kind !== 'generic') continue;
    const { secret } = injected;
    const prefixed = new Map([[secret.name, { ...value, value: `${credential?.prefix}${value.value}` }]]);
    found.set(secret.name, emitSecret(secret, prefixed));
  }
  return [...found.values()];
}

/** The secret of the configured credential, where there is one, and what Envoy is to put before its value. */
function injectedSecret(
  credential: CredentialIr,
  capabilities: Capabilities,
): { readonly secret: SecretRef; readonly prefix: string } | undefined {
  const { secret, prefix } = credential;
  if (secret === undefined || !mayUseConfigured(credential)) return undefined;
  if (prefix === '' || capabilities.features.has('credential_prefix')) return { secret, prefix };
  return { secret: { ...secret, name: `${secret.name}/after/${prefix.trim()}` }, prefix: '' };
}
