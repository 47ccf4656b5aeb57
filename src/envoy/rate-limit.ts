/** Limits that the rate limit service keeps for all Envoys: its filter, its cluster, and what a route asks it. */
import {
  type BucketEntryIr,
  type GatewayIr,
  GIVES_BACK_KEY,
  type HitsIr,
  type InferenceRuleIr,
  LIMITS_DOMAIN,
  type LimitIr,
  type MetadataKeyIr,
  RESERVED_AT_KEY,
  type RouteIr,
} from '../ir/index.ts';
import type { Capabilities } from './capabilities.ts';
import { reserveFacts } from './cost-facts.ts';
import { arrivalFormat, knownKey, notedHits, notedKey, refundFormat, settlingFormat } from './limit-cel.ts';
import { arrivalEntry, type DescriptorSource, descriptorActions, sourceOf } from './limit-descriptors.ts';
import type { LimitFacts } from './lua-facts.ts';
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
  { features }: Pick<Capabilities, 'features'>,
  quotas: readonly ConfigRouteV3RateLimit[],
): { readonly [RATE_LIMIT_FILTER]: Any } | undefined {
  const limits = route.limits?.global ?? [];
  if (limits.length + quotas.length === 0) return undefined;
  const rate_limits = [
    ...limits.flatMap((limit, index) => {
      const source = sourceOf(route);
      return emitLimit(limit, source, reservedHits(limit, source, index), features.has('negative_hits'));
    }),
    ...quotas,
  ];
  return {
    [RATE_LIMIT_FILTER]: typedAny('envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute', { rate_limits }),
  };
}

function reserveKey(index: number): string {
  return `reserve/${index}`;
}

/** Text of what a request reserves. */
function reservedHits({ reserve }: LimitIr, source: DescriptorSource, index: number): string | undefined {
  if (source === 'noted') return reserve && notedHits(reserveKey(index));
  // Only the script makes estimates.
  return reserve?.kind === 'number' ? `uint(${reserve.number})` : undefined;
}

/**
 * A request that another limit refuses has its entries of the end all the same: what it reserved is given back then, and
 * an answer of 429 costs nothing.
 */
function emitLimit(
  limit: LimitIr,
  source: DescriptorSource,
  reserved: string | undefined,
  canGiveBack: boolean,
): ConfigRouteV3RateLimit[] {
  const { request, response, override } = limit;
  const actions = [
    ...descriptorActions(limit, source),
    ...(reserved === undefined ? [] : [arrivalEntry(RESERVED_AT_KEY, source)]),
  ];
  const common = {
    actions,
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
        : { format: settlingFormat(response, estimatesOf(response, source, reserved)) },
  };
  if (reserved === undefined) return [arrival, charge];
  // A question for room says nothing beside what is reserved.
  const asks = request.kind === 'number' && request.number === 0 ? [] : [arrival];
  const refund = { format: refundFormat(reserved) };
  return [
    ...asks,
    { ...common, hits_addend: { format: `%CEL(${reserved})%` } },
    canGiveBack
      ? { ...atEnd, hits_addend: { ...refund, is_negative_hits: true } }
      : { ...atEnd, actions: [...actions, GIVES_BACK], hits_addend: refund },
    charge,
  ];
}

const GIVES_BACK = { generic_key: { descriptor_key: GIVES_BACK_KEY, descriptor_value: '1' } };

/** Texts of what counts where the cost is not known at the end. */
function estimatesOf(
  { metadata }: Extract<HitsIr, { kind: 'metadata' }>,
  source: DescriptorSource,
  reserved: string | undefined,
): string[] {
  const known = source === 'noted' ? knownKey(metadata) : undefined;
  return [...(reserved === undefined ? [] : [reserved]), ...(known === undefined ? [] : [notedHits(known)])];
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
