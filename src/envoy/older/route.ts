import type { BackendIr, InferenceBackendIr, InferenceRuleIr } from '../../ir/index.ts';
import type { EnvoyFeature } from '../capabilities.ts';
import { routeFactsMetadata } from '../lua.ts';
import type { BackendFacts, RouteFacts } from '../lua-facts.ts';
import { BACKEND_HEADER, WHO_ANSWERED } from '../names.ts';
import type { ConfigRouteV3Route } from '../schema/index.ts';
import { backendFacts } from '../upstream-filters.ts';

/** What a rule asks of an older Envoy, beside what its backends and limits do. */
export function olderNeeds(rule: InferenceRuleIr, refs: readonly InferenceBackendIr[]): EnvoyFeature[] {
  return isAskedOnce(rule, refs) ? ['lua'] : ['lua_filter_context', 'priority_group'];
}

/**
 * A route as newer Envoys have it, made one for those whose clusters have no script. `members`: the backends of the rule
 * under the names of their clusters.
 */
export function olderRoute(
  route: ConfigRouteV3Route,
  facts: RouteFacts,
  members: readonly BackendIr[],
): ConfigRouteV3Route {
  const [sole] = members.flatMap(factsOf);
  return {
    ...route,
    metadata: routeFactsMetadata({ ...facts, ...(sole && { sole }) }),
    // Tells the script whether the backend was asked, and whether it has answered or Envoy; the script puts the name in its place.
    response_headers_to_add: [{ header: { key: BACKEND_HEADER, value: WHO_ANSWERED } }],
  };
}

/** One backend and one attempt: the request can be made that provider's own before it is routed. */
function isAskedOnce({ retry }: InferenceRuleIr, refs: readonly InferenceBackendIr[]): boolean {
  return refs.length === 1 && (retry.numRetries ?? retry.attemptsPerBackend - 1) === 0;
}

function factsOf(backend: BackendIr): BackendFacts[] {
  return backend.provider ? [backendFacts(backend, backend.provider)] : [];
}
