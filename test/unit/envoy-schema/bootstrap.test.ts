import { expect } from 'chai';
import { parse } from 'yaml';
import { checkConstraints, decodeMessage, encodeMessage } from '../../../src/envoy/schema/index.ts';
import { oracleDecode, oracleEncode } from './oracle.ts';

const BOOTSTRAP = 'envoy.config.bootstrap.v3.Bootstrap';

/** A gateway with a rate limit by cost, failover between providers and usage read from the answer. */
const YAML = String.raw`
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 22001}}}
node: {id: n1, cluster: c, metadata: {zone: a, weights: [1, 2.5]}}
dynamic_resources: {ads_config: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}}
layered_runtime:
  layers:
  - name: base
    static_layer: {envoy.reloadable_features.ext_proc_graceful_grpc_close: true}
static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 22000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: l
          access_log:
          - name: envoy.access_loggers.stdout
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {json_format: {code: '%RESPONSE_CODE%', tot: '%DYNAMIC_METADATA(ai.usage)%'}}
          route_config:
            name: r
            virtual_hosts:
            - name: v
              domains: ['*']
              routes:
              - match: {prefix: /, headers: [{name: x-ai-model, string_match: {exact: gpt-p}}]}
                name: route-p
                route:
                  inline_cluster_specifier_plugin:
                    extension:
                      name: pg
                      typed_config:
                        '@type': type.googleapis.com/envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier
                        priority_groups:
                        - {name: p0, clusters: [{cluster_name: a, weight: 100}]}
                  timeout: 60s
                  retry_policy: {retry_on: '5xx,connect-failure', num_retries: 2, refresh_cluster_on_retry: true}
                typed_per_filter_config:
                  envoy.filters.http.ratelimit:
                    '@type': type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute
                    rate_limits:
                    - actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]
                      hits_addend: {format: '%CEL(uint(500))%', is_negative_hits: true}
                      apply_on_stream_done: true
              - match: {prefix: /}
                direct_response: {status: 404, body: {inline_string: '{"error":"no model"}'}}
            internal_only_headers: [x-ai-model]
          http_filters:
          - name: envoy.filters.http.json_to_metadata
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata
              response_rules:
                rules:
                - selectors: [{key: usage}, {key: prompt_tokens}]
                  on_present: {metadata_namespace: ai.usage, key: input, type: NUMBER}
          - name: envoy.filters.http.lua
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code: {inline_string: "function envoy_on_request(h) end\n"}
          - name: envoy.filters.http.router
            typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: a
    connect_timeout: 0.25s
    type: STRICT_DNS
    load_assignment:
      cluster_name: a
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: localhost, port_value: 22011}}}
          load_balancing_weight: 3
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    circuit_breakers: {thresholds: [{max_retries: 1000}]}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: api.example.com
        common_tls_context: {validation_context: {trusted_ca: {inline_bytes: Y2E=}}}
`;

describe('a bootstrap in YAML', () => {
  const json: unknown = parse(YAML);
  const bytes = encodeMessage(BOOTSTRAP, json);

  it('has the bytes of the second implementation', () => {
    const sorted = decodeMessage(BOOTSTRAP, bytes);
    expect(Buffer.from(bytes).equals(oracleEncode(BOOTSTRAP, sorted))).to.equal(true);
    expect(bytes.length).to.equal(oracleEncode(BOOTSTRAP, json).length);
  });

  it('reads back as it was written, and as the second implementation reads it', () => {
    const { admin, node } = decodeMessage(BOOTSTRAP, bytes) as Record<string, unknown>;
    const input = json as Record<string, unknown>;
    expect(admin).to.deep.equal(input.admin);
    expect(node).to.deep.equal(input.node);
    expect(decodeMessage(BOOTSTRAP, bytes)).to.deep.equal(oracleDecode(BOOTSTRAP, bytes));
  });

  it('breaks no constraint', () => {
    expect(checkConstraints(BOOTSTRAP, json)).to.deep.equal([]);
  });
});
