import type { ForwardIr, RedirectIr } from '../../ir/index.ts';
import {
  backendKind,
  type HTTPBackendRef,
  type HTTPRoute,
  type HTTPRouteRule,
  httpRouteKind,
  isValidOf,
  type LoadedObject,
} from '../../resources/index.ts';
import type { BackendSource, Backends } from '../backends/backends.ts';
import { type Context, followReference } from '../context.ts';
import { isKind, keyOf } from '../objects.ts';
import { durationMs, retryOfForward } from '../traffic/traffic-effects.ts';
import type { EffectivePolicy } from '../traffic/traffic-policies.ts';
import { type RuleOutcome, respond } from './ai-routes.ts';
import { type Filters, type MirrorFilter, readFilters } from './http-filters.ts';
import type { RouteSource } from './routes.ts';

/** As Envoy and Envoy Gateway have it where nothing is said. */
const REQUEST_TIMEOUT_MS = 15_000;

/** One rule of an HTTPRoute with its references followed; what is left depends on the policy. */
export interface HttpRule {
  readonly redirect?: RedirectIr;
  readonly forward: Omit<ForwardIr, 'requestTimeoutMs' | 'backendRequestTimeoutMs' | 'retry'>;
  readonly sources: readonly BackendSource[];
  readonly timeouts: HTTPRouteRule['timeouts'];
}

/** Follows the references of all rules of an HTTPRoute, each once. */
export function readHttpRules(route: RouteSource, backends: Backends, context: Context): RuleOutcome<HttpRule>[] {
  const { loaded } = route;
  if (!isValidOf(loaded, httpRouteKind)) return route.rules.map(() => respond(500, 'this route is not valid'));
  return loaded.object.spec.rules.map((rule, index) => readRule(loaded, rule, index, backends, context));
}

function readRule(
  loaded: LoadedObject<HTTPRoute>,
  rule: HTTPRouteRule,
  index: number,
  backends: Backends,
  context: Context,
): RuleOutcome<HttpRule> {
  const path = ['spec', 'rules', index];
  const matched = matchedPrefix(rule);
  const filters = readFilters(rule.filters ?? [], matched, loaded, [...path, 'filters'], context);
  if (!filters) return respond(500, 'a filter of this route cannot be used');
  const refs = (rule.backendRefs ?? []).map((ref, i) => {
    const place = [...path, 'backendRefs', i];
    return { ref, ...readBackendRef(loaded, ref, place, matched, backends, context) };
  });
  const usable = refs.flatMap(({ ref, source, filters: own }) =>
    source && own && ref.weight > 0 ? [{ source, own, weight: ref.weight }] : [],
  );
  const mirrors = filters.mirrors.flatMap(({ filter, path: place }) =>
    readMirror(loaded, filter, place, backends, context),
  );
  const { redirect } = filters;
  if (usable.length === 0 && !redirect) {
    const why = refs.length === 0 ? 'the rule has no backend' : 'no backend of the rule can be used';
    context.report.error('HG0304', loaded, path, `${why}; its requests are answered with 500`);
    return respond(500, 'no backend of this route can be used');
  }
  const invalid = refs.filter(({ source, filters: own }) => !source || !own).map(({ ref }) => ref.weight);
  const forward: HttpRule['forward'] = {
    backends: usable.map(({ source, own, weight }) => ({ backend: source.ir.name, weight, ...headerEdits(own) })),
    invalidWeight: invalid.reduce((sum, weight) => sum + weight, 0),
    ...headerEdits(filters),
    ...(filters.rewrite && { rewrite: filters.rewrite }),
    mirrors: mirrors.map(({ source, percent }) => ({ backend: source.ir.name, percent })),
  };
  const sources = [...usable, ...mirrors].map(({ source }) => source);
  return { rule: { forward, sources, timeouts: rule.timeouts, ...(redirect && { redirect }) } };
}

/** A rule that replaces a prefix has a single match, by prefix: its schema sees to it. */
function matchedPrefix({ matches }: HTTPRouteRule): string {
  const value = matches[0]?.path.value ?? '/';
  return value === '/' ? value : value.replace(/\/+$/, '');
}

function headerEdits({
  requestHeaders,
  responseHeaders,
}: Filters): Pick<ForwardIr, 'requestHeaders' | 'responseHeaders'> {
  return { ...(requestHeaders && { requestHeaders }), ...(responseHeaders && { responseHeaders }) };
}

function readBackendRef(
  loaded: LoadedObject<HTTPRoute>,
  ref: HTTPBackendRef,
  path: (string | number)[],
  matched: string,
  backends: Backends,
  context: Context,
): { readonly source?: BackendSource; readonly filters?: Filters } {
  const source = resolveBackend(loaded, ref, path, backends, context);
  const filters = readFilters(ref.filters ?? [], matched, loaded, [...path, 'filters'], context);
  if (!filters) return source ? { source } : {};
  const odd = (ref.filters ?? []).findIndex(
    ({ type }) => type !== 'RequestHeaderModifier' && type !== 'ResponseHeaderModifier',
  );
  if (odd >= 0) {
    const message = `a filter of type ${ref.filters?.[odd]?.type} is not supported on a backend; its share gets 500`;
    context.report.error('HG0207', loaded, [...path, 'filters', odd], message);
    return source ? { source } : {};
  }
  return source ? { source, filters } : { filters };
}

function resolveBackend(
  loaded: LoadedObject<HTTPRoute>,
  ref: Pick<HTTPBackendRef, 'group' | 'kind' | 'name' | 'namespace'>,
  path: (string | number)[],
  backends: Backends,
  context: Context,
): BackendSource | undefined {
  if (!isKind(ref, backendKind)) {
    context.report.error('HG0207', loaded, path, `a backend of kind ${ref.kind} is not supported here`, {
      hint: 'use a Backend of gateway.envoyproxy.io',
    });
    return undefined;
  }
  const target = followReference(context, loaded, path, backendKind, ref);
  const source = target && backends.plain.get(keyOf(target));
  if (target && !source) {
    context.report.warning('HG0304', loaded, path, `Backend ${ref.name} cannot be used; its share gets 500`);
  }
  return source;
}

function readMirror(
  loaded: LoadedObject<HTTPRoute>,
  filter: MirrorFilter,
  path: readonly (string | number)[],
  backends: Backends,
  context: Context,
): { readonly source: BackendSource; readonly percent: number }[] {
  const source = resolveBackend(loaded, filter.backendRef, [...path, 'backendRef'], backends, context);
  const { percent, fraction } = filter;
  const share = percent ?? (fraction ? (100 * fraction.numerator) / fraction.denominator : 100);
  return source && share > 0 ? [{ source, percent: share }] : [];
}

/** The rule as it is under one policy. */
export function buildForward({ forward, timeouts }: HttpRule, policy: EffectivePolicy | undefined): ForwardIr {
  const retry = retryOfForward(policy);
  const request = durationMs(timeouts?.request ?? policy?.spec.timeout?.http?.requestTimeout);
  const backendRequestTimeoutMs = durationMs(timeouts?.backendRequest);
  return {
    ...forward,
    requestTimeoutMs: request ?? REQUEST_TIMEOUT_MS,
    ...(backendRequestTimeoutMs && { backendRequestTimeoutMs }),
    ...(retry && { retry }),
  };
}
