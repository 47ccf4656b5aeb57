import { ANTHROPIC_KEY, type Fake, OPENAI_KEY, startAnthropic, startOpenAi } from '../../fakes/index.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePort, type RequestOptions, request, until } from '../../support/index.ts';
import { gatewayYaml, object, type RuleFacts } from '../support/objects.ts';

type Fields = Readonly<Record<string, unknown>>;

const COSTS = [
  { metadataKey: 'total', type: 'TotalToken' },
  { metadataKey: 'price', type: 'CEL', cel: 'input_tokens + 4u * output_tokens' },
];

/** A global rule in the words of a BackendTrafficPolicy: asks for room on arrival and charges a cost at the end. */
export function costRule(requests: number, key = 'total', fields: Fields = {}): Fields {
  return {
    limit: { requests, unit: 'Year' },
    cost: {
      request: { from: 'Number', number: 0 },
      response: { from: 'Metadata', metadata: { namespace: 'io.envoy.ai_gateway', key } },
    },
    ...fields,
  };
}

/** A global rule that, with a reservation of 1, says how many requests may run at the same time. */
export function atOnce(requests: number, fields: Fields = {}): Fields {
  const nothing = { from: 'Number', number: 0 };
  return { limit: { requests, unit: 'Year' }, cost: { request: nothing, response: nothing }, ...fields };
}

/** Client selectors that give each value of a header a bucket of its own. */
export const PER_TENANT: Fields = { clientSelectors: [{ headers: [{ name: 'x-tenant', type: 'Distinct' }] }] };

/** A model with limits. */
export interface LimitedModel {
  readonly refs?: RuleFacts['refs'];
  readonly rules?: readonly Fields[];
  readonly local?: readonly Fields[];
  /** Of the policy, such as `headgate.dev/reserve`. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly costs?: readonly Fields[];
  /** `spec` of the policy beside its limits. */
  readonly policy?: Fields;
  /** Of the route's rule. */
  readonly fields?: Fields;
}

export interface LimitsRig {
  readonly gateway: TestGateway;
  readonly port: number;
  readonly openai: Fake;
  readonly anthropic: Fake;
  /** Another OpenAI, for where the first one fails. */
  readonly spare: Fake;
  /** What is used of the bucket of a model's rule, for a tenant where the rule tells tenants apart. */
  used(model: string, tenant?: string, rule?: number): Promise<number>;
  /** Waits until exactly so much is used. */
  untilUsed(amount: number, model: string, tenant?: string, rule?: number): Promise<void>;
  chat(
    model: string,
    fields?: Fields,
    headers?: Readonly<Record<string, string>>,
    options?: Partial<RequestOptions>,
  ): Promise<ClientResponse>;
  /** The same in the words of Anthropic. */
  anthropicMessage(model: string, fields?: Fields): Promise<ClientResponse>;
  apply(models: Readonly<Record<string, LimitedModel>>, extra?: readonly Fields[]): Promise<void>;
  stop(): Promise<void>;
}

export interface RigOptions {
  readonly extra?: readonly Fields[];
  readonly gatewayAnnotations?: Fields;
  /** Of the Gateway, beside `http`. */
  readonly listeners?: readonly Fields[];
}

