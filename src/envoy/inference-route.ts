import { type BackendIr, type InferenceBackendIr, type InferenceRuleIr, modelOf, type RouteIr } from '../ir/index.ts';
import { protoDuration } from '../lib/units.ts';
import { REFUSED_HEADER } from '../providers/attempt-facts.ts';
import { directAnswer, errorBody } from './answers.ts';
import { backendNeeds } from './backend-needs.ts';
import { type Capabilities, type EnvoyFeature, isOlder } from './capabilities.ts';
import { clusterName } from './cluster-name.ts';
import { furtherTries, poolHeaders } from './key-pool.ts';
import { limitNeeds, limitsOfRoute } from './limits.ts';
import { routeFactsMetadata } from './lua.ts';
import { byApi } from './match-tree.ts';
import { mirrorPolicy } from './mirror-policy.ts';
import {
  BACKEND_HEADER,
  NEVER_RETRIED_HEADER,
  ORDER_NAMESPACE,
  SENTINEL_HEADER,
  TRIED_HEADER,
  WHO_ANSWERED,
} from './names.ts';
import { reductionOf } from './older/reduced.ts';
import { olderNeeds, olderRoute } from './older/route.ts';
import { type CompileOptions, doesTranslate } from './options.ts';
import { plainClusterName } from './plain-backends.ts';
import { pricesOf } from './prices.ts';
import { translateSwitch } from './processor.ts';
import { ruleQuotas } from './quotas.ts';
import { limitFacts } from './rate-limit.ts';
import { retryPolicy } from './retry.ts';
import { routeFacts } from './route-facts.ts';
import {
  type ConfigRouteV3Route,
  type ConfigRouteV3RouteAction,
  typedAny,
  type XdsTypeMatcherV3MatcherOnMatch,
} from './schema/index.ts';
import { type ServedClasses, type Serving, servedClasses } from './serving.ts';
import { REMOVED_EVERYWHERE, strippedHeaders } from './stripped-headers.ts';

/** HTTP answers of minutes are the rule here: a stream may be silent for as long as its request may last. */
const MIN_IDLE_TIMEOUT_MS = 300_000;
const UNBOUNDED_IDLE_TIMEOUT_MS = 3_600_000;

