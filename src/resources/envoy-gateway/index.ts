/**
 * Envoy Gateway (gateway.envoyproxy.io). In: nothing. Out: the schemas of the kinds that AI gateways use, and their
 * types. Must not know how backends and policies become clusters.
 */
import type { Kind } from '../kind.ts';
import { backendKind } from './backend.ts';
import { backendTrafficPolicyKind } from './backend-traffic-policy.ts';

export { type Backend, type BackendEndpoint, type BackendTls, backendKind } from './backend.ts';
export { type BackendTrafficPolicy, backendTrafficPolicyKind, type TargetSelector } from './backend-traffic-policy.ts';
export type { RateLimit, RateLimitRule } from './rate-limit.ts';
export type { ResponseOverride } from './response-override.ts';

export const envoyGatewayKinds: readonly Kind[] = [backendKind, backendTrafficPolicyKind];
