import type { BackendIr } from '../ir/index.ts';
import { type Capabilities, type EnvoyFeature, isOlder } from './capabilities.ts';

/** What an Envoy must be able to do to have the cluster of a backend at all. */
export function backendNeeds(backend: BackendIr, capabilities: Capabilities): EnvoyFeature[] {
  return [
    ...(backend.provider ? [isOlder(capabilities) ? ('lua' as const) : ('lua_filter_context' as const)] : []),
    ...(backend.credential?.secret ? (['credential_injector'] as const) : []),
    ...(backend.signing ? (['aws_request_signing'] as const) : []),
    ...(backend.forwardProxy === undefined ? [] : (['forward_proxy'] as const)),
  ];
}
