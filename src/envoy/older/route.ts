import type { ApiFamily, BackendIr, InferenceRuleIr } from '../../ir/index.ts';
import type { ServingMode } from '../api-classes.ts';
import type { EnvoyFeature } from '../capabilities.ts';
import { furtherTries } from '../key-pool.ts';
import { routeFactsMetadata } from '../lua.ts';
import type { AttemptFacts, BackendFacts, RouteFacts } from '../lua-facts.ts';
import { BACKEND_HEADER, LUA_FILTER, SENTINEL_HEADER, WHO_ANSWERED } from '../names.ts';
import type { ConfigCoreV3Metadata, ConfigRouteV3RetryPolicy, ConfigRouteV3Route } from '../schema/index.ts';
import { backendFacts, backendHost } from '../upstream-filters.ts';
import { ATTEMPTS } from './attempts.ts';

/** A backend of a rule under the name of its cluster, and how it serves. */
export interface OlderMember {
  readonly backend: BackendIr;
  readonly mode: ServingMode;
}

/** What a rule asks of an older Envoy, beside what its backends and limits do. */
export function olderNeeds(rule: InferenceRuleIr, members: readonly OlderMember[]): EnvoyFeature[] {
  return isMadeItsOwn(rule, members) ? ['lua'] : ['lua', 'internal_listener'];
}

/** Where the script of the listener makes a request that of its one backend: what is translated takes the other way. */
function isMadeItsOwn(rule: InferenceRuleIr, members: readonly OlderMember[]): boolean {
  const used = members.map(({ backend }) => backend);
  return isAskedOnce(rule, used) && members.every(({ mode }) => mode === 'native');
}

/**
 * One backend and one attempt: the request can be made that provider's own before it is routed. Not where it is mirrored, since
 * the copy is made of what is routed.
 */
export function isAskedOnce({ retry, mirror }: InferenceRuleIr, used: readonly BackendIr[]): boolean {
  const retries = (retry.numRetries ?? retry.attemptsPerBackend - 1) + furtherTries(used);
  return used.length === 1 && retries === 0 && mirror === undefined;
}

export function usedBackends(rule: InferenceRuleIr, backends: ReadonlyMap<string, BackendIr>): BackendIr[] {
  return rule.backends.flatMap(({ backend }) => backends.get(backend) ?? []);
}

/** Whether a gateway has rules that may ask more than once. */
export function needsAttempts(rules: readonly InferenceRuleIr[], backends: ReadonlyMap<string, BackendIr>): boolean {
  return rules.some((rule) => !isAskedOnce(rule, usedBackends(rule, backends)));
}

/** Whether a compiled route, known by its metadata, is one of these. */
export function isOlderForm(metadata: unknown): boolean {
  const { sole, attempts } = factsIn(metadata);
  return sole !== undefined || attempts !== undefined;
}

/** Whether it may lead to a backend by translation. */
export function isOlderTranslation(metadata: unknown): boolean {
  return Object.values(factsIn(metadata).attempts?.backends ?? {}).some(({ translated }) => translated !== undefined);
}

function factsIn(metadata: unknown): Partial<RouteFacts> {
  const facts = (metadata as ConfigCoreV3Metadata | undefined)?.filter_metadata?.[LUA_FILTER]?.facts;
  return typeof facts === 'string' ? (JSON.parse(facts) as Partial<RouteFacts>) : {};
}

/** A route as newer Envoys have it, made one for those whose clusters have no script, for requests of one family. */
export function olderRoute(
  route: ConfigRouteV3Route,
  facts: RouteFacts,
  rule: InferenceRuleIr,
  family: ApiFamily,
  members: readonly OlderMember[],
): ConfigRouteV3Route {
  if (isMadeItsOwn(rule, members)) return soleRoute(route, facts, members);
  return attemptsRoute(route, facts, rule, family, members);
}

