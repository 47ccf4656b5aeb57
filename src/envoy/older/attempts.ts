import type { GatewayIr } from '../../ir/index.ts';
import type { Capabilities } from '../capabilities.ts';
import { UNLIMITED } from '../clusters.ts';
import { localReplies } from '../local-replies.ts';
import { ROUTER_FILTER } from '../names.ts';
import type { EnvoyResource } from '../resource.ts';
import {
  type Any,
  type ConfigRouteV3Route,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
} from '../schema/index.ts';
import { CODEC_FILTER } from '../upstream-filters.ts';
import { olderScript } from './script.ts';
import { TRANSLATING_ROUTES, type TranslatingRoute, toldFilter, translatingFilters } from './translate.ts';

/** Cluster and listener of attempts. */
export const ATTEMPTS = 'headgate/attempts';

/** What the script of attempts tells the listener of attempts, and gets back. */
const CLUSTER_HEADER = 'x-headgate-cluster';
const ENDPOINT_HOST_HEADER = 'x-headgate-endpoint-host';
const FLAGS_HEADER = 'x-headgate-flags';

/** Shorter than the listener's hour, so that a connection is never closed from the other end while it is taken. */
const IDLE_TIMEOUT = '60s';

/**
 * The way to backends of which another may be asked. An Envoy before 1.40 cannot choose another cluster with other
 * filters for a retry, so all attempts go to one cluster that leads to a listener of the same Envoy, in memory; that one
 * goes on to the cluster which the script of the attempt names. What that cluster answers or fails with is an answer to
 * the first one, so all of it can be retried. `translates`: some backend needs it.
 */
export function attemptResources(gateway: GatewayIr, capabilities: Capabilities, translates: boolean): EnvoyResource[] {
  const limit = connectionLimit(gateway, capabilities);
  return [
    attemptCluster(ATTEMPTS, olderScript('attempt'), limit),
    attemptListener(gateway, capabilities, limit, translates),
  ];
}

/** What a connection may hold, where that is what limits a request. */
export function connectionLimit({ maxRequestBodyBytes }: GatewayIr, { features }: Capabilities): number | undefined {
  return features.has('body_limit') ? undefined : maxRequestBodyBytes;
}

/** `bufferBytes`: what a connection may hold, where that is what limits a request. */
export function attemptCluster(
  name: string,
  script: ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  bufferBytes: number | undefined,
): EnvoyResource {
  const endpoint = { address: { envoy_internal_address: { server_listener_name: ATTEMPTS } } };
  return {
    type: 'cluster',
    name,
    message: {
      name,
      type: 'STATIC',
      connect_timeout: '5s',
      ...(bufferBytes !== undefined && { per_connection_buffer_limit_bytes: bufferBytes }),
      circuit_breakers: {
        thresholds: [
          {
            max_connections: UNLIMITED,
            max_pending_requests: UNLIMITED,
            max_requests: UNLIMITED,
            max_retries: UNLIMITED,
          },
        ],
      },
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typedAny(
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          {
            common_http_protocol_options: { idle_timeout: IDLE_TIMEOUT, max_headers_count: MAX_HEADERS },
            explicit_http_config: { http_protocol_options: {} },
            http_filters: [script, CODEC_FILTER],
          },
        ),
      },
    },
    requires: [],
  };
}

/** Above what the first listener takes. */
const MAX_HEADERS = 250;
const MAX_HEADERS_KB = 96;

function attemptListener(
  gateway: GatewayIr,
  capabilities: Capabilities,
  bufferBytes: number | undefined,
  translates: boolean,
): EnvoyResource {
  return {
    type: 'listener',
    name: ATTEMPTS,
    message: {
      name: ATTEMPTS,
      internal_listener: {},
      ...(bufferBytes !== undefined && { per_connection_buffer_limit_bytes: bufferBytes }),
      filter_chains: [
        {
          filters: [
            {
              name: 'envoy.filters.network.http_connection_manager',
              typed_config: connectionManager(gateway, capabilities, translates),
            },
          ],
        },
      ],
    },
    requires: [],
  };
}

/** It changes nothing of the request beside what it was told: the first listener has seen to all else. */
function connectionManager(gateway: GatewayIr, capabilities: Capabilities, translates: boolean): Any {
  return typedAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'attempts',
    route_config: {
      name: ATTEMPTS,
      virtual_hosts: [
        {
          name: ATTEMPTS,
          domains: ['*'],
          request_body_buffer_limit: gateway.maxRequestBodyBytes,
          routes: attemptRoutes(translates),
        },
      ],
    },
    http_filters: [
      toldFilter(),
      ...(translates ? translatingFilters() : []),
      {
        name: ROUTER_FILTER,
        typed_config: typedAny('envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
      },
    ],
    local_reply_config: localReplies(gateway, capabilities),
    scheme_header_transformation: { match_upstream: true },
    server_header_transformation: 'PASS_THROUGH',
    skip_xff_append: true,
    generate_request_id: false,
    preserve_external_request_id: true,
    max_request_headers_kb: MAX_HEADERS_KB,
    common_http_protocol_options: { max_headers_count: MAX_HEADERS },
    // The first listener bounds the time.
    stream_idle_timeout: '0s',
  });
}

/** Of an attempt: whether its `:authority` is the name of the endpoint, and how it is translated. */
function attemptRoutes(translates: boolean): ConfigRouteV3Route[] {
  const kinds = [...(translates ? TRANSLATING_ROUTES : []), { headers: [], filters: {} }];
  return kinds.flatMap((kind) => [true, false].map((takesEndpointHost) => attemptRoute(takesEndpointHost, kind)));
}

function attemptRoute(takesEndpointHost: boolean, { headers, filters }: TranslatingRoute): ConfigRouteV3Route {
  const matched = [...headers, ...(takesEndpointHost ? [{ name: ENDPOINT_HOST_HEADER, present_match: true }] : [])];
  return {
    match: { prefix: '/', ...(matched.length > 0 && { headers: matched }) },
    route: {
      cluster_header: CLUSTER_HEADER,
      ...(takesEndpointHost && { auto_host_rewrite: true }),
      timeout: '0s',
      idle_timeout: '0s',
    },
    request_headers_to_remove: [CLUSTER_HEADER, ENDPOINT_HOST_HEADER, 'x-envoy-internal'],
    response_headers_to_add: [
      {
        header: { key: FLAGS_HEADER, value: '%RESPONSE_FLAGS%' },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
      },
    ],
    ...(Object.keys(filters).length > 0 && { typed_per_filter_config: filters }),
  };
}
