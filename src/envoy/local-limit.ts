/** Limits that each Envoy keeps by itself, as token buckets. */
import type { LocalLimitIr, RouteIr } from '../ir/index.ts';
import { entryKey, LIMIT_KEY } from '../ir/index.ts';
import type { Capabilities } from './capabilities.ts';
import { descriptorActions, sourceOf } from './limit-descriptors.ts';
import { LOCAL_RATE_LIMIT_FILTER } from './names.ts';
import {
  type Any,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  type TypeV3TokenBucket,
  typedAny,
} from './schema/index.ts';

const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400, month: 2_592_000, year: 31_536_000 } as const;
/** Envoy asks for a bucket of all requests; this one never runs dry. */
const UNLIMITED: TypeV3TokenBucket = { max_tokens: 4_294_967_295, tokens_per_fill: 4_294_967_295, fill_interval: '1s' };
/** Clients that are told apart at once, by each worker; those not seen for longest are forgotten. */
const MAX_CLIENTS = 10_000;

/** The filter; it does nothing on routes without local limits. */
export function localLimitFilter(): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  const config = { stat_prefix: 'headgate' };
  return {
    name: LOCAL_RATE_LIMIT_FILTER,
    typed_config: typedAny('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', config),
  };
}

/** The token buckets of a route, under the name of the filter. */
export function routeLocalLimits(
  route: RouteIr,
  { features }: Capabilities,
): { readonly [LOCAL_RATE_LIMIT_FILTER]: Any } | undefined {
  const rules = route.limits?.local ?? [];
  if (rules.length === 0) return undefined;
  const everyone = { default_value: { numerator: 100, denominator: 'HUNDRED' as const } };
  return {
    [LOCAL_RATE_LIMIT_FILTER]: typedAny('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', {
      stat_prefix: 'headgate',
      token_bucket: UNLIMITED,
      filter_enabled: { ...everyone, runtime_key: 'headgate.local_limit.enabled' },
      filter_enforced: { ...everyone, runtime_key: 'headgate.local_limit.enforced' },
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      ...(features.has('retry_after') && { enable_retry_after_header: true }),
      max_dynamic_descriptors: MAX_CLIENTS,
      rate_limits: rules.map((rule) => ({
        actions: descriptorActions(rule, sourceOf(route)),
        ...(rule.hits !== 1 && { hits_addend: { number: rule.hits } }),
      })),
      descriptors: rules.map((rule) => ({ entries: entriesOf(rule), token_bucket: bucketOf(rule) })),
    }),
  };
}

function entriesOf({ name, entries }: LocalLimitIr): { key: string; value?: string }[] {
  return [{ key: LIMIT_KEY, value: name }, ...entries.map(entryKey)];
}

function bucketOf({ amount }: LocalLimitIr): TypeV3TokenBucket {
  const seconds = SECONDS[amount.unit];
  return { max_tokens: amount.requests, tokens_per_fill: amount.requests, fill_interval: `${seconds}s` };
}
