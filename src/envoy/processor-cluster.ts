import { isIP } from 'node:net';
import { controlTlsSocket } from './bootstrap.ts';
import { PROCESSOR_CLUSTER } from './names.ts';
import type { ProcessorTarget } from './options.ts';
import type { EnvoyResource } from './resource.ts';
import { type ConfigClusterV3Cluster, type ConfigCoreV3Address, typedAny } from './schema/index.ts';

/** The cluster of the processor. */
export function processorCluster(target: ProcessorTarget): EnvoyResource {
  const { address, tls } = target;
  const host = address.kind === 'tcp' ? address.host : undefined;
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
    ...(tls && host !== undefined && { transport_socket: controlTlsSocket(host, tls) }),
  };
  return { type: 'cluster', name: PROCESSOR_CLUSTER, message, requires: [] };
}

function addressOf(address: ProcessorTarget['address']): ConfigCoreV3Address {
  if (address.kind === 'unix') return { pipe: { path: address.path } };
  return { socket_address: { address: address.host, port_value: address.port } };
}
