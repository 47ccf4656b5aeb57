import { ROUTER_FILTER, SENTINEL_HEADER, SENTINEL_LISTENER } from './names.ts';
import type { EnvoyResource } from './resource.ts';
import {
  type ConfigClusterV3ClusterTransportSocketMatch,
  type ConfigEndpointV3LocalityLbEndpoints,
  type ConfigListenerV3Listener,
  typedAny,
} from './schema/index.ts';

/**
 * The sentinel: what a provider's cluster falls to when none of its endpoints can serve. Envoy does not retry "no
 * healthy host", but it does retry a 503 that a host answers; so the last priority of such a cluster is a listener of
 * the same Envoy that answers 503 at once. Two Envoys on one host share the port (SO_REUSEPORT), each answering alike.
 */
export function sentinelListener(port: number): EnvoyResource {
  const message: ConfigListenerV3Listener = {
    name: SENTINEL_LISTENER,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: typedAny(
              'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              {
                stat_prefix: 'sentinel',
                route_config: {
                  name: SENTINEL_LISTENER,
                  virtual_hosts: [
                    {
                      name: 'sentinel',
                      domains: ['*'],
                      routes: [
                        {
                          match: { prefix: '/' },
                          direct_response: { status: 503 },
                          response_headers_to_add: [{ header: { key: SENTINEL_HEADER, value: 'no-endpoint' } }],
                        },
                      ],
                    },
                  ],
                },
                http_filters: [
                  {
                    name: ROUTER_FILTER,
                    typed_config: typedAny('envoy.extensions.filters.http.router.v3.Router', {}),
                  },
                ],
              },
            ),
          },
        ],
      },
    ],
  };
  return { type: 'listener', name: SENTINEL_LISTENER, message, requires: [] };
}

/** The sentinel as the second priority of a cluster. */
export function sentinelEndpoints(port: number): ConfigEndpointV3LocalityLbEndpoints {
  return {
    priority: 1,
    lb_endpoints: [
      {
        endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
        metadata: { filter_metadata: { 'envoy.transport_socket_match': { sentinel: true } } },
      },
    ],
  };
}

/** A cluster with TLS speaks to the sentinel without. */
export const SENTINEL_SOCKET: ConfigClusterV3ClusterTransportSocketMatch = {
  name: 'sentinel',
  match: { sentinel: true },
  transport_socket: {
    name: 'envoy.transport_sockets.raw_buffer',
    typed_config: typedAny('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
  },
};