function soleRoute(route: ConfigRouteV3Route, facts: RouteFacts, members: readonly OlderMember[]): ConfigRouteV3Route {
  const [sole] = members.flatMap(({ backend }) => factsOf(backend));
  return {
    ...route,
    metadata: routeFactsMetadata({ ...facts, ...(sole && { sole }) }),
    // Tells the script whether the backend was asked, and whether it has answered or Envoy; the script puts the name in its place.
    response_headers_to_add: [{ header: { key: BACKEND_HEADER, value: WHO_ANSWERED } }],
  };
}

function attemptsRoute(
  route: ConfigRouteV3Route,
  facts: RouteFacts,
  { retry: { attemptsPerBackend, triggers } }: InferenceRuleIr,
  family: ApiFamily,
  members: readonly OlderMember[],
): ConfigRouteV3Route {
  const attempts: AttemptFacts = {
    order: members.flatMap(({ backend }) => Array.from({ length: attemptsPerBackend }, () => backend.name)),
    backends: Object.fromEntries(
      members.flatMap(({ backend, mode }) =>
        attemptedFacts(backend, mode === 'translated' ? [family] : []).map((one) => [backend.name, one]),
      ),
    ),
    retried: Object.fromEntries(retriedFlags(triggers, members.length).map((flag) => [flag, true])),
  };
  const {
    cluster: _,
    inline_cluster_specifier_plugin: __,
    auto_host_rewrite: ___,
    retry_policy,
    ...action
  } = route.route ?? {};
  return {
    ...route,
    metadata: routeFactsMetadata({ ...facts, attempts }),
    route: { cluster: ATTEMPTS, ...action, ...(retry_policy && { retry_policy: olderRetryPolicy(retry_policy) }) },
  };
}

/** All that ends an attempt is an answer here: what is to be retried for its flags has the script's mark. */
function olderRetryPolicy({
  refresh_cluster_on_retry: _,
  ...policy
}: ConfigRouteV3RetryPolicy): ConfigRouteV3RetryPolicy {
  const others = (policy.retriable_headers ?? []).filter(({ name }) => name !== SENTINEL_HEADER);
  const triggers = (policy.retry_on ?? '').split(',').filter((one) => one !== '');
  return {
    ...policy,
    retry_on: [...new Set([...triggers, 'retriable-headers'])].join(','),
    retriable_headers: [...others, { name: SENTINEL_HEADER, present_match: true }],
  };
}

/** By the triggers of Envoy's retry policy: connection failures, resets before and after the request was sent. */
const FLAGS_OF_TRIGGERS: Readonly<Record<string, readonly string[]>> = {
  'connect-failure': ['UF'],
  'reset-before-request': ['UF'],
  'refused-stream': ['UR'],
  reset: ['UF', 'UC', 'UR', 'LR', 'UPE'],
};

/** Where there is another backend: a backend that has no endpoint, or that is just being taken away, was not asked. */
function retriedFlags(triggers: readonly string[], backends: number): string[] {
  const flags = triggers.flatMap((trigger) => FLAGS_OF_TRIGGERS[trigger] ?? []);
  return [...new Set([...flags, ...(backends > 1 ? ['UH', 'NC'] : [])])].sort();
}

/** Several names: the endpoint that Envoy chooses says which is the `:authority`. */
function isNamedByEndpoint(backend: BackendIr): boolean {
  return backendHost(backend) === undefined && backend.endpoints.some(({ hostname }) => hostname !== undefined);
}

/** Of a backend that an attempt asks; none where it has no provider. */
export function attemptedFacts(
  backend: BackendIr,
  families: readonly ApiFamily[],
): (BackendFacts & { readonly endpoint_host?: boolean })[] {
  const named = isNamedByEndpoint(backend) ? { endpoint_host: true } : {};
  return factsOf(backend, families).map((facts) => ({ ...facts, ...named }));
}

function factsOf(backend: BackendIr, families: readonly ApiFamily[] = []): BackendFacts[] {
  return backend.provider ? [backendFacts(backend, backend.provider, families)] : [];
}
