/**
 * Envoy Gateway (gateway.envoyproxy.io). In: nothing. Out: the schemas of the kinds that AI gateways use, and their
 * types. Must not know how backends and policies become clusters.
 */
import type { Kind } from '../kind.ts';
import { backendKind } from './backend.ts';
import { backendTrafficPolicyKind } from './backend-traffic-policy.ts';

export type { CircuitBreaker } from '../common/circuit-breaker.ts';
export type { ClusterSettings } from '../common/cluster-settings.ts';
export type {
  BackendConnection,
  DnsSettings,
  Http2Settings,
  ProxyProtocol,
  TcpKeepalive,
} from '../common/connection.ts';
export type { ActiveHealthCheck, HealthCheck, HealthCheckPayload, PassiveHealthCheck } from '../common/health-check.ts';
export type { ConsistentHash, LoadBalancer, ZoneAware } from '../common/load-balancer.ts';
export type { RateLimitHeaderMatch, RateLimitSelector } from '../common/rate-limit-selector.ts';
export type { Retry } from '../common/retry.ts';
export type { Timeout } from '../common/timeout.ts';
export { type Backend, type BackendEndpoint, type BackendTls, backendKind } from './backend.ts';
export { type BackendTrafficPolicy, backendTrafficPolicyKind, type TargetSelector } from './backend-traffic-policy.ts';
export type { RateLimit, RateLimitCostValue, RateLimitRule } from './rate-limit.ts';
export type { ResponseOverride } from './response-override.ts';

export const envoyGatewayKinds: readonly Kind[] = [backendKind, backendTrafficPolicyKind];
