import { isIP } from 'node:net';
import { tlsOverAds } from './control-tls.ts';
import { RATE_LIMIT_CLUSTER } from './names.ts';
import type { RateLimitAddress } from './options.ts';
import type { EnvoyResource } from './resource.ts';
import { type ConfigClusterV3Cluster, typedAny } from './schema/index.ts';
import { secretReference } from './secrets.ts';

/** The cluster of the rate limit service, and its secrets. */
export function rateLimitCluster({ host, port, tls }: RateLimitAddress): EnvoyResource[] {
  const { socket, secrets = [] } = tls ? tlsOverAds('ratelimit', host, tls) : {};
  const message: ConfigClusterV3Cluster = {
    name: RATE_LIMIT_CLUSTER,
    type: isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    // A request waits no longer for it, so neither does a connection.
    connect_timeout: '0.25s',
    circuit_breakers: { thresholds: [{ max_requests: 100_000, max_pending_requests: 100_000 }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typedAny(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        {
          explicit_http_config: {
            http2_protocol_options: { connection_keepalive: { interval: '5s', timeout: '1s' } },
          },
        },
      ),
    },
    load_assignment: {
      cluster_name: RATE_LIMIT_CLUSTER,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: host, port_value: port } } } }] },
      ],
    },
    ...(socket && { transport_socket: socket }),
  };
  return [{ type: 'cluster', name: RATE_LIMIT_CLUSTER, message, requires: secrets.map(secretReference) }, ...secrets];
}
