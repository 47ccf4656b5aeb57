import type { BackendIr } from '../ir/index.ts';
import { type Capabilities, type EnvoyFeature, isOlder } from './capabilities.ts';

/** What an Envoy must be able to do to have the cluster of a backend at all. */
export function backendNeeds(backend: BackendIr, capabilities: Capabilities): EnvoyFeature[] {
  const older = isOlder(capabilities);
  return [
    ...(backend.provider ? [older ? ('lua' as const) : ('lua_filter_context' as const)] : []),
    ...(backend.credential?.secret ? (['credential_injector'] as const) : []),
    // Counted by a filter of its own, which is told so by its context.
    ...(older && backend.quotas?.length ? (['lua_filter_context'] as const) : []),
    ...(backend.signing ? (['aws_request_signing'] as const) : []),
    // The script that signs with them is a filter of the cluster.
    ...(older && backend.signing?.override ? (['lua_filter_context'] as const) : []),
    ...(backend.forwardProxy === undefined ? [] : (['forward_proxy'] as const)),
  ];
}
