/** An Envoy whose own transcoder (`ai_protocol_manager`, work in progress) translates attempts, as an upstream filter. */
import { typedAny } from '../../../src/envoy/schema/index.ts';
import type { EndpointName, ProviderSchema } from '../../../src/ir/index.ts';
import { type EnvoyProcess, startEnvoy } from '../../support/index.ts';

type Protocol = 'OPENAI_CHAT_COMPLETIONS' | 'ANTHROPIC_MESSAGES' | 'GEMINI_GENERATE_CONTENT';

export interface Pair {
  readonly endpoint: EndpointName;
  readonly schema: ProviderSchema;
}

const CLIENTS: Readonly<Partial<Record<EndpointName, Protocol>>> = {
  chat_completions: 'OPENAI_CHAT_COMPLETIONS',
  messages: 'ANTHROPIC_MESSAGES',
};
const PROVIDERS: Readonly<Partial<Record<ProviderSchema, Protocol>>> = {
  OpenAI: 'OPENAI_CHAT_COMPLETIONS',
  Anthropic: 'ANTHROPIC_MESSAGES',
  GCPVertexAI: 'GEMINI_GENERATE_CONTENT',
};
/** The form that all others are translated to and from. */
const COMMON: Protocol = 'OPENAI_CHAT_COMPLETIONS';
const NAME = 'transcoding';

/** Envoy between a client and a provider on this port. Shape: paths pass as they are. */
export async function startTranscodingEnvoy({ endpoint, schema }: Pair, providerPort: number): Promise<EnvoyProcess> {
  const [client, provider] = [CLIENTS[endpoint], PROVIDERS[schema]];
  if (client === undefined || provider === undefined) throw new Error(`no transcoder from ${endpoint} to ${schema}`);
  const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const manager = typedAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: NAME,
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              route: { cluster: 'provider' },
              typed_per_filter_config: {
                [NAME]: typedAny('envoy.extensions.filters.http.ai_protocol_manager.v3.AiProtocolManagerPerRoute', {
                  request: { llm_protocol: client },
                  response: { llm_protocol: provider },
                }),
              },
            },
          ],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: typedAny('envoy.extensions.filters.http.router.v3.Router', {}) }],
  });
  const transcoding = typedAny('envoy.extensions.filters.http.ai_protocol_manager.v3.AiProtocolManager', {
    request_handling: {},
    response_handling: {},
    filters: [
      ...(client === COMMON ? [] : [transcoder('TO_IR', 'FROM_IR')]),
      ...(provider === COMMON ? [] : [transcoder('FROM_IR', 'TO_IR')]),
    ],
  });
  const codec = typedAny('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec', {});
  return startEnvoy({
    bootstrap: {
      static_resources: {
        listeners: [
          { name: NAME, address: address(0), filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] },
        ],
        clusters: [
          {
            name: 'provider',
            type: 'STATIC',
            load_assignment: {
              cluster_name: 'provider',
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(providerPort) } }] }],
            },
            typed_extension_protocol_options: {
              'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typedAny(
                'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
                {
                  explicit_http_config: { http_protocol_options: {} },
                  http_filters: [
                    { name: NAME, typed_config: transcoding },
                    { name: 'codec', typed_config: codec },
                  ],
                },
              ),
            },
          },
        ],
      },
    },
  });
}

/** The port at which it listens. */
export function transcodingPort(envoy: EnvoyProcess): Promise<number> {
  return envoy.listenerPort(NAME);
}

function transcoder(request_handling: 'TO_IR' | 'FROM_IR', response_handling: 'TO_IR' | 'FROM_IR'): object {
  return {
    name: 'envoy.http.ai_filters.transcoder',
    typed_config: typedAny('envoy.extensions.http.ai_filters.transcoder.v3.Transcoder', {
      request_handling,
      response_handling,
    }),
  };
}
