/**
 * The ratelimit room: Envoy's rate limit service (envoy.service.ratelimit.v3).
 * In: limits (`LimitsConfig`), requests of Envoys over gRPC, a store of buckets.
 * Out: verdicts, and statistics as Prometheus text.
 * Must not know: which policy the limits come from.
 */
export {
  type LimitDescriptor,
  type LimitsConfig,
  type LimitsDomain,
  type LimitsProblem,
  type RateLimitPolicy,
  validateLimits,
} from './limits-config.ts';
export { type LimitsFile, parseLimitsFiles } from './limits-file.ts';
export { RESERVED_AT_KEY } from './reservation.ts';
export { createRateLimitService, type RateLimitService, type RateLimitServiceOptions } from './service.ts';
export { guardStore } from './store/guard.ts';
export { createMemoryStore, type MemoryStore } from './store/memory.ts';
export { createRedisStore, type RedisStoreOptions } from './store/redis.ts';
export type { Store } from './store/store.ts';
