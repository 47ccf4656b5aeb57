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
    // Keys of the request alone are signed with by a script.
    ...(backend.signing?.override?.fallbackToConfigured === false || !backend.signing
      ? []
      : (['aws_request_signing'] as const)),
    ...(backend.forwardProxy === undefined ? [] : (['forward_proxy'] as const)),
  ];
}
