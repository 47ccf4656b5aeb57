/** The resource types of xDS: their URLs, the order in which changes are sent, and what SotW says about them. */

const PREFIX = 'type.googleapis.com/';

export const TYPE = {
  cluster: `${PREFIX}envoy.config.cluster.v3.Cluster`,
  endpoints: `${PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  localityEndpoint: `${PREFIX}envoy.config.endpoint.v3.LbEndpoint`,
  listener: `${PREFIX}envoy.config.listener.v3.Listener`,
  route: `${PREFIX}envoy.config.route.v3.RouteConfiguration`,
  scopedRoute: `${PREFIX}envoy.config.route.v3.ScopedRouteConfiguration`,
  virtualHost: `${PREFIX}envoy.config.route.v3.VirtualHost`,
  secret: `${PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`,
  runtime: `${PREFIX}envoy.service.runtime.v3.Runtime`,
  extension: `${PREFIX}envoy.config.core.v3.TypedExtensionConfig`,
  rateLimitConfig: `${PREFIX}ratelimit.config.ratelimit.v3.RateLimitConfig`,
  typedStruct: `${PREFIX}xds.type.v3.TypedStruct`,
} as const;

/**
 * What is used comes before what uses it: secrets and filters of clusters, clusters and endpoints, listeners, routes.
 * Routes come behind listeners because Envoy asks for a route configuration only once a listener names it.
 */
const ORDER: readonly string[] = [
  TYPE.secret,
  TYPE.extension,
  TYPE.cluster,
  TYPE.endpoints,
  TYPE.localityEndpoint,
  TYPE.listener,
  TYPE.scopedRoute,
  TYPE.route,
  TYPE.virtualHost,
  TYPE.runtime,
];

/** Position of a type in the order of sending; types that we do not know come last. */
export function typeOrder(typeUrl: string): number {
  const index = ORDER.indexOf(typeUrl);
  return index === -1 ? ORDER.length : index;
}

/**
 * What routes and listeners need to be there before they use it. Envoy acknowledges clusters only when none of them is
 * warming any more, so that the answers to these types say when their users may change.
 */
export function isSupply(typeUrl: string): boolean {
  return SUPPLY.has(typeUrl);
}

const SUPPLY: ReadonlySet<string> = new Set([TYPE.secret, TYPE.extension, TYPE.cluster, TYPE.endpoints]);

/** What may name a cluster or a secret, and so has to wait for these. */
export function usesSupply(typeUrl: string): boolean {
  return USERS.has(typeUrl);
}

const USERS: ReadonlySet<string> = new Set([TYPE.listener, TYPE.scopedRoute, TYPE.route, TYPE.virtualHost]);

/** In SotW an answer of these types holds everything subscribed: what is missing counts as deleted. */
export function isFullState(typeUrl: string): boolean {
  return typeUrl === TYPE.cluster || typeUrl === TYPE.listener || isOfLimits(typeUrl);
}

/** What rate limit services ask for: envoyproxy/ratelimit the one, ours the other, which has all that limits can say. */
export function isOfLimits(typeUrl: string): boolean {
  return typeUrl === TYPE.rateLimitConfig || typeUrl === TYPE.typedStruct;
}

/**
 * Types that Envoy waits for again when the resource that names them changed, though they did not change themselves:
 * it keeps the new cluster (listener) warming until its assignment (routes) *arrives*.
 */
export function isWarmedBy(typeUrl: string): boolean {
  return typeUrl === TYPE.endpoints || typeUrl === TYPE.route;
}

/** A listener is removed at once; all other types are named by something and stay until that has been replaced. */
export function outlivesItsUsers(typeUrl: string): boolean {
  return typeUrl !== TYPE.listener;
}

/**
 * Of these a first request without names asks for nothing: virtual hosts and endpoints of a locality come on demand,
 * and all of them would be those of every route configuration and of every cluster.
 */
export function hasWildcard(typeUrl: string): boolean {
  return typeUrl !== TYPE.virtualHost && typeUrl !== TYPE.localityEndpoint;
}
