/** Which control plane an Envoy of a test talks to. */
export interface BootstrapOptions {
  readonly xdsPort: number;
  /** `NAMESPACE/NAME` of the Gateway. */
  readonly cluster: string;
  readonly nodeId?: string;
  /** Default true. */
  readonly delta?: boolean;
  readonly adminPort?: number;
}

/** The smallest bootstrap that gets everything over ADS. */
export function bootstrapFor(options: BootstrapOptions): Record<string, unknown> {
  const address = (port: number): unknown => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const ads = { ads: {}, resource_api_version: 'V3' };
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  return {
    node: { id: options.nodeId ?? 'test-node', cluster: options.cluster },
    admin: { address: address(options.adminPort ?? 0) },
    dynamic_resources: {
      ads_config: {
        api_type: options.delta === false ? 'GRPC' : 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(options.xdsPort) } }] }],
          },
        },
      ],
    },
  };
}
