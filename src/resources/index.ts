/**
 * The kinds. In: raw objects, as a source read them. Out: typed objects with defaults, and findings; for Kubernetes,
 * CustomResourceDefinitions. One JSON Schema a kind gives its type, its validation and its CRD. Must not know where
 * objects come from, nor what they compile to: references between objects are policy's.
 */
export * from './aigateway/index.ts';
export * from './core/index.ts';
export { formatCrds } from './crds.ts';
export * from './envoy-gateway/index.ts';
export * from './gateway-api/index.ts';
export { apiVersionOf, type Kind, type ObjectOf } from './kind.ts';
export { isValidOf, KINDS } from './kinds.ts';
export * from './object.ts';
export { type Validated, type ValidateOptions, validateObject } from './validate.ts';
