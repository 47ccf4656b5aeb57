import type { FilterChainIr, GatewayIr, ListenerIr } from '../ir/index.ts';
import { accessLog } from './access-log.ts';
import { type Capabilities, isOlder } from './capabilities.ts';
import { limitFilters } from './limits.ts';
import { localReplies } from './local-replies.ts';
import { luaFilter } from './lua.ts';
import { PATH_HEADER, ROUTER_FILTER } from './names.ts';
import { olderScript } from './older/script.ts';
import type { EnvoyResource } from './resource.ts';
import {
  type Any,
  type ConfigCoreV3TypedExtensionConfig,
  type ConfigListenerV3FilterChain,
  type ConfigListenerV3Listener,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
} from './schema/index.ts';
import { secretReference } from './secrets.ts';
import { downstreamTlsSocket } from './tls.ts';

/** Envoy's default; a body may always be as large as what a connection may hold. */
const CONNECTION_BUFFER_BYTES = 1_048_576;

export function emitListener(listener: ListenerIr, gateway: GatewayIr, capabilities: Capabilities): EnvoyResource {
  const bySni = listener.chains.some((chain) => chain.serverNames.length > 0);
  const message: ConfigListenerV3Listener = {
    name: listener.name,
    address: { socket_address: { address: listener.address, port_value: listener.port } },
    ...(bySni && {
      listener_filters: [
        {
          name: 'envoy.filters.listener.tls_inspector',
          typed_config: typedAny('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
        },
      ],
    }),
    ...((gateway.maxRequestBodyBytes < CONNECTION_BUFFER_BYTES || !capabilities.features.has('body_limit')) && {
      per_connection_buffer_limit_bytes: gateway.maxRequestBodyBytes,
    }),
    filter_chains: listener.chains.map((chain) => emitFilterChain(chain, gateway, capabilities)),
  };
  return {
    type: 'listener',
    name: listener.name,
    message,
    requires: listener.chains.flatMap((chain) => [
      { type: 'route', name: chain.routeConfigName } as const,
      ...(chain.tls?.certificates.map(secretReference) ?? []),
    ]),
    origin: gateway.origin,
  };
}

function emitFilterChain(
  chain: FilterChainIr,
  gateway: GatewayIr,
  capabilities: Capabilities,
): ConfigListenerV3FilterChain {
  return {
    name: chain.routeConfigName,
    ...(chain.serverNames.length > 0 && { filter_chain_match: { server_names: chain.serverNames } }),
    ...(chain.tls && { transport_socket: downstreamTlsSocket(chain.tls) }),
    filters: [
      {
        name: 'envoy.filters.network.http_connection_manager',
        typed_config: connectionManager(chain, gateway, capabilities),
      },
    ],
  };
}

function connectionManager(chain: FilterChainIr, gateway: GatewayIr, capabilities: Capabilities): Any {
  return typedAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: chain.tls ? 'https' : 'http',
    rds: { route_config_name: chain.routeConfigName, config_source: { ads: {}, resource_api_version: 'V3' } },
    http_filters: httpFilters(chain, gateway, capabilities),
    access_log: [accessLog()],
    local_reply_config: localReplies(gateway, capabilities),
    early_header_mutation_extensions: [pathHeader()],
    use_remote_address: true,
    strip_trailing_host_dot: true,
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
    scheme_header_transformation: { match_upstream: true },
    stream_idle_timeout: '300s',
    request_headers_timeout: '60s',
    // Behind some servers `x_ai_eg_model` is the same as `x-ai-eg-model`.
    common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST' },
    http2_protocol_options: {
      max_concurrent_streams: 1024,
      initial_stream_window_size: 65_536,
      initial_connection_window_size: 1_048_576,
    },
  });
}

/** Overwrites what a client sent. Envoy does it after it has made the path normal and before it looks for a route. */
function pathHeader(): ConfigCoreV3TypedExtensionConfig {
  return {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typed_config: typedAny('envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', {
      mutations: [
        {
          append: {
            header: { key: PATH_HEADER, value: '%PATH(NQ:PATH)%' },
            append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
          },
        },
      ],
    }),
  };
}

/** In the order of the request: the script must see the body before anything that depends on the model's route. */
function httpFilters(
  chain: FilterChainIr,
  gateway: GatewayIr,
  capabilities: Capabilities,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  const inference = chain.hosts.some((host) => host.routes.some((route) => route.match.inference));
  return [
    ...(inference && capabilities.features.has('lua')
      ? [isOlder(capabilities) ? olderScript('listener') : luaFilter()]
      : []),
    ...limitFilters(chain, gateway, capabilities),
    {
      name: ROUTER_FILTER,
      typed_config: typedAny('envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
    },
  ];
}
