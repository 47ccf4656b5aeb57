import type { BackendIr } from '../ir/index.ts';
import { protoDuration } from '../lib/units.ts';
import { REFUSED_HEADER } from '../providers/attempt-facts.ts';
import type { Capabilities } from './capabilities.ts';
import { clusterFilters } from './cluster-filters.ts';
import { failingStatuses } from './key-pool.ts';
import { SENTINEL_HEADER } from './names.ts';
import { type Any, type ExtensionsUpstreamsHttpV3HttpProtocolOptions, typedAny } from './schema/index.ts';
import type { ClusterKind } from './upstream-filters.ts';

/** How a cluster speaks HTTP, and what its attempts go through. */
export function protocolOptions(backend: BackendIr, kind: ClusterKind, capabilities: Capabilities): Any {
  const { connection, provider } = backend;
  const common = {
    ...(connection.idleTimeoutMs !== undefined && { idle_timeout: protoDuration(connection.idleTimeoutMs) }),
    ...(connection.maxRequestsPerConnection !== undefined && {
      max_requests_per_connection: connection.maxRequestsPerConnection,
    }),
  };
  const options: ExtensionsUpstreamsHttpV3HttpProtocolOptions = {
    ...(Object.keys(common).length > 0 && { common_http_protocol_options: common }),
    ...protocol(backend),
    ...(provider && { http_filters: clusterFilters(backend, provider, kind, capabilities) }),
    // No failure of an endpoint: the sentinel's 503 says that all are out already, and a refusal is the processor's.
    ...(connection.outlier && {
      outlier_detection: {
        error_matcher: {
          and_match: {
            rules: [
              {
                http_response_headers_match: {
                  headers: [{ name: ':status', string_match: { safe_regex: { regex: failingStatuses(backend) } } }],
                },
              },
              ...[SENTINEL_HEADER, REFUSED_HEADER].map((name) => ({
                not_match: { http_response_headers_match: { headers: [{ name, present_match: true }] } },
              })),
            ],
          },
        },
      },
    }),
  };
  return typedAny('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', options);
}

function protocol(backend: BackendIr): ExtensionsUpstreamsHttpV3HttpProtocolOptions {
  if (backend.protocol === 'h2c') return { explicit_http_config: { http2_protocol_options: {} } };
  if (backend.protocol === 'http1' || backend.tls === undefined) {
    return { explicit_http_config: { http_protocol_options: {} } };
  }
  // HTTP/2 where the server takes it (ALPN), HTTP/1.1 otherwise.
  return { auto_config: { http_protocol_options: {}, http2_protocol_options: {} } };
}
