import {
  ANTHROPIC_KEY,
  AZURE_KEY,
  COHERE_KEY,
  type Fake,
  OPENAI_KEY,
  startAnthropic,
  startAzure,
  startCohere,
  startOpenAi,
} from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePort, request, until } from '../../support/index.ts';
import { gatewayYaml } from '../support/objects.ts';

/** A gateway in front of one fake of each provider; models are the keys of `models` below. */
export interface UsageRig {
  readonly gateway: TestGateway;
  readonly port: number;
  readonly openai: Fake;
  readonly anthropic: Fake;
  readonly azure: Fake;
  readonly cohere: Fake;
  /** A request and the line of the access log that tells of it. */
  ask(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Asked>;
  stop(): Promise<void>;
}

export interface Asked {
  readonly response: ClientResponse;
  readonly line: Readonly<Record<string, unknown>>;
  /** The metadata of the namespace `io.envoy.ai_gateway`. */
  readonly costs: Readonly<Record<string, unknown>>;
}

const COUNT_TYPES = [
  'InputToken',
  'OutputToken',
  'TotalToken',
  'CachedInputToken',
  'CacheCreationInputToken',
  'ReasoningToken',
] as const;

/** Costs of every type, under keys of the user's. */
export const COSTS = [
  ...COUNT_TYPES.map((type) => ({ metadataKey: `my_${type}`, type })),
  { metadataKey: 'price', type: 'CEL', cel: 'input_tokens + 4u * output_tokens' },
  { metadataKey: 'who', type: 'CEL', cel: "route_name.startsWith('default/') && model == 'gpt' ? 7 : 8" },
  { metadataKey: 'shared', type: 'CEL', cel: '1000u' },
];

/** The first fails where the answer is longer than the prompt: there are no negative uints. */
const FRAGILE_COSTS = [
  { metadataKey: 'difference', type: 'CEL', cel: 'input_tokens - output_tokens' },
  { metadataKey: 'negative', type: 'CEL', cel: 'int(input_tokens) - int(output_tokens)' },
  { metadataKey: 'sum', type: 'CEL', cel: 'input_tokens + output_tokens' },
];

/** The GatewayConfig's: `shared` is the route's own, where it has one. */
const GLOBAL_COSTS = [
  { metadataKey: 'shared', type: 'InputToken' },
  { metadataKey: 'global', type: 'TotalToken' },
];

/** Metadata of the six counts under the keys of `COSTS`. */
export function countsOf(input: number, output: number, total: number, cached = 0, written = 0, reasoning = 0): object {
  const values = [input, output, total, cached, written, reasoning];
  return Object.fromEntries(COUNT_TYPES.map((type, i) => [`my_${type}`, values[i]]));
}

export async function startUsageRig(): Promise<UsageRig> {
  const openai = await startOpenAi({ name: 'openai' });
  const anthropic = await startAnthropic({ name: 'anthropic' });
  const azure = await startAzure({ name: 'azure' });
  const cohere = await startCohere({ name: 'cohere' });
  const port = await freePort();
  const withCosts = { route: { llmRequestCosts: COSTS } };
  const yaml = gatewayYaml({
    port,
    gatewayAnnotations: { 'aigateway.envoyproxy.io/gateway-config': 'shared' },
    backends: {
      openai: { port: openai.port, key: OPENAI_KEY },
      anthropic: {
        port: anthropic.port,
        schema: { name: 'Anthropic' },
        key: ANTHROPIC_KEY,
        keyType: 'AnthropicAPIKey',
      },
      azure: {
        port: azure.port,
        schema: { name: 'AzureOpenAI', version: '2025-01-01-preview' },
        key: AZURE_KEY,
        keyType: 'AzureAPIKey',
      },
      cohere: { port: cohere.port, schema: { name: 'Cohere' }, key: COHERE_KEY },
    },
    models: {
      gpt: { refs: ['openai'], ...withCosts },
      'gpt-renamed': { refs: [{ name: 'openai', modelNameOverride: 'gpt-4o-mini' }] },
      claude: { refs: ['anthropic'], ...withCosts },
      azure: { refs: ['azure'], ...withCosts },
      rank: { refs: ['cohere'], ...withCosts },
      pair: {
        refs: [
          { name: 'openai', modelNameOverride: 'gpt-4o-mini' },
          { name: 'azure', priority: 1 },
        ],
        ...withCosts,
      },
      fragile: { refs: ['openai'], route: { llmRequestCosts: FRAGILE_COSTS } },
    },
    extra: [
      {
        apiVersion: 'aigateway.envoyproxy.io/v1beta1',
        kind: 'GatewayConfig',
        metadata: { name: 'shared', namespace: 'default' },
        spec: { globalLLMRequestCosts: GLOBAL_COSTS },
      },
    ],
  });
  const gateway = await startGateway({ yaml });
  return {
    gateway,
    port,
    openai,
    anthropic,
    azure,
    cohere,
    async ask(path, body, headers = {}) {
      const seen = gateway.envoy.accessLog().length;
      const response = await request({ port, path, body, headers });
      const line = await lineAfter(gateway, seen);
      return { response, line, costs: (line.costs ?? {}) as Record<string, unknown> };
    },
    async stop() {
      await gateway.stop();
      await Promise.all([openai, anthropic, azure, cohere].map((fake) => fake.close()));
    },
  };
}

/** The line of the access log behind the first `seen` ones; requests of these tests follow each other. */
export async function lineAfter(gateway: TestGateway, seen: number): Promise<Readonly<Record<string, unknown>>> {
  return until(() => gateway.envoy.accessLog()[seen], { what: 'the access log', timeoutMs: 5000 });
}
