/**
 * The data path's script on a real Envoy, by a static bootstrap as small as the script allows: a listener, a matcher tree
 * by model, one cluster a backend. In: backends and routes in the words of lua-facts.ts. Knows nothing of the compiler.
 */
import { readFileSync } from 'node:fs';
import type { BackendFacts, RefFacts, RouteFacts, UnreadFacts } from '../../../src/envoy/lua-facts.ts';
import { type EnvoyProcess, startEnvoy, until } from '../../support/index.ts';

/** A backend: its cluster, where it listens, and its own credential. */
export interface TestBackend {
  readonly cluster: string;
  readonly port: number;
  readonly facts?: Partial<BackendFacts>;
  readonly credential?: { readonly header: string; readonly prefix?: string; readonly secret: string };
}

/** A route by model; `groups` are clusters by priority with their weights. Without `groups`: the first cluster alone. */
export interface TestRoute {
  readonly model: string;
  readonly groups?: readonly Readonly<Record<string, number>>[];
  readonly refs?: Readonly<Record<string, RefFacts>>;
  readonly facts?: Partial<RouteFacts>;
  readonly cluster?: string;
  readonly retries?: number;
  readonly perTryTimeout?: string;
}

export interface TestGateway {
  readonly envoy: EnvoyProcess;
  readonly port: number;
  /** The access log line of a request that carried this `x-request-id`. */
  readonly logOf: (id: string) => Promise<Record<string, unknown>>;
}

export interface GatewayOptions {
  readonly backends: readonly TestBackend[];
  readonly routes: readonly TestRoute[];
  readonly bodyLimit?: number;
  /** Lua appended to the script, in the same chunk: sees its locals. */
  readonly append?: string;
  /** HTTP filters ahead of the script. */
  readonly filtersBefore?: readonly unknown[];
}

export const SCRIPT = readFileSync(new URL('../../../src/envoy/lua/gateway.lua', import.meta.url), 'utf8');

/** What the compiler lists for a backend: internal headers and every credential header that anybody may set. */
export const STRIP = [
  ...['x-ai-eg-model', 'x-headgate-api', 'accept-encoding', 'authorization', 'proxy-authorization', 'cookie'],
  ...['x-api-key', 'api-key', 'x-goog-api-key', 'x-aigw-api-key', 'x-aigw-anthropic-api-key'],
  ...['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'],
];

const ENDPOINTS: Readonly<Record<string, UnreadFacts>> = {
  '/v1/chat/completions': { endpoint: 'chat', api: 'openai', class: 'openai', stream_options: true },
  '/v1/completions': { endpoint: 'completions', api: 'openai', class: 'openai' },
  '/v1/embeddings': { endpoint: 'embeddings', api: 'openai', class: 'openai' },
  '/v1/responses': { endpoint: 'responses', api: 'openai', class: 'openai' },
  '/v1/audio/speech': { endpoint: 'speech', api: 'openai', class: 'openai' },
  '/v1/audio/transcriptions': { endpoint: 'transcriptions', api: 'openai', class: 'openai' },
  '/anthropic/v1/messages': { endpoint: 'messages', api: 'anthropic', class: 'anthropic' },
  '/cohere/v2/rerank': { endpoint: 'rerank', api: 'openai', class: 'openai' },
};

const PATHS = {
  ...{ chat: '/v1/chat/completions', completions: '/v1/completions', embeddings: '/v1/embeddings' },
  ...{ responses: '/v1/responses', speech: '/v1/audio/speech', transcriptions: '/v1/audio/transcriptions' },
  ...{ messages: '/v1/messages', rerank: '/v2/rerank' },
};

const type = (name: string): string => `type.googleapis.com/envoy.${name}`;
const socket = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const LUA = 'envoy.filters.http.lua';

/** Starts Envoy with the script in front of the backends; it is stopped by `gateway.envoy.stop()`. */
export async function startGateway(options: GatewayOptions): Promise<TestGateway> {
  const envoy = await startEnvoy({ bootstrap: gatewayBootstrap(options) });
  const logOf = (id: string): Promise<Record<string, unknown>> =>
    until(() => envoy.accessLog().find((line) => line.id === id), { what: `the access log line of ${id}` });
  return { envoy, port: await envoy.listenerPort('main'), logOf };
}

