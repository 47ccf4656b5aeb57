import { int32, object, optional, type Static, variant } from '../schema.ts';
import { Fraction } from './http.ts';
import { Uint32 } from './scalars.ts';

/** Limits on connections and requests to one backend. */
export const CircuitBreaker = object({
  maxConnections: variant(Uint32, { default: 1024 }),
  maxParallelRequests: variant(Uint32, { default: 1024 }),
  maxParallelRetries: variant(Uint32, { default: 1024 }),
  maxPendingRequests: variant(Uint32, { default: 1024 }),
  maxRequestsPerConnection: optional(Uint32),
  perEndpoint: optional(object({ maxConnections: variant(Uint32, { default: 1024 }) })),
  retryBudget: optional(object({ minRetryConcurrency: optional(int32()), percent: Fraction })),
});
export type CircuitBreaker = Static<typeof CircuitBreaker>;
