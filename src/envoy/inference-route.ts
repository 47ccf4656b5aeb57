import type { BackendIr, CredentialOverrideIr, InferenceBackendIr, InferenceRuleIr, RouteIr } from '../ir/index.ts';
import { sortedBy } from '../lib/compare.ts';
import { protoDuration } from '../lib/units.ts';
import { directAnswer, errorBody } from './answers.ts';
import { backendNeeds } from './backend-needs.ts';
import { type Capabilities, type EnvoyFeature, isOlder } from './capabilities.ts';
import { changedHeaders } from './changed-headers.ts';
import { clusterName } from './cluster-name.ts';
import { costFacts } from './cost-facts.ts';
import { limitNeeds, limitsOfRoute } from './limits.ts';
import { routeFactsMetadata } from './lua.ts';
import type { GroupMember, RefFacts, RouteFacts } from './lua-facts.ts';
import { byApi } from './match-tree.ts';
import { BACKEND_HEADER, CLIENT_CREDENTIAL_HEADERS, ORDER_NAMESPACE, SENTINEL_HEADER, TRIED_HEADER } from './names.ts';
import { olderNeeds, olderRoute } from './older/route.ts';
import type { CompileOptions } from './options.ts';
import { plainClusterName } from './plain-backends.ts';
import { ruleQuotas } from './quotas.ts';
import { limitFacts } from './rate-limit.ts';
import { retryPolicy } from './retry.ts';
import {
  type ConfigRouteV3Route,
  type ConfigRouteV3RouteAction,
  typedAny,
  type XdsTypeMatcherV3MatcherOnMatch,
} from './schema/index.ts';
import { type ServedClasses, servedClasses } from './serving.ts';
import { REMOVED_EVERYWHERE, strippedHeaders } from './upstream-filters.ts';

/** HTTP answers of minutes are the rule here: a stream may be silent for as long as its request may last. */
const MIN_IDLE_TIMEOUT_MS = 300_000;
const UNBOUNDED_IDLE_TIMEOUT_MS = 3_600_000;

/** What a rule compiles to, for each class of endpoints, and what of it this Envoy cannot serve. */
export interface InferenceTarget {
  readonly onMatch: XdsTypeMatcherV3MatcherOnMatch;
  readonly lacking: readonly EnvoyFeature[];
}

/** What a rule cannot know by itself. */
export interface InferenceContext {
  readonly backends: ReadonlyMap<string, BackendIr>;
  /** Names of the backends whose attempts need no script. */
  readonly plain: ReadonlySet<string>;
  readonly capabilities: Capabilities;
  readonly options: Pick<CompileOptions, 'processor'>;
}

/** Where an inference route leads: for each API to the backends that speak it, or to a 501 that says why not. */
export function inferenceTarget(route: RouteIr, rule: InferenceRuleIr, context: InferenceContext): InferenceTarget {
  const { backends, options } = context;
  const lacking = new Set<EnvoyFeature>();
  const targets: Record<string, XdsTypeMatcherV3MatcherOnMatch> = {};
  for (const served of servedClasses(rule, backends, options)) {
    const refs = served.serving.members.map(({ ref }) => ref);
    const missing = refs.length === 0 ? [] : lackingFeatures(route, rule, refs, context);
    for (const feature of missing) lacking.add(feature);
    const emitted =
      refs.length === 0 || missing.length > 0
        ? unsupportedRoute(route, served, missing.length > 0)
        : servingRoute(route, rule, refs, context);
    targets[served.prefix] = routeAction(emitted);
  }
  return { onMatch: byApi(targets), lacking: [...lacking] };
}

/** An action of a matcher tree: a whole route, with its metadata, headers and retries. */
export function routeAction(route: ConfigRouteV3Route): XdsTypeMatcherV3MatcherOnMatch {
  return { action: { name: 'route', typed_config: typedAny('envoy.config.route.v3.Route', route) } };
}

