import type { BackendIr, ConnectionIr } from '../ir/index.ts';
import { canonicalJson } from '../lib/hash.ts';
import { protoDuration } from '../lib/units.ts';
import { PROVIDER_KEY } from '../providers/attempt-facts.ts';
import { translatedFamilies } from './api-classes.ts';
import { type Capabilities, isOlder } from './capabilities.ts';
import { clusterFilterReferences } from './cluster-filters.ts';
import { loadAssignment, usesEds } from './endpoints.ts';
import { METADATA_NAMESPACE } from './names.ts';
import { type CompileOptions, doesTranslate } from './options.ts';
import { protocolOptions } from './protocol-options.ts';
import type { EnvoyResource } from './resource.ts';
import {
  type Any,
  type ConfigClusterV3Cluster,
  type ConfigCoreV3HealthCheck,
  type ConfigCoreV3TransportSocket,
  type ConfigCoreV3TypedExtensionConfig,
  type JsonValue,
  typedAny,
} from './schema/index.ts';
import { SENTINEL_SOCKET } from './sentinel.ts';
import { upstreamTlsReferences, upstreamTlsSocket } from './tls.ts';

/** "No limit" for a circuit breaker: what Envoy's default of 3 retries and 1,024 requests would refuse is not retried. */
export const UNLIMITED = 4_294_967_295;

const LB_POLICIES = { round_robin: 'ROUND_ROBIN', least_request: 'LEAST_REQUEST', random: 'RANDOM' } as const;

/**
 * A cluster for one backend. `failsOver`: a route can go on to another backend; `withSentinel`: by a sentinel.
 * `isPlain`: no script. `isMirror`: for copies of requests.
 */
export function emitCluster(
  backend: BackendIr,
  {
    failsOver = false,
    withSentinel = false,
    isPlain = false,
    isMirror = false,
  }: { failsOver?: boolean; withSentinel?: boolean; isPlain?: boolean; isMirror?: boolean },
  capabilities: Capabilities,
  options: CompileOptions,
): EnvoyResource {
  const eds = usesEds(backend);
  const message: ConfigClusterV3Cluster = {
    name: backend.name,
    ...(eds
      ? { type: 'EDS', eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } } }
      : {
          cluster_type: dnsCluster(backend.connection, withSentinel && capabilities.features.has('ordered_dns')),
          load_assignment: loadAssignment(backend, withSentinel, options),
        }),
    connect_timeout: protoDuration(backend.connection.connectTimeoutMs),
    lb_policy: LB_POLICIES[backend.connection.loadBalancer],
    metadata: {
      filter_metadata: {
        [METADATA_NAMESPACE]: providerMetadata(backend, isOlder(capabilities) && doesTranslate(capabilities, options)),
      },
    },
    ...connectionSettings(backend.connection, failsOver),
    ...sockets(backend, withSentinel, options),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': protocolOptions(
        backend,
        { isPlain, isMirror, translates: doesTranslate(capabilities, options) },
        capabilities,
      ),
    },
  };
  return {
    type: 'cluster',
    name: backend.name,
    message,
    requires: [
      ...(eds ? [{ type: 'endpoints', name: backend.name } as const] : []),
      ...upstreamTlsReferences(backend.tls),
      ...clusterFilterReferences(backend, capabilities),
    ],
  };
}

/** Every address of every name is an endpoint. */
function dnsCluster(
  { respectDnsTtl, dnsRefreshRateMs }: ConnectionIr,
  isOrdered: boolean,
): { name: string; typed_config: Any } {
  return {
    name: 'envoy.clusters.dns',
    typed_config: typedAny('envoy.extensions.clusters.dns.v3.DnsCluster', {
      dns_lookup_family: 'V4_PREFERRED',
      respect_dns_ttl: respectDnsTtl ?? true,
      ...(isOrdered && { typed_dns_resolver_config: ORDERED_DNS }),
      // Envoy wants more than one millisecond.
      ...(dnsRefreshRateMs !== undefined && { dns_refresh_rate: protoDuration(Math.max(dnsRefreshRateMs, 2)) }),
    }),
  };
}

/**
 * A cluster is used as soon as the first of its names is resolved, and the address of the sentinel is at once: every new
 * or changed cluster would send its first requests there. This resolver asks in order, so the provider comes first. It
 * knows no TTL and asks again each minute unless a policy says otherwise.
 */
const ORDERED_DNS: ConfigCoreV3TypedExtensionConfig = {
  name: 'envoy.network.dns_resolver.getaddrinfo',
  typed_config: typedAny('envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig', {
    num_retries: 0,
  }),
};

