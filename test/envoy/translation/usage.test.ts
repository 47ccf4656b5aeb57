import { expect } from 'chai';
import { type Fake, type Script, startAnthropic, startBedrock, startVertex } from '../../fakes/index.ts';
import { type ClientResponse, postJson, until } from '../../support/index.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const COSTS = [
  { metadataKey: 'in', type: 'InputToken' },
  { metadataKey: 'out', type: 'OutputToken' },
  { metadataKey: 'cached', type: 'CachedInputToken' },
];

const MODELS = ['claude-sonnet-4-5', 'claude-on-bedrock', 'gemini-2.5-flash'];

const SCRIPT: Script = { text: 'Hello there.', chunks: 3, usage: { input: 20, output: 10, cached: 5 } };

/** Endpoints, and what a request of each has beside its model. */
const ENDPOINTS: readonly (readonly [path: string, body: Readonly<Record<string, unknown>>])[] = [
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/completions', { prompt: 'hi' }],
  ['/v1/responses', { input: 'hi' }],
  ['/anthropic/v1/messages', { max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }],
];

describe('usage of translated answers, through Envoy', function () {
  this.timeout(60_000);
  let fakes: Fake[] = [];
  let rig: TranslationRig;
  const seen = new Set<string>();

  before(async () => {
    fakes = [
      await startAnthropic({ name: 'anthropic', keys: ['key'] }),
      await startBedrock({ name: 'bedrock', keys: ['key'] }),
      await startVertex({ name: 'vertex', tokens: ['key'], project: '-', location: '-' }),
    ];
    const [claude, bedrock, vertex] = fakes.map(({ port }) => ({ port, key: 'key' }));
    const routes = { route: { llmRequestCosts: COSTS } };
    rig = await startTranslationRig({
      backends: {
        claude: { ...claude, schema: { name: 'Anthropic' }, keyType: 'AnthropicAPIKey' },
        bedrock: { ...bedrock, schema: { name: 'AWSBedrock' } },
        vertex: { ...vertex, schema: { name: 'GCPVertexAI' } },
      },
      models: {
        'claude-sonnet-4-5': { refs: ['claude'], ...routes },
        'claude-on-bedrock': {
          refs: [{ name: 'bedrock', modelNameOverride: 'anthropic.claude-sonnet-4-5-20250929-v1:0' }],
          ...routes,
        },
        titan: { refs: [{ name: 'bedrock', modelNameOverride: 'amazon.titan-embed-text-v2:0' }], ...routes },
        'gemini-2.5-flash': { refs: ['vertex'], ...routes },
        'gemini-embedding-001': { refs: ['vertex'], ...routes },
      },
    });
  });
  after(async () => {
    await rig?.stop();
    for (const fake of fakes) await fake.close();
  });
  beforeEach(async () => {
    for (const fake of fakes) {
      await fake.reset();
      fake.settings.script = SCRIPT;
    }
  });

  /** What the access log says that a request cost. */
  async function costsOf(
    path: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<{ answer: ClientResponse; costs: unknown }> {
    const answer = await postJson(rig.port, path, body);
    expect(answer.status, answer.text).to.equal(200);
    const isOurs = (line: Record<string, unknown>): boolean =>
      !seen.has(JSON.stringify(line)) && line.bytes_sent === answer.body.length;
    const line = await until(() => rig.gateway.envoy.accessLog().find(isOurs), { what: 'the line of the access log' });
    seen.add(JSON.stringify(line));
    return { answer, costs: line.costs };
  }

  for (const [path, body] of ENDPOINTS) {
    for (const model of MODELS) {
      // Anthropic counts what is cached beside the input.
      const isClaude = model.includes('claude');
      const isPassed = path.endsWith('/messages') && model === MODELS[0];
      const expected = { in: isClaude ? 25 : 20, out: 10, cached: 5 };
      if (isPassed) continue;
      it(`is counted at ${path} with ${model}, whole and as a stream that nobody asked to tell it`, async () => {
        const whole = await costsOf(path, { model, ...body });
        expect(whole.costs).to.deep.include(expected);
        const stream = await costsOf(path, { model, ...body, stream: true });
        expect(stream.costs).to.deep.include(expected);
      });
    }
  }

  for (const model of ['titan', 'gemini-embedding-001']) {
    it(`is counted of embeddings of ${model}`, async () => {
      const { answer, costs } = await costsOf('/v1/embeddings', { model, input: 'hello there' });
      const { usage } = answer.json as { usage: { prompt_tokens: number } };
      expect(usage.prompt_tokens).to.be.above(0);
      expect(costs).to.deep.include({ in: usage.prompt_tokens });
    });
  }
});
