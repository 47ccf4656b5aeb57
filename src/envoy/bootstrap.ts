import { isIP } from 'node:net';
import {
  type ConfigBootstrapV3Bootstrap,
  type ConfigClusterV3Cluster,
  type ConfigCoreV3Address,
  type ConfigCoreV3TransportSocket,
  typedAny,
} from './schema/index.ts';

const XDS_CLUSTER = 'headgate_xds';
/** Envoy warns without a limit; this one is above what a gateway of streams meets, and below usual file limits. */
const MAX_DOWNSTREAM_CONNECTIONS = 50_000;

/** Files on the Envoy's host. */
export interface BootstrapTls {
  /** Client certificate and its key, for a control plane that asks for one. */
  readonly cert?: string;
  readonly key?: string;
  /** Authorities that may vouch for the control plane. */
  readonly ca?: string;
}

export interface BootstrapOptions {
  /** `NAMESPACE/NAME` of the Gateway: an Envoy belongs to it by `node.cluster`. */
  readonly gateway: string;
  readonly nodeId: string;
  readonly xds: { readonly host: string; readonly port: number };
  /** Delta xDS, or the state of the world. */
  readonly delta: boolean;
  /** Envoy's own admin port, on loopback. Absent: none. */
  readonly adminPort?: number;
  /** Present: TLS to the control plane. */
  readonly tls?: BootstrapTls;
}

/**
 * The bootstrap of one Envoy: who it is and where its control plane is; all else comes over ADS.
 * Source: envoy.config.bootstrap.v3.Bootstrap.
 */
export function emitBootstrap(options: BootstrapOptions): ConfigBootstrapV3Bootstrap {
  const fromAds = { ads: {}, resource_api_version: 'V3' } as const;
  return {
    node: { id: options.nodeId, cluster: options.gateway },
    ...(options.adminPort !== undefined && { admin: { address: address('127.0.0.1', options.adminPort) } }),
    dynamic_resources: {
      ads_config: {
        api_type: options.delta ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER } }],
      },
      cds_config: fromAds,
      lds_config: fromAds,
    },
    static_resources: { clusters: [xdsCluster(options)] },
    // Envoys before 1.40 make attempts through one (older/attempts.ts).
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: typedAny('envoy.extensions.bootstrap.internal_listener.v3.InternalListener', {}),
      },
    ],
    layered_runtime: {
      layers: [
        // Without the first Envoy refuses all routes for one expression longer than a line.
        {
          name: 'static',
          static_layer: {
            're2.max_program_size.error_level': 4_294_967_295,
            // With it Envoy 1.40 ends with a segmentation fault when more is on its way to a processor than may be at once.
            'envoy.reloadable_features.grpc_side_stream_flow_control': false,
          },
        },
        // Where operators set values by hand.
        { name: 'admin', admin_layer: {} },
      ],
    },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: typedAny(
            'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            { max_active_downstream_connections: MAX_DOWNSTREAM_CONNECTIONS },
          ),
        },
      ],
    },
  };
}

/** Both keepalives: a control plane that is gone without a word must be noticed, or its Envoys never reconnect. */
function xdsCluster(options: BootstrapOptions): ConfigClusterV3Cluster {
  const { host, port } = options.xds;
  return {
    name: XDS_CLUSTER,
    type: isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '5s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typedAny(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        {
          explicit_http_config: {
            http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '10s' } },
          },
        },
      ),
    },
    upstream_connection_options: { tcp_keepalive: {} },
    load_assignment: {
      cluster_name: XDS_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(host, port) } }] }],
    },
    ...(options.tls && { transport_socket: controlTlsSocket(host, options.tls) }),
  };
}

/** TLS to a service of the control plane, with files on the Envoy's host. */
export function controlTlsSocket(host: string, tls: BootstrapTls): ConfigCoreV3TransportSocket {
  const isName = isIP(host) === 0;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typedAny('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      ...(isName && { sni: host }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        alpn_protocols: ['h2'],
        ...(tls.cert !== undefined &&
          tls.key !== undefined && {
            tls_certificates: [{ certificate_chain: { filename: tls.cert }, private_key: { filename: tls.key } }],
          }),
        ...(tls.ca !== undefined && {
          validation_context: {
            trusted_ca: { filename: tls.ca },
            match_typed_subject_alt_names: [{ san_type: isName ? 'DNS' : 'IP_ADDRESS', matcher: { exact: host } }],
          },
        }),
      },
    }),
  };
}

function address(host: string, port: number): ConfigCoreV3Address {
  return { socket_address: { address: host, port_value: port } };
}
