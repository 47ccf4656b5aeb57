import { isIP } from 'node:net';
import { tlsOverAds } from './control-tls.ts';
import { PROCESSOR_CLUSTER } from './names.ts';
import type { ProcessorTarget } from './options.ts';
import type { EnvoyResource } from './resource.ts';
import { type ConfigClusterV3Cluster, type ConfigCoreV3Address, typedAny } from './schema/index.ts';
import { secretReference } from './secrets.ts';

/** The cluster of the processor, and its secrets. */
export function processorCluster(target: ProcessorTarget): EnvoyResource[] {
  const { address, tls } = target;
  const host = address.kind === 'tcp' ? address.host : undefined;
  const { socket, secrets = [] } = tls && host !== undefined ? tlsOverAds('processor', host, tls) : {};
  const message: ConfigClusterV3Cluster = {
    name: PROCESSOR_CLUSTER,
    type: host !== undefined && isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typedAny(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        { explicit_http_config: { http2_protocol_options: {} } },
      ),
    },
    circuit_breakers: { thresholds: [{ max_requests: 1_000_000, max_pending_requests: 1_000_000 }] },
    load_assignment: {
      cluster_name: PROCESSOR_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(address) } }] }],
    },
    ...(socket && { transport_socket: socket }),
  };
  return [{ type: 'cluster', name: PROCESSOR_CLUSTER, message, requires: secrets.map(secretReference) }, ...secrets];
}

function addressOf(address: ProcessorTarget['address']): ConfigCoreV3Address {
  if (address.kind === 'unix') return { pipe: { path: address.path } };
  return { socket_address: { address: address.host, port_value: address.port } };
}