/** What a rule compiles to, for each class of endpoints, and what of it this Envoy cannot serve. */
export interface InferenceTarget {
  readonly onMatch: XdsTypeMatcherV3MatcherOnMatch;
  readonly lacking: readonly EnvoyFeature[];
  /** What it serves less of, in words. */
  readonly leftOut: readonly string[];
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
export function inferenceTarget(route: RouteIr, asked: InferenceRuleIr, context: InferenceContext): InferenceTarget {
  const { backends, capabilities, options } = context;
  const { mirror: _, ...unmirrored } = asked;
  const rule = mirrorPolicy(asked, backends, capabilities) ? asked : unmirrored;
  const reduction = reductionOf(asked, backends, capabilities, options);
  const lacking = new Set<EnvoyFeature>(reduction.lacking);
  const targets: Record<string, XdsTypeMatcherV3MatcherOnMatch> = {};
  for (const served of servedClasses(rule, backends, doesTranslate(capabilities, options) ? options : {})) {
    const { members, isDown } = served.serving;
    const missing = members.length === 0 ? [] : lackingFeatures(route, rule, members, context);
    for (const feature of missing) lacking.add(feature);
    const emitted =
      members.length === 0 || missing.length > 0
        ? refusingRoute(route, served, missing.length > 0 ? 'old' : isDown ? 'down' : 'unsupported')
        : servingRoute(route, rule, served, context);
    targets[served.prefix] = routeAction(emitted);
  }
  return { onMatch: byApi(targets), lacking: [...lacking], leftOut: lacking.size > 0 ? [] : reduction.leftOut };
}

/** An action of a matcher tree: a whole route, with its metadata, headers and retries. */
export function routeAction(route: ConfigRouteV3Route): XdsTypeMatcherV3MatcherOnMatch {
  return { action: { name: 'route', typed_config: typedAny('envoy.config.route.v3.Route', route) } };
}

function lackingFeatures(
  route: RouteIr,
  rule: InferenceRuleIr,
  members: Serving['members'],
  { backends, capabilities }: InferenceContext,
): EnvoyFeature[] {
  const refs = members.map(({ ref }) => ref);
  const needed = new Set<EnvoyFeature>(
    isOlder(capabilities)
      ? olderNeeds(
          rule,
          members.flatMap(({ ref, mode }) => {
            const backend = backends.get(ref.backend);
            return backend ? [{ backend, mode }] : [];
          }),
        )
      : refs.length > 1
        ? ['lua_filter_context', 'priority_group']
        : ['lua_filter_context'],
  );
  for (const { ref, mode } of members) {
    if (mode === 'translated') needed.add('ext_proc');
    const backend = backends.get(ref.backend);
    // Of older Envoys the script has no part behind the rate limit filter.
    if (backend?.quotas && isOlder(capabilities)) needed.add('lua_filter_context');
    for (const feature of backend ? backendNeeds(backend, capabilities) : []) needed.add(feature);
  }
  for (const feature of limitNeeds(route)) needed.add(feature);
  return [...needed].filter((feature) => !capabilities.features.has(feature));
}

const REFUSALS = {
  old: { status: 501, code: 'not_implemented', message: 'This proxy cannot serve this route.' },
  unsupported: {
    status: 501,
    code: 'not_implemented',
    message: 'No backend of this model speaks this API, and it cannot be translated to one that they speak.',
  },
  down: { status: 503, code: 'unavailable', message: 'The translation to the API of this model is not available.' },
} as const;

function refusingRoute(
  route: RouteIr,
  { prefix, family }: ServedClasses,
  why: keyof typeof REFUSALS,
): ConfigRouteV3Route {
  const { status, code, message } = REFUSALS[why];
  const anthropicType = status === 503 ? 'overloaded_error' : 'api_error';
  const type = family === 'anthropic' ? anthropicType : 'server_error';
  return directAnswer(`${route.name}/${prefix}`, status, errorBody(family, type, code, message));
}

function servingRoute(
  route: RouteIr,
  rule: InferenceRuleIr,
  { family, serving: { members } }: ServedClasses,
  { backends, plain, capabilities }: InferenceContext,
): ConfigRouteV3Route {
  const older = isOlder(capabilities);
  const refs = members.map(({ ref }) => ref);
  const used = refs.flatMap((ref) => backends.get(ref.backend) ?? []);
  const translates = members.some(({ mode }) => mode === 'translated');
  // Where its cluster has another name; no script runs there unless it translates.
  const plainOne = used.find(({ name }) => plain.has(name));
  const alone = translates ? undefined : plainOne;
  const idleMs =
    rule.requestTimeoutMs === 0 ? UNBOUNDED_IDLE_TIMEOUT_MS : Math.max(MIN_IDLE_TIMEOUT_MS, rule.requestTimeoutMs);
  const retry = retryPolicy(rule.retry, refs.length, furtherTries(used), rule.streamIdleTimeoutMs);
  const clusterOfRef = (ref: InferenceBackendIr): string =>
    plainOne ? plainClusterName(plainOne.name) : clusterName(rule, ref);
  const quotas = ruleQuotas(refs, modelOf(route), clusterOfRef, backends);
  const limits = limitFacts(route, rule, used[0]?.displayName ?? '', quotas);
  const filters = {
    ...limitsOfRoute(route, capabilities, quotas).typed_per_filter_config,
    ...(translates && !older && translateSwitch(family, refs.length > 1)),
  };
  const prices = pricesOf(route, rule, refs, backends);
  const facts = {
    ...routeFacts(rule, members, backends),
    ...(limits && { limits }),
    // A quota counts what a stream tells, whatever else does.
    ...(quotas && { force_usage: true }),
    ...(prices && { prices }),
    ...(plainOne && { refs: alone ? {} : { [plainClusterName(plainOne.name)]: {} } }),
  };
  const compiled: ConfigRouteV3Route = {
    name: route.name,
    match: { prefix: '/' },
    route: {
      ...(plainOne ? { cluster: plainClusterName(plainOne.name) } : clusterOf(rule, refs)),
      ...(used.some((backend) => namesHost(backend, backend === alone)) && { auto_host_rewrite: true }),
      ...mirrorPolicy(rule, backends, capabilities),
      timeout: protoDuration(rule.requestTimeoutMs),
      idle_timeout: protoDuration(idleMs),
      ...(retry && { retry_policy: retry }),
    },
    metadata: routeFactsMetadata({
      ...facts,
      ...(alone && { only: alone.displayName }),
    }),
    ...(Object.keys(filters).length > 0 && { typed_per_filter_config: filters }),
    ...(alone && {
      request_headers_to_remove: strippedHeaders(alone).filter((name) => !REMOVED_EVERYWHERE.includes(name)),
      // Tells the script whether the backend was asked, and whether it has answered or Envoy; the script puts the name in its place.
      response_headers_to_add: [{ header: { key: BACKEND_HEADER, value: WHO_ANSWERED } }],
    }),
    // The sentinel's mark, and what only the script may say, which sees the answer after this.
    response_headers_to_remove: [
      ...[SENTINEL_HEADER, REFUSED_HEADER, BACKEND_HEADER, TRIED_HEADER, ...poolHeaders(used)],
      ...(rule.retry.clientRefusalEnds ? [NEVER_RETRIED_HEADER] : []),
    ],
  };
  if (alone !== undefined || !older) return compiled;
  const ofClusters = members.flatMap(({ ref, mode }) => {
    const backend = backends.get(ref.backend);
    return backend ? [{ backend: { ...backend, name: clusterOfRef(ref) }, mode }] : [];
  });
  return olderRoute(compiled, facts, rule, family, ofClusters);
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
