import { expect } from 'chai';
import { AWS_CREDENTIALS, type Fake, startAnthropic, startBedrock } from '../../fakes/index.ts';
import { type ClientResponse, until } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

/** What clients ask for, by the schema of who serves it. */
const MODELS = { Anthropic: 'claude-sonnet-4-5', AWSBedrock: 'claude-on-bedrock' } as const;
const MESSAGES = '/anthropic/v1/messages';
// The path of token counts has another one: a profile counts nothing.
const BEDROCK_MODEL = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';

const COSTS = [
  { metadataKey: 'in', type: 'InputToken' },
  { metadataKey: 'out', type: 'OutputToken' },
];

const AI = 'aigateway.envoyproxy.io';

interface ChatAnswer {
  readonly object: string;
  readonly choices: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

interface ChatChunk {
  readonly object: string;
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
}

describe('conversations by translation, through Envoy', function () {
  this.timeout(60_000);
  const fakes = new Map<string, Fake>();
  let rig: TranslationRig;
  const fake = (schema: string): Fake => fakes.get(schema) as Fake;

  before(async () => {
    fakes.set('Anthropic', await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] }));
    fakes.set('AWSBedrock', await startBedrock({ name: 'bedrock' }));
    const routes = { route: { llmRequestCosts: COSTS } };
    rig = await startTranslationRig({
      backends: {
        anthropic: {
          port: fake('Anthropic').port,
          schema: { name: 'Anthropic' },
          key: 'sk-ant',
          keyType: 'AnthropicAPIKey',
        },
        bedrock: { port: fake('AWSBedrock').port, schema: { name: 'AWSBedrock' } },
      },
      models: {
        [MODELS.Anthropic]: { refs: ['anthropic'], ...routes },
        [MODELS.AWSBedrock]: { refs: [{ name: 'bedrock', modelNameOverride: BEDROCK_MODEL }], ...routes },
      },
      extra: [
        object(`${AI}/v1beta1`, 'BackendSecurityPolicy', 'bedrock', {
          spec: {
            targetRefs: [{ group: AI, kind: 'AIServiceBackend', name: 'bedrock' }],
            type: 'AWSCredentials',
            awsCredentials: { region: 'us-east-1', credentialsFile: { secretRef: { name: 'aws' } } },
          },
        }),
        object('v1', 'Secret', 'aws', {
          stringData: {
            credentials: `[default]\naws_access_key_id = ${AWS_CREDENTIALS.accessKeyId}\naws_secret_access_key = ${AWS_CREDENTIALS.secretAccessKey}\n`,
          },
        }),
      ],
    });
  });
  const lineOf = (answer: ClientResponse): Promise<Record<string, unknown>> =>
    until(() => rig.gateway.envoy.accessLog().find(({ bytes_sent: bytes }) => bytes === answer.body.length), {
      what: 'the line of the access log',
    });
  beforeEach(async () => {
    for (const one of fakes.values()) await one.reset();
  });
  afterEach(() => {
    expect(rig.bugs).to.eql([]);
    for (const one of fakes.values()) {
      expect(one.foreignCredentials).to.eql([]);
      expect(one.protocolErrors).to.eql([]);
    }
  });
  after(async () => {
    await rig?.stop();
    for (const one of fakes.values()) await one.close();
  });

  it('is accepted by Envoy', async () => {
    expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
    expect(rig.gateway.envoy.warnings).to.eql([]);
    expect(rig.gateway.findings()).to.eql([]);
  });

  for (const [schema, model] of Object.entries(MODELS)) {
    describe(schema, () => {
      it('answers whole', async () => {
        const answer = await rig.ask(model);
        expect(answer.status, answer.text).to.equal(200);
        const { object: kind, choices, usage } = answer.json as ChatAnswer;
        expect(kind).to.equal('chat.completion');
        expect(choices[0]?.message.content).to.be.a('string').that.is.not.equal('');
        expect(choices[0]?.finish_reason).to.equal('stop');
        expect(answer.headers['content-type']).to.equal('application/json');
        expect(answer.headers['content-length']).to.equal(String(answer.body.length));
        expect(answer.headers['x-headgate-backend']).to.match(/^default\//);
        expect(usage.completion_tokens).to.be.greaterThan(0);
        const line = await lineOf(answer);
        expect(line.costs).to.include({ in: usage.prompt_tokens, out: usage.completion_tokens });
      });

      it('answers as a stream, piece by piece', async () => {
        const answer = await rig.ask(model, { stream: true, stream_options: { include_usage: true } });
        expect(answer.status, answer.text).to.equal(200);
        expect(answer.headers['content-type']).to.equal('text/event-stream');
        expect(answer.isCut).to.equal(false);
        const events = answer.sse();
        expect(events.at(-1)?.data).to.equal('[DONE]');
        const chunks = events.slice(0, -1).map(({ data }) => JSON.parse(data) as ChatChunk);
        expect(chunks.every((chunk) => chunk.object === 'chat.completion.chunk')).to.equal(true);
        const whole = (await rig.ask(model)).json as ChatAnswer;
        expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).to.equal(
          whole.choices[0]?.message.content,
        );
        const line = await lineOf(answer);
        expect(line.costs).to.include({ in: whole.usage.prompt_tokens, out: whole.usage.completion_tokens });
      });

      it('tells errors in the client’s shape', async () => {
        for (const stream of [false, true]) {
          fake(schema).fault = () => ({ status: 429, headers: { 'retry-after': '1' } });
          const answer = await rig.ask(model, { stream });
          expect(answer.status).to.equal(429);
          expect(answer.headers['content-type']).to.equal('application/json');
          expect((answer.json as { error: { type: string } }).error.type).to.equal('rate_limit_error');
        }
      });

      it('says 502 for an answer that cannot be read', async () => {
        for (const body of ['nonsense', '{"half":', '[]', '']) {
          fake(schema).fault = () => ({ status: 200, body });
          const answer = await rig.ask(model);
          expect(answer.status, body).to.equal(502);
          expect(answer.json, body).to.have.nested.property('error.message');
        }
      });

      it('tells what could not be carried', async () => {
        const answer = await rig.ask(model, { logit_bias: { 1: 2 } });
        expect(answer.status).to.equal(200);
        expect(answer.headers['x-headgate-unsupported']).to.match(/^logit_bias\b/);
        const after = (await rig.ask(model)).headers['x-headgate-unsupported'];
        // Bedrock takes no beta that it does not know.
        expect(after).to.equal(schema === 'AWSBedrock' ? 'anthropic-beta: a-beta, anthropic-beta: another' : undefined);
      });

      it('answers clients of Anthropic', async () => {
        const body = { max_tokens: 20 };
        const answer = await rig.ask(model, body, MESSAGES);
        expect(answer.status, answer.text).to.equal(200);
        expect(answer.json).to.include({ type: 'message', role: 'assistant' });
        const counted = await rig.ask(model, {}, `${MESSAGES}/count_tokens`);
        expect(counted.status, counted.text).to.equal(200);
        expect(counted.json).to.have.property('input_tokens').that.is.greaterThan(0);
        const refused = await rig.ask(model, { ...body, messages: 3 }, MESSAGES);
        expect(refused.status).to.equal(400);
        expect(refused.json).to.have.nested.property('error.type', 'invalid_request_error');
        expect(refused.json).to.have.property('type', 'error');
      });

      it('refuses what is not a request before the provider is asked', async () => {
        const answer = await rig.ask(model, { messages: 3 });
        expect(answer.status).to.equal(400);
        expect(answer.json).to.have.nested.property('error.type', 'invalid_request_error');
        expect(fake(schema).requests).to.eql([]);
      });
    });
  }
});