function lackingFeatures(
  route: RouteIr,
  rule: InferenceRuleIr,
  refs: readonly InferenceBackendIr[],
  { backends, capabilities }: InferenceContext,
): EnvoyFeature[] {
  const needed = new Set<EnvoyFeature>(
    isOlder(capabilities)
      ? olderNeeds(route, rule, refs)
      : refs.length > 1
        ? ['lua_filter_context', 'priority_group']
        : ['lua_filter_context'],
  );
  for (const ref of refs) {
    const backend = backends.get(ref.backend);
    for (const feature of backend ? backendNeeds(backend, capabilities) : []) needed.add(feature);
  }
  for (const feature of limitNeeds(route)) needed.add(feature);
  return [...needed].filter((feature) => !capabilities.features.has(feature));
}

function unsupportedRoute(route: RouteIr, { prefix, family }: ServedClasses, envoyTooOld: boolean): ConfigRouteV3Route {
  const message = envoyTooOld
    ? 'This proxy cannot serve this route.'
    : 'No backend of this model speaks this API, and translation is not available.';
  const type = family === 'anthropic' ? 'api_error' : 'server_error';
  return directAnswer(`${route.name}/${prefix}`, 501, errorBody(family, type, 'not_implemented', message));
}

function servingRoute(
  route: RouteIr,
  rule: InferenceRuleIr,
  refs: readonly InferenceBackendIr[],
  { backends, plain, capabilities }: InferenceContext,
): ConfigRouteV3Route {
  const used = refs.flatMap((ref) => backends.get(ref.backend) ?? []);
  const alone = used.find(({ name }) => plain.has(name));
  const idleMs =
    rule.requestTimeoutMs === 0 ? UNBOUNDED_IDLE_TIMEOUT_MS : Math.max(MIN_IDLE_TIMEOUT_MS, rule.requestTimeoutMs);
  const retry = retryPolicy(rule.retry, refs.length, rule.streamIdleTimeoutMs);
  const quotas = ruleQuotas(rule, refs, backends);
  const limits = limitFacts(route, rule, used[0]?.displayName ?? '', quotas);
  const facts = { ...routeFacts(rule, refs, backends), ...(limits && { limits }) };
  const compiled: ConfigRouteV3Route = {
    name: route.name,
    match: { prefix: '/' },
    route: {
      ...(alone ? { cluster: plainClusterName(alone.name) } : clusterOf(rule, refs)),
      ...(used.some((backend) => namesHost(backend, backend === alone)) && { auto_host_rewrite: true }),
      timeout: protoDuration(rule.requestTimeoutMs),
      idle_timeout: protoDuration(idleMs),
      ...(retry && { retry_policy: retry }),
    },
    metadata: routeFactsMetadata({ ...facts, ...(alone && { only: alone.displayName, refs: {} }) }),
    ...limitsOfRoute(route, quotas),
    ...(alone && {
      request_headers_to_remove: strippedHeaders(alone).filter((name) => !REMOVED_EVERYWHERE.includes(name)),
      // Tells the script whether the backend was asked, and whether it has answered or Envoy; the script puts the name in its place.
      response_headers_to_add: [
        { header: { key: BACKEND_HEADER, value: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%%RESPONSE_FLAGS%' } },
      ],
    }),
    // The sentinel's mark, and what only the script may say, which sees the answer after this.
    response_headers_to_remove: [SENTINEL_HEADER, BACKEND_HEADER, TRIED_HEADER],
  };
  if (alone !== undefined || !isOlder(capabilities)) return compiled;
  const members = refs.flatMap((ref) => {
    const backend = backends.get(ref.backend);
    return backend ? [{ ...backend, name: clusterName(rule, ref) }] : [];
  });
  return olderRoute(compiled, facts, members);
}

/** Whether the name of the endpoint that Envoy has chosen is to be the `:authority`; without the script it always is. */
function namesHost({ endpoints }: BackendIr, isPlain: boolean): boolean {
  const names = new Set(endpoints.map((endpoint) => endpoint.hostname));
  return names.size > 1 || (isPlain && !names.has(undefined));
}

/** One backend: its cluster. Several: a group for each, taken one after the other, or in the order that the script sets. */
function clusterOf(rule: InferenceRuleIr, refs: readonly InferenceBackendIr[]): ConfigRouteV3RouteAction {
  const [only] = refs;
  if (refs.length === 1 && only) return { cluster: clusterName(rule, only) };
  const groups = refs.flatMap((ref) => {
    const name = clusterName(rule, ref);
    const group = { name, clusters: [{ cluster_name: name, weight: 1 }] };
    return Array.from({ length: rule.retry.attemptsPerBackend }, () => group);
  });
  return {
    inline_cluster_specifier_plugin: {
      extension: {
        name: 'envoy.router.cluster_specifier_plugin.priority_group',
        typed_config: typedAny(
          'envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier',
          { override_metadata_namespace: ORDER_NAMESPACE, priority_groups: groups },
        ),
      },
    },
  };
}

function routeFacts(
  rule: InferenceRuleIr,
  refs: readonly InferenceBackendIr[],
  backends: ReadonlyMap<string, BackendIr>,
): RouteFacts {
  const members = refs.map((ref) => ({ ref, member: groupMember(rule, ref, backends.get(ref.backend)) }));
  const priorities = [...new Set(refs.map((ref) => ref.priority))].sort((a, b) => a - b);
  const groups = priorities.map((priority) =>
    members.filter(({ ref }) => ref.priority === priority).map(({ member }) => member),
  );
  const overrideHeaders = new Set(
    refs.flatMap((ref): readonly string[] => {
      const backend = backends.get(ref.backend);
      if (backend?.forwardClientCredentials) return CLIENT_CREDENTIAL_HEADERS;
      const header = backend?.credential?.override?.requestHeader;
      return header === undefined ? [] : [header];
    }),
  );
  const restore = refs.length > 1 ? changedHeaders(refs, backends) : [];
  return {
    name: rule.route,
    ...(rule.costs.length > 0 && { force_usage: true, costs: rule.costs.flatMap(costFacts) }),
    ...(refs.length > 1 && {
      groups,
      ...(groups.some((group) => group.length > 1) && { drawn: true }),
      ...(members.some(({ member }) => member.needs !== undefined || member.needs_metadata) && { needs: true }),
      attempts_per_backend: rule.retry.attemptsPerBackend,
    }),
    ...(overrideHeaders.size > 0 && { override_headers: [...overrideHeaders].sort() }),
    ...(restore.length > 0 && { restore }),
    refs: Object.fromEntries(refs.map((ref) => [clusterName(rule, ref), refFacts(ref)])),
  };
}

function groupMember(rule: InferenceRuleIr, ref: InferenceBackendIr, backend: BackendIr | undefined): GroupMember {
  const override = backend?.credential?.override;
  return {
    cluster: clusterName(rule, ref),
    weight: ref.weight,
    backend: backend?.displayName ?? ref.backend,
    ...(override && !override.fallbackToConfigured && needs(override)),
  };
}

function needs({ requestHeader, dynamicMetadata }: CredentialOverrideIr): Partial<GroupMember> {
  return {
    ...(requestHeader !== undefined && { needs: requestHeader }),
    ...(dynamicMetadata && { needs_metadata: { namespace: dynamicMetadata.namespace, key: dynamicMetadata.key } }),
  };
}

function refFacts(ref: InferenceBackendIr): RefFacts {
  const { headerMutation, bodyMutation } = ref;
  return {
    ...(ref.modelOverride !== undefined && { model: ref.modelOverride }),
    ...(headerMutation && {
      headers: {
        set: Object.fromEntries(sortedBy(headerMutation.set, (h) => h.name).map(({ name, value }) => [name, value])),
        removed: headerMutation.remove,
      },
    }),
    ...(bodyMutation && {
      body: {
        set: Object.fromEntries(bodyMutation.set.map(({ path, value }) => [path, value])),
        removed: Object.fromEntries(bodyMutation.remove.map((path) => [path, true])),
      },
    }),
  };
}
