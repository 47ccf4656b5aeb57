/**
 * The ratelimit room: Envoy's rate limit service (envoy.service.ratelimit.v3).
 * In: limits (`LimitsConfig`), requests of Envoys over gRPC, a store of buckets.
 * Out: verdicts, and statistics as Prometheus text.
 * Must not know: which policy the limits come from.
 */

export type { LimitDescriptor, LimitsConfig } from '../ir/index.ts';
export type { Budget, Budgets } from './budgets.ts';
export { startServiceHttp } from './http.ts';
export { validateLimits } from './limits-config.ts';
export { type LimitsFile, parseLimitsFiles } from './limits-file.ts';
export { createRateLimitService, type RateLimitService, type RateLimitServiceOptions } from './service.ts';
export { guardStore } from './store/guard.ts';
export { createMemoryStore, type MemoryStore } from './store/memory.ts';
export { createRedisStore, type RedisStoreOptions } from './store/redis.ts';
export { persistStore } from './store/state-file.ts';
export type { Store } from './store/store.ts';
export { openXdsLimits, type XdsClientTls, type XdsLimitsOptions } from './xds-limits.ts';
