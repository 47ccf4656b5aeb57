/**
 * The intermediate form between policy and Envoy: plain readonly data, all references resolved, all defaults applied,
 * routes in the order of precedence. In: what `policy` decides. Out: what `envoy` emits. It knows neither Kubernetes
 * objects nor Envoy resources; durations are milliseconds, sizes bytes, and no secret value stands in it.
 */
export type * from './backend.ts';
export { type CostIr, countsMoney, type TokenCount } from './cost.ts';
export {
  API_ENDPOINTS,
  type ApiEndpoint,
  type ApiFamily,
  type EndpointName,
  type EndpointPrefixes,
} from './endpoints.ts';
export type * from './gateway.ts';
export type * from './limits.ts';
export type * from './limits-config.ts';
export {
  bucketsOf,
  entryKey,
  GIVES_BACK_KEY,
  LIMIT_KEY,
  LIMITS_DOMAIN,
  limitsOf,
  type NamedBucket,
  OPEN_QUOTA,
  RESERVED_AT_KEY,
  RESERVED_MARK,
  unionOfLimits,
} from './limits-of.ts';
export { MODEL_HEADER, modelOf } from './model.ts';
export type * from './origin.ts';
export type * from './route.ts';
export type * from './secret.ts';
export type * from './token-source.ts';