/** The bootstrap of `startGateway`. */
export function gatewayBootstrap(options: GatewayOptions): Record<string, unknown> {
  const source = SCRIPT + (options.append ?? '');
  const secrets = options.backends.flatMap(({ cluster, credential }) =>
    credential === undefined
      ? []
      : [{ name: cluster, generic_secret: { secret: { inline_string: credential.secret } } }],
  );
  return {
    static_resources: {
      listeners: [listener(options, source)],
      clusters: options.backends.map((backend) => cluster(backend, source)),
      secrets,
    },
  };
}

function script(source: string, context?: { version: string; facts: unknown }): object {
  const config = {
    ...{ '@type': type('extensions.filters.http.lua.v3.Lua'), default_source_code: { inline_string: source } },
    ...(context && { filter_context: { version: context.version, facts: JSON.stringify(context.facts) } }),
    ...{ shared_vm_id: 'headgate', clear_route_cache: false },
  };
  return { name: LUA, typed_config: config };
}

function listener(options: GatewayOptions, source: string): object {
  const format = {
    ...{ id: '%REQ(X-REQUEST-ID)%', code: '%RESPONSE_CODE%', details: '%RESPONSE_CODE_DETAILS%' },
    ...{ cluster: '%UPSTREAM_CLUSTER%', attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%', route: '%ROUTE_NAME%' },
    ...{ headgate: '%DYNAMIC_METADATA(headgate)%', costs: '%DYNAMIC_METADATA(io.envoy.ai_gateway)%' },
  };
  const log = {
    '@type': type('extensions.access_loggers.stream.v3.StdoutAccessLog'),
    log_format: { json_format: format },
  };
  const manager = {
    '@type': type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'main',
    preserve_external_request_id: true,
    route_config: {
      name: 'main',
      validate_clusters: false,
      internal_only_headers: ['x-ai-eg-model', 'x-headgate-api'],
      virtual_hosts: [virtualHost(options)],
    },
    access_log: [{ name: 'stdout', typed_config: log }],
    http_filters: [
      ...(options.filtersBefore ?? []),
      script(source),
      { name: 'router', typed_config: { '@type': type('extensions.filters.http.router.v3.Router') } },
    ],
  };
  return { name: 'main', address: socket(0), filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] };
}

function virtualHost(options: GatewayOptions): object {
  const input = { '@type': type('type.matcher.v3.HttpRequestHeaderMatchInput'), header_name: 'x-ai-eg-model' };
  const map = Object.fromEntries(options.routes.map((route) => [route.model, matched(routeOf(route))]));
  // Not a direct response: the route without a model is what sets the limit of the body, and those have none.
  const routeWith = (name: string, facts: unknown): object => ({
    ...{ name, match: { prefix: '/' }, route: { cluster: 'none', cluster_not_found_response_code: 'NOT_FOUND' } },
    ...(facts !== undefined && {
      metadata: { filter_metadata: { [LUA]: { version: name, facts: JSON.stringify(facts) } } },
    }),
  });
  const none = routeWith('none', { name: 'none', not_found: true });
  const read = {
    matcher_tree: { input: { name: 'model', typed_config: input }, exact_match_map: { map } },
    on_no_match: matched(none),
  };
  const unread = Object.entries(ENDPOINTS).map(([path, facts]) => ({
    predicate: header(':path', { safe_regex: { google_re2: {}, regex: `${path}(\\?.*)?` } }),
    on_match: matched(routeWith(`unread ${path}`, facts)),
  }));
  const other = matched(routeWith('other', undefined));
  const posted = { matcher: { matcher_list: { matchers: unread }, on_no_match: other } };
  const byMethod = {
    matcher_list: { matchers: [{ predicate: header(':method', { exact: 'POST' }), on_match: posted }] },
    on_no_match: other,
  };
  return {
    ...{ name: 'all', domains: ['*'], request_body_buffer_limit: options.bodyLimit ?? 33_554_432 },
    matcher: {
      matcher_list: {
        matchers: [
          {
            predicate: header('x-headgate-api', { safe_regex: { google_re2: {}, regex: '.+' } }),
            on_match: { matcher: read },
          },
        ],
      },
      on_no_match: { matcher: byMethod },
    },
  };
}

