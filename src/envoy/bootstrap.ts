import { isIP } from 'node:net';
import { type ControlTls, tlsByFiles, tlsBySecretFiles } from './control-tls.ts';
import { RUNTIME_MARK, RUNTIME_VALUES } from './runtime.ts';
import {
  type ConfigBootstrapV3Bootstrap,
  type ConfigClusterV3Cluster,
  type ConfigCoreV3Address,
  typedAny,
} from './schema/index.ts';

const XDS_CLUSTER = 'headgate_xds';
/** Envoy warns without a limit; this one is above what a gateway of streams meets, and below usual file limits. */
const MAX_DOWNSTREAM_CONNECTIONS = 50_000;
/** Envoy's own maximum is 30 s: so long a control plane that is back would go without its proxies. */
const RECONNECT_BACK_OFF = { base_interval: '0.5s', max_interval: '5s' } as const;

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
  readonly tls?: ControlTls;
  /** Of Envoy's host, with the files of `bootstrapSecrets`: Envoy takes new files of `tls` over. Absent: it reads them once. */
  readonly secretsDirectory?: string;
}

/**
 * The bootstrap of one Envoy: who it is and where its control plane is; all else comes over ADS.
 * Source: envoy.config.bootstrap.v3.Bootstrap.
 */
export function emitBootstrap(options: BootstrapOptions): ConfigBootstrapV3Bootstrap {
  const fromAds = { ads: {}, resource_api_version: 'V3' } as const;
  return {
    node: { id: options.nodeId, cluster: options.gateway, metadata: { [RUNTIME_MARK]: 'static' } },
    ...(options.adminPort !== undefined && { admin: { address: address('127.0.0.1', options.adminPort) } }),
    dynamic_resources: {
      ads_config: {
        api_type: options.delta ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          { envoy_grpc: { cluster_name: XDS_CLUSTER, retry_policy: { retry_back_off: RECONNECT_BACK_OFF } } },
        ],
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
        { name: 'static', static_layer: RUNTIME_VALUES },
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

/** What has to be in the secrets directory. Shape: JSON by path. */
export function bootstrapSecrets({ xds, tls, secretsDirectory }: BootstrapOptions): ReadonlyMap<string, object> {
  if (!tls || secretsDirectory === undefined) return new Map();
  return tlsBySecretFiles(xds.host, tls, secretsDirectory).files;
}

/** Both keepalives: a control plane that is gone without a word must be noticed, or its Envoys never reconnect. */
function xdsCluster(options: BootstrapOptions): ConfigClusterV3Cluster {
  const { tls, secretsDirectory } = options;
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
    ...(tls && {
      transport_socket:
        secretsDirectory === undefined ? tlsByFiles(host, tls) : tlsBySecretFiles(host, tls, secretsDirectory).socket,
    }),
  };
}

function address(host: string, port: number): ConfigCoreV3Address {
  return { socket_address: { address: host, port_value: port } };
}