/** Who this cluster is: read by logs and by people, and where `isTold` by the processor. */
function providerMetadata(backend: BackendIr, isTold: boolean): { [key: string]: JsonValue } {
  const { provider } = backend;
  // Facts about models are the processor's, which gets them in the provider's own JSON.
  const { modelFacts: _, ...place } = provider ?? {};
  return {
    backend: backend.displayName,
    ...place,
    ...(provider && isTold && translatedFamilies(provider).length > 0 && { [PROVIDER_KEY]: canonicalJson(provider) }),
  };
}

function connectionSettings(connection: ConnectionIr, failsOver: boolean): ConfigClusterV3Cluster {
  const { outlier, activeHealthCheck, tcpKeepalive } = connection;
  return {
    circuit_breakers: {
      thresholds: [
        {
          max_connections: connection.maxConnections ?? UNLIMITED,
          max_pending_requests: connection.maxPendingRequests ?? UNLIMITED,
          max_requests: connection.maxParallelRequests ?? UNLIMITED,
          max_retries: connection.maxParallelRetries ?? UNLIMITED,
        },
      ],
    },
    ...((failsOver || outlier) && { common_lb_config: { healthy_panic_threshold: { value: 0 } } }),
    ...(outlier && {
      outlier_detection: {
        interval: protoDuration(outlier.intervalMs),
        base_ejection_time: protoDuration(outlier.baseEjectionTimeMs),
        max_ejection_percent: outlier.maxEjectionPercent,
        ...(outlier.alwaysEjectOne && { always_eject_one_host: true }),
        split_external_local_origin_errors: outlier.splitExternalLocalOriginErrors,
        enforcing_success_rate: 0,
        enforcing_failure_percentage: 0,
        ...(outlier.consecutive5xx !== undefined && {
          consecutive_5xx: outlier.consecutive5xx,
          enforcing_consecutive_5xx: 100,
        }),
        ...(outlier.consecutiveGatewayErrors !== undefined && {
          consecutive_gateway_failure: outlier.consecutiveGatewayErrors,
          enforcing_consecutive_gateway_failure: 100,
        }),
        ...(outlier.consecutiveLocalOriginFailures !== undefined && {
          consecutive_local_origin_failure: outlier.consecutiveLocalOriginFailures,
          enforcing_consecutive_local_origin_failure: 100,
        }),
      },
    }),
    ...(activeHealthCheck && { health_checks: [healthCheck(activeHealthCheck)] }),
    ...(tcpKeepalive && {
      upstream_connection_options: {
        tcp_keepalive: {
          ...(tcpKeepalive.probes !== undefined && { keepalive_probes: tcpKeepalive.probes }),
          ...(tcpKeepalive.idleTimeMs !== undefined && { keepalive_time: Math.ceil(tcpKeepalive.idleTimeMs / 1000) }),
          ...(tcpKeepalive.intervalMs !== undefined && {
            keepalive_interval: Math.ceil(tcpKeepalive.intervalMs / 1000),
          }),
        },
      },
    }),
  };
}

function healthCheck(check: NonNullable<ConnectionIr['activeHealthCheck']>): ConfigCoreV3HealthCheck {
  return {
    timeout: protoDuration(check.timeoutMs),
    interval: protoDuration(check.intervalMs),
    // Envoy would else probe what has no traffic yet, such as a fallback, once a minute.
    no_traffic_interval: protoDuration(check.intervalMs),
    unhealthy_threshold: check.unhealthyThreshold,
    healthy_threshold: check.healthyThreshold,
    http_health_check: {
      path: check.path,
      ...(check.host !== undefined && { host: check.host }),
      ...(check.method !== undefined && { method: check.method as 'GET' }),
      expected_statuses: check.expectedStatuses.map((status) => ({ start: status, end: status + 1 })),
    },
  };
}

function sockets(backend: BackendIr, withSentinel: boolean, options: CompileOptions): ConfigClusterV3Cluster {
  const direct = backend.tls && upstreamTlsSocket(backend.tls, options);
  const socket = backend.forwardProxy === undefined ? direct : proxySocket(backend.forwardProxy, direct);
  if (socket === undefined) return {};
  return { transport_socket: socket, ...(withSentinel && { transport_socket_matches: [SENTINEL_SOCKET] }) };
}

/** HTTP CONNECT through a proxy, `host:port`; plaintext to the proxy. */
function proxySocket(
  address: string,
  inner: ConfigCoreV3TransportSocket = {
    name: 'envoy.transport_sockets.raw_buffer',
    typed_config: typedAny('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
  },
): ConfigCoreV3TransportSocket {
  const colon = address.lastIndexOf(':');
  return {
    name: 'envoy.transport_sockets.http_11_proxy',
    typed_config: typedAny('envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport', {
      transport_socket: inner,
      default_proxy_address: {
        socket_address: {
          address: address.slice(0, colon).replace(/^\[|\]$/g, ''),
          port_value: Number(address.slice(colon + 1)),
        },
      },
    }),
  };
}