/** A gateway before an OpenAI and an Anthropic, with limits. */
export async function startLimitsRig(
  models: Readonly<Record<string, LimitedModel>>,
  options: Partial<GatewayOptions> & RigOptions = {},
): Promise<LimitsRig> {
  const openai = await startOpenAi({ name: 'openai' });
  const anthropic = await startAnthropic({ name: 'anthropic' });
  const spare = await startOpenAi({ name: 'spare' });
  const port = await freePort();
  const yamlOf = (all: Readonly<Record<string, LimitedModel>>, extra: readonly Fields[] = []): string =>
    gatewayYaml({
      port,
      ...(options.gatewayAnnotations && { gatewayAnnotations: options.gatewayAnnotations }),
      ...(options.listeners && { listeners: options.listeners }),
      backends: {
        openai: { port: openai.port, key: OPENAI_KEY },
        spare: { port: spare.port, key: OPENAI_KEY },
        anthropic: {
          port: anthropic.port,
          schema: { name: 'Anthropic' },
          key: ANTHROPIC_KEY,
          keyType: 'AnthropicAPIKey',
        },
      },
      models: Object.fromEntries(
        Object.entries(all).map(([name, { refs = ['openai'], costs = COSTS, fields = {} }]) => [
          name,
          { refs, fields, route: { llmRequestCosts: costs } },
        ]),
      ),
      extra: [...Object.entries(all).flatMap(([name, model]) => policyOf(name, model)), ...extra],
    });
  const gateway = await startGateway({ concurrency: 2, ...options, yaml: yamlOf(models, options.extra) });
  const used = async (model: string, tenant?: string, rule = 0): Promise<number> => {
    const { budgets } = await gateway.limits.budgets(10_000);
    const name = bucketName(model, rule);
    const found = budgets.filter(
      ({ entries }) =>
        entries[0]?.value === name && (tenant === undefined || entries.some(({ value }) => value === tenant)),
    );
    return found.reduce((sum, budget) => sum + budget.used, 0);
  };
  return {
    gateway,
    port,
    openai,
    anthropic,
    spare,
    used,
    async untilUsed(amount, ...of) {
      let last = -1;
      await until(
        async () => {
          last = await used(...of);
          return last === amount;
        },
        { what: () => `${amount} used of ${of.join(' ')}: ${last}`, timeoutMs: 5000 },
      );
    },
    chat: (model, fields = {}, headers = {}, options = {}) =>
      request({
        port,
        path: '/v1/chat/completions',
        body: { model, messages: [{ role: 'user', content: 'hi' }], ...fields },
        headers,
        ...options,
      }),
    anthropicMessage: (model, fields = {}) =>
      request({
        port,
        path: '/anthropic/v1/messages',
        body: { model, max_tokens: 50, messages: [{ role: 'user', content: 'hi' }], ...fields },
        headers: { 'anthropic-version': '2023-06-01' },
      }),
    async apply(next, extra = []) {
      await gateway.apply(yamlOf(next, extra));
    },
    async stop() {
      await gateway.stop();
      await Promise.all([openai, anthropic, spare].map((fake) => fake.close()));
    },
  };
}

/** What a chat answer of OpenAI has told of its tokens, whole or as a stream. */
export function usageOf(answer: ClientResponse): { readonly input: number; readonly output: number } {
  type Told = { readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } } | undefined;
  const events = answer.sse().map(({ json }) => json as Told);
  const { usage } = (events.findLast((event) => event?.usage) ?? answer.json) as NonNullable<Told>;
  return { input: usage?.prompt_tokens ?? Number.NaN, output: usage?.completion_tokens ?? Number.NaN };
}

/** Tokens that the script takes a body for. */
export function promptSize(body: Fields): number {
  return Math.ceil(Buffer.byteLength(JSON.stringify(body)) / 4);
}

export function bucketName(model: string, rule = 0): string {
  const route = `AIGatewayRoute/default/${model}/rule/0`;
  return `Gateway/default/gw/BackendTrafficPolicy/default/${model}/rule/${rule}/${route}`;
}

function policyOf(name: string, { rules = [], local = [], annotations, policy = {} }: LimitedModel): Fields[] {
  if (rules.length + local.length === 0) return [];
  const rateLimit = {
    ...(rules.length > 0 && { global: { rules } }),
    ...(local.length > 0 && { local: { rules: local } }),
  };
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name }];
  return [
    object(
      'gateway.envoyproxy.io/v1alpha1',
      'BackendTrafficPolicy',
      name,
      { spec: { targetRefs, rateLimit, ...policy } },
      annotations ? { annotations } : {},
    ),
  ];
}
