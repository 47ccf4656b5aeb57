/** Limits that the rate limit service keeps for all Envoys: its filter, its cluster, and what a route asks it. */
import {
  type BucketEntryIr,
  type CostIr,
  type GatewayIr,
  LIMITS_DOMAIN,
  type LimitIr,
  RESERVED_AT_KEY,
  type RouteIr,
} from '../ir/index.ts';
import { costFacts } from './cost-facts.ts';
import { arrivalFormat, notedKey, reservedText, settlingFormat } from './limit-cel.ts';
import { type DescriptorSource, descriptorActions, notedEntry } from './limit-descriptors.ts';
import type { LimitFacts } from './lua-facts.ts';
import { RATE_LIMIT_CLUSTER, RATE_LIMIT_FILTER } from './names.ts';
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
export function rateLimitFilter({
  refuseUnlimited,
}: Pick<GatewayIr, 'refuseUnlimited'>): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return {
    name: RATE_LIMIT_FILTER,
    typed_config: typedAny('envoy.extensions.filters.http.ratelimit.v3.RateLimit', {
      domain: LIMITS_DOMAIN,
      timeout: TIMEOUT,
      ...(refuseUnlimited && { failure_mode_deny: true, status_on_error: { code: 'ServiceUnavailable' } }),
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      enable_retry_after_header: true,
      disable_x_envoy_ratelimited_header: true,
      rate_limit_service: {
        transport_api_version: 'V3',
        grpc_service: { envoy_grpc: { cluster_name: RATE_LIMIT_CLUSTER } },
      },
    }),
  };
}

/** What a route asks the service, under the name of the filter. */
export function routeRateLimits(route: RouteIr): { readonly [RATE_LIMIT_FILTER]: Any } | undefined {
  const limits = route.limits?.global ?? [];
  if (limits.length === 0) return undefined;
  const rate_limits = limits.flatMap((limit, index) => emitLimit(limit, sourceOf(limit, route), reserveKey(index)));
  return {
    [RATE_LIMIT_FILTER]: typedAny('envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute', { rate_limits }),
  };
}

function sourceOf(limit: LimitIr, { action }: RouteIr): DescriptorSource {
  return action.kind === 'inference' && limit.response ? 'noted' : 'request';
}

function reserveKey(index: number): string {
  return `reserve/${index}`;
}

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
  const reserved = reserve && reservedText(reserve, key);
  const charge: ConfigRouteV3RateLimit = {
    ...atEnd,
    hits_addend:
      response.kind === 'number' ? { number: response.number } : { format: settlingFormat(response, reserved) },
  };
  if (reserved === undefined) return [arrival, charge];
  const format = `%CEL(${reserved})%`;
  // A question for room says nothing beside what is reserved.
  const asks = request.kind === 'number' && request.number === 0 ? [] : [arrival];
  return [
    ...asks,
    { ...common, hits_addend: { format } },
    { ...atEnd, hits_addend: { format, is_negative_hits: true } },
    charge,
  ];
}

/** What the script has to note on arrival for the limits of a route. */
export function limitFacts(route: RouteIr, backend: string): LimitFacts | undefined {
  const limits = route.limits?.global ?? [];
  const noted = limits.filter((limit) => sourceOf(limit, route) === 'noted');
  if (noted.length === 0) return undefined;
  const keys = new Set(noted.flatMap(({ entries }) => entries.flatMap(notedKeys)));
  const all = [...keys].sort();
  const reserves = limits.flatMap(({ reserve }, index) =>
    reserve?.kind === 'estimate' ? estimateFacts(reserve.cost, reserve.by, reserveKey(index)) : [],
  );
  return {
    backend,
    headers: all.filter((key) => !key.startsWith('?')),
    ...(all.some((key) => key.startsWith('?')) && {
      query: all.filter((key) => key.startsWith('?')).map((key) => key.slice(1)),
    }),
    ...(reserves.length > 0 && { reserves }),
  };
}

function notedKeys(entry: BucketEntryIr): string[] {
  return entry.kind === 'address' || entry.kind === 'address_match' ? [] : [notedKey(entry)];
}

function estimateFacts(
  cost: CostIr['value'],
  by: 'max_tokens' | 'prompt',
  key: string,
): NonNullable<LimitFacts['reserves']> {
  return costFacts({ metadataKey: key, value: cost }).map((facts) => ({ ...facts, by }));
}
