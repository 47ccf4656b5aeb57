/** Names of resources and places in configuration that more than one file speaks of. */

/** Static metadata of clusters and routes. */
export const METADATA_NAMESPACE = 'headgate';
/** Dynamic metadata of the reference: costs and who served. */
export const COST_NAMESPACE = 'io.envoy.ai_gateway';
/** Dynamic metadata from which a route takes the order of its backends. */
export const ORDER_NAMESPACE = 'headgate.order';
/** Set by the data path script once the body is read; stripped from what clients send and from what providers get. */
export const MODEL_HEADER = 'x-ai-eg-model';
export const API_HEADER = 'x-headgate-api';
/** The path without its query, set before a route is chosen: no input of a matcher gives it. */
export const PATH_HEADER = 'x-headgate-path';
/** Never sent to a provider or service. */
export const INTERNAL_HEADERS = [MODEL_HEADER, API_HEADER, PATH_HEADER] as const;
/** Marks the answer of the sentinel, so that it does not count as a failure of the provider. */
export const SENTINEL_HEADER = 'x-headgate-sentinel';

export const LUA_FILTER = 'envoy.filters.http.lua';
export const ROUTER_FILTER = 'envoy.filters.http.router';

export const TYPES = {
  cluster: 'envoy.config.cluster.v3.Cluster',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'envoy.config.listener.v3.Listener',
  route: 'envoy.config.route.v3.RouteConfiguration',
  secret: 'envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

/** Listener, route configuration and certificate of the sentinel. */
export const SENTINEL = 'headgate/sentinel';
