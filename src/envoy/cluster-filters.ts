import type { BackendIr, ProviderIr } from '../ir/index.ts';
import { type Capabilities, isOlder } from './capabilities.ts';
import { olderUpstreamFilters, olderUpstreamReferences } from './older/cluster-filters.ts';
import type { ResourceReference } from './resource.ts';
import type { ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter } from './schema/index.ts';
import { type ClusterKind, upstreamFilterReferences, upstreamFilters } from './upstream-filters.ts';

/** The upstream filters of a provider's cluster, as this Envoy can have them. */
export function clusterFilters(
  backend: BackendIr,
  provider: ProviderIr,
  kind: ClusterKind,
  capabilities: Capabilities,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  if (isOlder(capabilities)) return olderUpstreamFilters(backend, capabilities);
  return upstreamFilters(backend, provider, kind, capabilities);
}

export function clusterFilterReferences(backend: BackendIr, capabilities: Capabilities): ResourceReference[] {
  if (!isOlder(capabilities)) return upstreamFilterReferences(backend);
  return backend.provider ? olderUpstreamReferences(backend, capabilities) : [];
}
