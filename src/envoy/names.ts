/** Names of resources and places in configuration that more than one file speaks of. */

import { MODEL_HEADER } from '../ir/index.ts';

/** Static metadata of clusters and routes. */
export const METADATA_NAMESPACE = 'headgate';
/** Dynamic metadata of credentials that came with a request: apart, so that no log of the rest shows them. */
export const CREDENTIALS_NAMESPACE = 'headgate.credentials';
/** Dynamic metadata of the reference: costs and who served. */
export const COST_NAMESPACE = 'io.envoy.ai_gateway';
/** Dynamic metadata of what limits look at: as it was on arrival. */
export const LIMITS_NAMESPACE = 'headgate.limits';
/** Dynamic metadata from which a route takes the order of its backends. */
export const ORDER_NAMESPACE = 'headgate.order';
/** Set by the data path script once the body is read, as `MODEL_HEADER` is; stripped from what clients send and from what providers get. */
export const API_HEADER = 'x-headgate-api';
/** The path without its query, set before a route is chosen: no input of a matcher gives it. */
export const PATH_HEADER = 'x-headgate-path';
/** What the script knows of a request, for the one that makes its copy a mirror's own; on requests that may be mirrored. */
export const NOTE_HEADER = 'x-headgate-note';
/** Never sent to a provider or service. */
export const INTERNAL_HEADERS = [MODEL_HEADER, API_HEADER, PATH_HEADER] as const;
/** Credentials that clients send for the gateway to use: no service behind it ever sees them. */
export const GATEWAY_CREDENTIAL_HEADERS = [
  'x-aigw-api-key',
  'x-aigw-anthropic-api-key',
  'x-aigw-azure-api-key',
  'x-aigw-azure-access-token',
  'x-aigw-gcp-access-token',
  'x-aigw-aws-access-key-id',
  'x-aigw-aws-secret-access-key',
  'x-aigw-aws-session-token',
] as const;
/** Where a client of a provider's API puts its key. */
export const CLIENT_CREDENTIAL_HEADERS = ['authorization', 'api-key', 'x-api-key', 'x-goog-api-key'] as const;
/** Marks the answer of the sentinel, so that it does not count as a failure of the provider. */
export const SENTINEL_HEADER = 'x-headgate-sentinel';
/** Marks the answer to a key that was refused or used up where another key can be tried. */
export const NEXT_KEY_HEADER = 'x-headgate-next-key';
/** Envoy retries no answer that has it, unless `envoy-ratelimited` is asked for. */
export const NEVER_RETRIED_HEADER = 'x-envoy-ratelimited';
/** Marks Envoy's own answer where the processor could not be reached, for the script, which takes it away. */
export const NO_PROCESSOR_HEADER = 'x-headgate-no-processor';
/** What the script puts where a key of a pool goes, before its number. */
export const KEY_MARK = 'headgate-key-';
/** What the script puts where a signature goes, of an attempt that is signed with keys of the request. */
export const OWN_KEYS_MARK = 'headgate-own-keys';
/** Tell the client who served, and who was tried before. */
export const BACKEND_HEADER = 'x-headgate-backend';
/** What the backend header says until the script has read it: attempts and response flags. */
export const WHO_ANSWERED = '%UPSTREAM_REQUEST_ATTEMPT_COUNT%%RESPONSE_FLAGS%';
export const TRIED_HEADER = 'x-headgate-tried';

/** Cluster of the processor. No slash: it would stand in `:authority`. */
export const PROCESSOR_CLUSTER = 'headgate_processor';
/** Script of a cluster whose attempts need it only where they are translated. */
export const TRANSLATED_LUA_FILTER = 'headgate/translate/script';

export const LUA_FILTER = 'envoy.filters.http.lua';
export const RATE_LIMIT_FILTER = 'envoy.filters.http.ratelimit';
export const LOCAL_RATE_LIMIT_FILTER = 'envoy.filters.http.local_ratelimit';
/** Envoy uses the name of a gRPC cluster as `:authority`, where a slash is no good. */
export const RATE_LIMIT_CLUSTER = 'headgate_ratelimit';
export const ROUTER_FILTER = 'envoy.filters.http.router';

export const TYPES = {
  cluster: 'envoy.config.cluster.v3.Cluster',
  extension: 'envoy.config.core.v3.TypedExtensionConfig',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'envoy.config.listener.v3.Listener',
  route: 'envoy.config.route.v3.RouteConfiguration',
  runtime: 'envoy.service.runtime.v3.Runtime',
  secret: 'envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

/** Name of the runtime layer that bootstraps may ask for. */
export const RUNTIME_LAYER = 'headgate';

/** Listener, route configuration and certificate of the sentinel. */
export const SENTINEL = 'headgate/sentinel';
