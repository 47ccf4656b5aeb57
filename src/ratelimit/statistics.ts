/** Counts of limits, with the names of envoyproxy/ratelimit's statistics, as Prometheus text. */

/** What became of the hits of one limit. */
export interface LimitStats {
  readonly domain: string;
  readonly limit: string;
  totalHits: number;
  overLimit: number;
  nearLimit: number;
  withinLimit: number;
  shadowMode: number;
}

/** What became of requests, and of the store. */
export interface ServiceStats {
  requests: number;
  overLimit: number;
  invalid: number;
  globalShadow: number;
  refunds: number;
  /** Refunds whose window is over. */
  refundsDropped: number;
  /** Requests that were answered without a count. */
  storeFailures: number;
  configLoads: number;
  configErrors: number;
}

export interface Statistics {
  readonly service: ServiceStats;
  /** The counts of a limit; past `maxLimits` different ones all others share one. */
  of(domain: string, limit: string): LimitStats;
  /** Prometheus text. `extra` are gauges of others: name to value. */
  expose(extra?: Readonly<Record<string, number>>): string;
}

const COUNTERS = {
  totalHits: 'total_hits',
  overLimit: 'over_limit',
  nearLimit: 'near_limit',
  withinLimit: 'within_limit',
  shadowMode: 'shadow_mode',
} as const;

const SERVICE_COUNTERS = {
  requests: 'ratelimit_service_requests_total',
  overLimit: 'ratelimit_service_requests_over_limit_total',
  invalid: 'ratelimit_service_requests_invalid_total',
  globalShadow: 'ratelimit_service_global_shadow_mode_total',
  refunds: 'ratelimit_service_refunded_hits_total',
  refundsDropped: 'ratelimit_service_refunded_hits_dropped_total',
  storeFailures: 'ratelimit_service_store_failures_total',
  configLoads: 'ratelimit_service_config_load_success_total',
  configErrors: 'ratelimit_service_config_load_error_total',
} as const;

const OTHER = 'other';

export function createStatistics({ maxLimits = 2000 } = {}): Statistics {
  const limits = new Map<string, Map<string, LimitStats>>();
  let count = 0;
  const service: ServiceStats = {
    requests: 0,
    overLimit: 0,
    invalid: 0,
    globalShadow: 0,
    refunds: 0,
    refundsDropped: 0,
    storeFailures: 0,
    configLoads: 0,
    configErrors: 0,
  };

  function of(domain: string, limit: string): LimitStats {
    const known = limits.get(domain)?.get(limit);
    if (known) return known;
    if (count >= maxLimits && domain !== OTHER) return of(OTHER, OTHER);
    const created = { domain, limit, totalHits: 0, overLimit: 0, nearLimit: 0, withinLimit: 0, shadowMode: 0 };
    const ofDomain = limits.get(domain) ?? new Map<string, LimitStats>();
    limits.set(domain, ofDomain.set(limit, created));
    count += 1;
    return created;
  }

  return {
    service,
    of,
    expose(extra = {}) {
      const lines: string[] = [];
      const all = [...limits.values()].flatMap((ofDomain) => [...ofDomain.values()]);
      for (const [field, suffix] of Object.entries(COUNTERS)) {
        const name = `ratelimit_service_rate_limit_${suffix}`;
        lines.push(`# TYPE ${name} counter`);
        for (const one of all) {
          const labels = `domain="${escapeLabel(one.domain)}",limit="${escapeLabel(one.limit)}"`;
          lines.push(`${name}{${labels}} ${one[field as keyof typeof COUNTERS]}`);
        }
      }
      for (const [field, name] of Object.entries(SERVICE_COUNTERS)) {
        lines.push(`# TYPE ${name} counter`, `${name} ${service[field as keyof ServiceStats]}`);
      }
      for (const [name, value] of Object.entries(extra)) lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
      return `${lines.join('\n')}\n`;
    },
  };
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** Splits hits into over, near and within the limit, as envoyproxy/ratelimit does. */
export function countHits(stats: LimitStats, hits: number, before: number, after: number, limit: number): void {
  const near = Math.floor(limit * NEAR_LIMIT_RATIO);
  stats.totalHits += hits;
  if (after > limit) {
    if (before >= limit) stats.overLimit += hits;
    else {
      stats.overLimit += after - limit;
      stats.nearLimit += limit - Math.max(near, before);
    }
    return;
  }
  stats.withinLimit += hits;
  if (after > near) stats.nearLimit += before >= near ? hits : after - near;
}

const NEAR_LIMIT_RATIO = 0.8;