function header(name: string, value_match: object): object {
  const input = { '@type': type('type.matcher.v3.HttpRequestHeaderMatchInput'), header_name: name };
  return { single_predicate: { input: { name, typed_config: input }, value_match } };
}

function matched(route: object): object {
  return { action: { name: 'route', typed_config: { '@type': type('config.route.v3.Route'), ...route } } };
}

function routeOf(route: TestRoute): object {
  const clusters = route.groups?.flatMap((group) => Object.keys(group)) ?? [route.cluster ?? 'a'];
  const members = route.groups?.map((group) =>
    Object.entries(group).map(([name, weight]) => ({ cluster: name, weight, backend: `default/${name}` })),
  );
  const facts: RouteFacts = {
    name: `default/${route.model}`,
    ...(members === undefined ? {} : { groups: members, drawn: members.some(({ length }) => length > 1) }),
    refs: Object.fromEntries(clusters.map((name) => [name, route.refs?.[name] ?? {}])),
    ...route.facts,
  };
  const retry = {
    ...{ retry_on: '5xx,connect-failure,reset,retriable-status-codes', retriable_status_codes: [429] },
    ...{ num_retries: route.retries ?? 3, refresh_cluster_on_retry: true },
    ...{ retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } },
    ...(route.perTryTimeout === undefined ? {} : { per_try_timeout: route.perTryTimeout }),
  };
  const target =
    members === undefined ? { cluster: clusters[0] } : { inline_cluster_specifier_plugin: priorities(clusters) };
  return {
    ...{ name: route.model, match: { prefix: '/' }, route: { ...target, timeout: '20s', retry_policy: retry } },
    metadata: { filter_metadata: { [LUA]: { version: `route-${route.model}`, facts: JSON.stringify(facts) } } },
  };
}

function priorities(clusters: readonly string[]): object {
  const specifier = {
    '@type': type('extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier'),
    override_metadata_namespace: 'headgate.order',
    priority_groups: clusters.map((name) => ({ name, clusters: [{ cluster_name: name, weight: 1 }] })),
  };
  return { extension: { name: 'priority_group', typed_config: specifier } };
}

function cluster(backend: TestBackend, source: string): object {
  const { cluster: name, credential } = backend;
  const facts: BackendFacts = {
    ...{ cluster: name, name: `default/${name}`, api: 'openai', strip: STRIP, paths: PATHS, host: `${name}.example` },
    ...backend.facts,
  };
  const injector = {
    '@type': type('extensions.filters.http.credential_injector.v3.CredentialInjector'),
    credential: {
      name: 'generic',
      typed_config: {
        '@type': type('extensions.http.injected_credentials.generic.v3.Generic'),
        ...{ credential: { name }, header: credential?.header, header_value_prefix: credential?.prefix ?? '' },
      },
    },
  };
  const protocol = {
    '@type': type('extensions.upstreams.http.v3.HttpProtocolOptions'),
    explicit_http_config: { http_protocol_options: {} },
    http_filters: [
      script(source, { version: `backend-${name}`, facts }),
      ...(credential === undefined ? [] : [{ name: 'credential', typed_config: injector }]),
      { name: 'codec', typed_config: { '@type': type('extensions.filters.http.upstream_codec.v3.UpstreamCodec') } },
    ],
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: socket(backend.port) } }] }];
  return {
    ...{ name, type: 'STATIC', connect_timeout: '1s', load_assignment: { cluster_name: name, endpoints } },
    circuit_breakers: { thresholds: [{ max_retries: 100_000, max_requests: 100_000, max_pending_requests: 100_000 }] },
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': protocol },
  };
}
