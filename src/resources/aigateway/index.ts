import type { Kind } from '../kind.ts';
import { aiGatewayRouteKind } from './ai-gateway-route.ts';
import { aiServiceBackendKind } from './ai-service-backend.ts';
import { backendSecurityPolicyKind } from './backend-security-policy.ts';
import { gatewayConfigKind } from './gateway-config.ts';
import { mcpRouteKind } from './mcp-route.ts';
import { quotaPolicyKind } from './quota-policy.ts';

export type * from './ai-gateway-route.ts';
export type * from './ai-service-backend.ts';
export type * from './backend-security-policy.ts';
export type * from './credentials.ts';
export type * from './gateway-config.ts';
export type * from './llm-request-cost.ts';
export type * from './mcp-route.ts';
export type * from './mcp-security.ts';
export type * from './mutations.ts';
export type * from './quota-policy.ts';

export {
  aiGatewayRouteKind,
  aiServiceBackendKind,
  backendSecurityPolicyKind,
  gatewayConfigKind,
  mcpRouteKind,
  quotaPolicyKind,
};

/** The kinds of aigateway.envoyproxy.io. */
export const aigatewayKinds: readonly Kind[] = [
  aiGatewayRouteKind,
  aiServiceBackendKind,
  backendSecurityPolicyKind,
  gatewayConfigKind,
  mcpRouteKind,
  quotaPolicyKind,
];
