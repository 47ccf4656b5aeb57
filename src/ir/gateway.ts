import type { BackendIr } from './backend.ts';
import type { EndpointPrefixes } from './endpoints.ts';
import type { OriginIr } from './origin.ts';
import type { RouteIr } from './route.ts';
import type { SecretRef } from './secret.ts';

/** All gateways of a revision, in order of key. */
export interface Ir {
  readonly gateways: readonly GatewayIr[];
}

/** One Gateway: what its Envoys get. */
export interface GatewayIr {
  /** `NAMESPACE/NAME`. */
  readonly key: string;
  readonly origin: OriginIr;
  readonly listeners: readonly ListenerIr[];
  /** Every backend that a route names, in order of name. */
  readonly backends: readonly BackendIr[];
  /** Every secret that a listener or backend names, in order of name. */
  readonly secrets: readonly SecretRef[];
  readonly endpointPrefixes: EndpointPrefixes;
  /** Larger request bodies get 413. */
  readonly maxRequestBodyBytes: number;
  /** Requests that have a limit are refused while the rate limit service does not answer; else they pass. */
  readonly refuseUnlimited?: true;
}

/** One socket. Gateway API listeners that share a port share it. */
export interface ListenerIr {
  /** `Gateway/NAMESPACE/NAME/port/N`. */
  readonly name: string;
  /** Address to bind: `0.0.0.0`, `::` or one the Gateway names. */
  readonly address: string;
  readonly port: number;
  /** One for HTTP; for HTTPS one a Gateway API listener, told apart by SNI. */
  readonly chains: readonly FilterChainIr[];
}

export interface FilterChainIr {
  /** Name of the Gateway API listener (of the first one where HTTP listeners share a port). */
  readonly listenerName: string;
  /** Name of its route configuration: `Gateway/NAMESPACE/NAME/port/N` or `Gateway/NAMESPACE/NAME/listener/NAME`. */
  readonly routeConfigName: string;
  /** SNI names, `*.example.com` allowed; empty matches all. */
  readonly serverNames: readonly string[];
  readonly tls?: ListenerTlsIr;
  readonly hosts: readonly HostIr[];
}

export interface ListenerTlsIr {
  readonly certificates: readonly SecretRef[];
}

/** All that is served under one host name. */
export interface HostIr {
  /** `*`, `*.example.com` or `api.example.com`. */
  readonly hostname: string;
  /** In order of precedence. */
  readonly routes: readonly RouteIr[];
  /** What `/v1/models` lists under this host, in the order of routes and rules. */
  readonly models: readonly ModelIr[];
}

export interface ModelIr {
  readonly id: string;
  readonly ownedBy: string;
  /** Seconds since 1970. */
  readonly created: number;
}
