/** Limits that the rate limit service keeps for all Envoys: its filter, its cluster, and what a route asks it. */
import {
  type BucketEntryIr,
  type GatewayIr,
  type HitsIr,
  type InferenceRuleIr,
  LIMITS_DOMAIN,
  type LimitIr,
  type MetadataKeyIr,
  RESERVED_AT_KEY,
  type ReserveIr,
  type RouteIr,
} from '../ir/index.ts';
import type { Capabilities } from './capabilities.ts';
import { costFacts } from './cost-facts.ts';
import { arrivalFormat, knownKey, notedHits, notedKey, refundFormat, settlingFormat } from './limit-cel.ts';
import { type DescriptorSource, descriptorActions, notedEntry, sourceOf } from './limit-descriptors.ts';
import type { LimitFacts, ReserveFacts } from './lua-facts.ts';
import { COST_NAMESPACE, RATE_LIMIT_CLUSTER, RATE_LIMIT_FILTER } from './names.ts';
import type { RuleQuotas } from './quotas.ts';
import {
  type Any,
  type ConfigRouteV3RateLimit,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
} from './schema/index.ts';

/** Longer than the service waits for Redis; a service that hangs costs no request more than this. */
const TIMEOUT = '0.25s';

/** What is noted as the time of a reservation. */
const RESERVED_AT = '@';

/** The filter that asks the service; it does nothing on routes without limits. */
export function rateLimitFilter(
  { refuseUnlimited }: Pick<GatewayIr, 'refuseUnlimited'>,
  { features }: Pick<Capabilities, 'features'>,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return {
    name: RATE_LIMIT_FILTER,
    typed_config: typedAny('envoy.extensions.filters.http.ratelimit.v3.RateLimit', {
      domain: LIMITS_DOMAIN,
      timeout: TIMEOUT,
      ...(refuseUnlimited && { failure_mode_deny: true, status_on_error: { code: 'ServiceUnavailable' } }),
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      ...(features.has('retry_after') && { enable_retry_after_header: true }),
      disable_x_envoy_ratelimited_header: true,
      rate_limit_service: {
        transport_api_version: 'V3',
        grpc_service: { envoy_grpc: { cluster_name: RATE_LIMIT_CLUSTER } },
      },
    }),
  };
}

/** What a route asks the service, under the name of the filter. */
export function routeRateLimits(
  route: RouteIr,
  quotas: readonly ConfigRouteV3RateLimit[],
): { readonly [RATE_LIMIT_FILTER]: Any } | undefined {
  const limits = route.limits?.global ?? [];
  if (limits.length + quotas.length === 0) return undefined;
  const rate_limits = [
    ...limits.flatMap((limit, index) => emitLimit(limit, sourceOf(route), reserveKey(index))),
    ...quotas,
  ];
  return {
    [RATE_LIMIT_FILTER]: typedAny('envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute', { rate_limits }),
  };
}

function reserveKey(index: number): string {
  return `reserve/${index}`;
}

/**
 * A request that another limit refuses has its entries of the end all the same: what it reserved is given back then, and
 * an answer of 429 costs nothing.
 */
function emitLimit(limit: LimitIr, source: DescriptorSource, key: string): ConfigRouteV3RateLimit[] {
  const { request, response, reserve, override } = limit;
  const common = {
    actions: [...descriptorActions(limit, source), ...(reserve ? [notedEntry(RESERVED_AT_KEY, RESERVED_AT)] : [])],
    ...(override && {
      limit: { dynamic_metadata: { metadata_key: { key: override.namespace, path: [{ key: override.key }] } } },
    }),
    ...(limit.hideHeaders && { x_ratelimit_option: 'OFF' as const }),
  };
  const atEnd = { ...common, apply_on_stream_done: true };
  const arrival: ConfigRouteV3RateLimit = {
    ...common,
    hits_addend: request.kind === 'number' ? { number: request.number } : { format: arrivalFormat(request.metadata) },
  };
  if (!response) return [arrival];
  const charge: ConfigRouteV3RateLimit = {
    ...atEnd,
    hits_addend:
      response.kind === 'number'
        ? { number: response.number }
        : { format: settlingFormat(response, estimatesOf(response, source, reserve && key)) },
  };
  if (!reserve) return [arrival, charge];
  // A question for room says nothing beside what is reserved.
  const asks = request.kind === 'number' && request.number === 0 ? [] : [arrival];
  return [
    ...asks,
    { ...common, hits_addend: { format: `%CEL(${notedHits(key)})%` } },
    { ...atEnd, hits_addend: { format: refundFormat(key), is_negative_hits: true } },
    charge,
  ];
}

/** Texts of what counts where the cost is not known at the end. */
function estimatesOf(
  { metadata }: Extract<HitsIr, { kind: 'metadata' }>,
  source: DescriptorSource,
  reserved: string | undefined,
): string[] {
  const known = source === 'noted' ? knownKey(metadata) : undefined;
  return [reserved, known].flatMap((key) => (key === undefined ? [] : [notedHits(key)]));
}

/** What the script has to note for the limits of a route. `backend`: the one that is asked first. */
export function limitFacts(
  route: RouteIr,
  rule: InferenceRuleIr,
  backend: string,
  quotas: RuleQuotas | undefined,
): LimitFacts | undefined {
  if (!route.limits && !quotas) return undefined;
  const limits = route.limits?.global ?? [];
  const entries = [...limits, ...(route.limits?.local ?? [])].flatMap((limit) => limit.entries);
  const all = [...new Set([...entries, ...(quotas?.entries ?? [])].flatMap(notedKeys))].sort();
  const query = all.filter((key) => key.startsWith('?')).map((key) => key.slice(1));
  const reserves = limits.flatMap(({ reserve }, index) => (reserve ? reserveFacts(reserve, reserveKey(index)) : []));
  const charged = rule.costs
    .map(({ metadataKey }) => metadataKey)
    .filter((key) => limits.some(({ response }) => response?.kind === 'metadata' && isCost(response.metadata, key)));
  return {
    backend,
    headers: all.filter((key) => !key.startsWith('?')),
    ...(query.length > 0 && { query }),
    ...(reserves.length > 0 && { reserves }),
    ...(quotas && { quotas: quotas.facts }),
    ...(charged.length > 0 && { charged }),
  };
}

function isCost({ namespace, key }: MetadataKeyIr, costKey: string): boolean {
  return namespace === COST_NAMESPACE && key === costKey;
}

function notedKeys(entry: BucketEntryIr): string[] {
  return entry.kind === 'address' || entry.kind === 'address_match' ? [] : [notedKey(entry)];
}

function reserveFacts(reserve: ReserveIr, key: string): ReserveFacts[] {
  if (reserve.kind === 'number') return [{ key, number: reserve.number }];
  const { cost, output } = reserve;
  const [facts = { key, count: 'total' }] = costFacts({ metadataKey: key, value: cost });
  return [{ ...facts, ...(output !== undefined && { output }) }];
}
