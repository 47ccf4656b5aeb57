import type { SecretRef } from '../ir/index.ts';
import { NO_ENDPOINT_BODY } from './answers.ts';
import { ROUTER_FILTER, SENTINEL, SENTINEL_HEADER } from './names.ts';
import type { EnvoyResource } from './resource.ts';
import {
  type ConfigClusterV3ClusterTransportSocketMatch,
  type ConfigEndpointV3LocalityLbEndpoints,
  type ConfigListenerV3Filter,
  type ConfigListenerV3Listener,
  typedAny,
} from './schema/index.ts';
import { secretReference } from './secrets.ts';
import { downstreamTlsSocket } from './tls.ts';

/**
 * The sentinel: what a provider's cluster falls to when none of its endpoints can serve. Envoy does not retry "no
 * healthy host", but it does retry a 503 that a host answers; so the last priority of such a cluster is a listener of
 * the same Envoy that answers 503 at once. Two Envoys on one host share the port (SO_REUSEPORT), each answering alike.
 *
 * It takes TLS and plaintext on one port: Envoy refuses a cluster that negotiates HTTP/2 (ALPN) when any of its sockets
 * is a plain one.
 */
export function sentinelListener(port: number): EnvoyResource {
  const message: ConfigListenerV3Listener = {
    name: SENTINEL,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    listener_filters: [
      {
        name: 'envoy.filters.listener.tls_inspector',
        typed_config: typedAny('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
      },
    ],
    filter_chains: [
      {
        filter_chain_match: { transport_protocol: 'tls' },
        filters: sentinelFilters(),
        transport_socket: downstreamTlsSocket({ certificates: [CERTIFICATE] }),
      },
      { filters: sentinelFilters() },
    ],
  };
  return { type: 'listener', name: SENTINEL, message, requires: [secretReference(CERTIFICATE)] };
}

const CERTIFICATE: SecretRef = { name: SENTINEL, kind: 'tls' };

function sentinelFilters(): ConfigListenerV3Filter[] {
  return [
    {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: typedAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
        stat_prefix: 'sentinel',
        route_config: {
          name: SENTINEL,
          virtual_hosts: [
            {
              name: 'sentinel',
              domains: ['*'],
              routes: [
                {
                  match: { prefix: '/' },
                  direct_response: { status: 503, body: { inline_string: NO_ENDPOINT_BODY } },
                  response_headers_to_add: [
                    { header: { key: SENTINEL_HEADER, value: 'no-endpoint' } },
                    {
                      header: { key: 'content-type', value: 'application/json' },
                      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
                    },
                  ],
                },
              ],
            },
          ],
        },
        http_filters: [
          { name: ROUTER_FILTER, typed_config: typedAny('envoy.extensions.filters.http.router.v3.Router', {}) },
        ],
      }),
    },
  ];
}

/** The sentinel as the second priority of a cluster. */
export function sentinelEndpoints(port: number): ConfigEndpointV3LocalityLbEndpoints {
  return {
    priority: 1,
    lb_endpoints: [
      {
        endpoint: {
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          // Probed like a provider it would count as unhealthy, and Envoy would answer "no healthy host" itself again.
          health_check_config: { disable_active_health_check: true },
        },
        metadata: { filter_metadata: { 'envoy.transport_socket_match': { sentinel: true } } },
      },
    ],
  };
}

/** A cluster with TLS speaks to the sentinel without checking who it is. */
export const SENTINEL_SOCKET: ConfigClusterV3ClusterTransportSocketMatch = {
  name: 'sentinel',
  match: { sentinel: true },
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: typedAny('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { common_tls_context: {} }),
  },
};
