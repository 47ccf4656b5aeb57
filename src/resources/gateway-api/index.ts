/**
 * Gateway API (gateway.networking.k8s.io). In: nothing. Out: the schemas of its kinds, as of version 1.5.1, and their
 * types. Must not know how routes become configuration, or which implementation serves them.
 */
import type { Kind } from '../kind.ts';
import { backendTLSPolicyKind } from './backend-tls-policy.ts';
import { gatewayKind } from './gateway.ts';
import { gatewayClassKind } from './gateway-class.ts';
import { httpRouteKind } from './http-route.ts';
import { referenceGrantKind } from './reference-grant.ts';

export type { Fraction, HeaderMatch, HeaderModifier, HttpHeader, PathModifier } from '../common/http.ts';
export type { LabelSelector } from '../common/labels.ts';
export type {
  BackendObjectReference,
  LocalObjectReference,
  ObjectReference,
  ParentReference,
  PolicyTargetReference,
  SecretObjectReference,
} from '../common/references.ts';
export { type BackendTLSPolicy, backendTLSPolicyKind, type SubjectAltName } from './backend-tls-policy.ts';
export { type AllowedRoutes, type Gateway, type GatewayListener, gatewayKind, type ListenerTls } from './gateway.ts';
export { type GatewayClass, gatewayClassKind } from './gateway-class.ts';
export {
  type HTTPBackendRef,
  type HTTPRoute,
  type HTTPRouteRule,
  type HTTPRouteTimeouts,
  httpRouteKind,
} from './http-route.ts';
export type {
  HTTPCorsFilter,
  HTTPRequestMirrorFilter,
  HTTPRequestRedirectFilter,
  HTTPRouteFilter,
  HTTPUrlRewriteFilter,
} from './http-route-filter.ts';
export type { HTTPPathMatch, HTTPQueryParamMatch, HTTPRouteMatch } from './http-route-match.ts';
export { type ReferenceGrant, referenceGrantKind } from './reference-grant.ts';

export const gatewayApiKinds: readonly Kind[] = [
  backendTLSPolicyKind,
  gatewayKind,
  gatewayClassKind,
  httpRouteKind,
  referenceGrantKind,
];
