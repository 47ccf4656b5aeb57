import { expect } from 'chai';
import { AWS_CREDENTIALS, type Fake, OPENAI_KEY, type Script, startBedrock, startOpenAi } from '../../fakes/index.ts';
import { messageOf } from '../../unit/providers/anthropic/message-stream.ts';
import { object } from '../support/objects.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

type Json = Readonly<Record<string, unknown>>;

const MESSAGES = '/anthropic/v1/messages';
/** What a client asks for, by who serves it. */
const MODELS = { openai: 'gpt-4.1', claude: 'claude-on-aws', either: 'whoever-is-there' } as const;
const CLAUDE = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const TOOLS = [{ name: 'get_weather', input_schema: { type: 'object' } }];
const SCRIPT: Script = {
  text: 'Here it is.',
  thinking: 'Let me think.',
  toolCalls: [{ id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' } }],
};

describe('messages by translation, through Envoy', function () {
  this.timeout(60_000);
  const fakes = new Map<string, Fake>();
  let rig: TranslationRig;
  const fake = (name: string): Fake => fakes.get(name) as Fake;
  const ask = (model: string, more: Json = {}, path = MESSAGES) => rig.ask(model, { max_tokens: 4096, ...more }, path);

  before(async () => {
    fakes.set('openai', await startOpenAi({ name: 'openai' }));
    fakes.set('claude', await startBedrock({ name: 'claude' }));
    const claude = { name: 'claude', modelNameOverride: CLAUDE };
    rig = await startTranslationRig({
      backends: {
        openai: { port: fake('openai').port, schema: { name: 'OpenAI' }, key: OPENAI_KEY },
        claude: {
          port: fake('claude').port,
          schema: { name: 'AWSAnthropic' },
          policy: {
            type: 'AWSCredentials',
            awsCredentials: { region: 'us-east-1', credentialsFile: { secretRef: { name: 'aws' } } },
          },
        },
      },
      models: {
        [MODELS.openai]: { refs: ['openai'] },
        [MODELS.claude]: { refs: [claude] },
        [MODELS.either]: {
          refs: [
            { name: 'openai', priority: 0, modelNameOverride: 'gpt-4.1' },
            { ...claude, priority: 1 },
          ],
        },
      },
      extra: [
        object('v1', 'Secret', 'aws', {
          stringData: {
            credentials: `[default]\naws_access_key_id = ${AWS_CREDENTIALS.accessKeyId}\naws_secret_access_key = ${AWS_CREDENTIALS.secretAccessKey}\n`,
          },
        }),
      ],
    });
  });
  beforeEach(async () => {
    for (const one of fakes.values()) {
      await one.reset();
      one.settings.script = SCRIPT;
    }
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

  for (const name of ['openai', 'claude'] as const) {
    const model = MODELS[name];

    it(`are answered by ${name} whole, and the same as a stream`, async () => {
      const whole = await ask(model, { tools: TOOLS });
      expect(whole.status, whole.text).to.equal(200);
      const { content, stop_reason } = whole.json as Json;
      expect(stop_reason).to.equal('tool_use');
      expect((content as Json[]).at(-1)).to.deep.equal({
        ...{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' } },
      });
      const streamed = await ask(model, { tools: TOOLS, stream: true });
      expect(streamed.status, streamed.text).to.equal(200);
      expect(streamed.headers['content-type']).to.equal('text/event-stream');
      expect(messageOf(streamed.text)).to.deep.include({ content, stop_reason });
    });

    it(`hear of the failures of ${name} in their own words`, async () => {
      for (const stream of [false, true]) {
        fake(name).fault = () => ({ status: 429, headers: { 'retry-after': '7' } });
        const answer = await ask(model, { stream });
        expect(answer.status).to.equal(429);
        expect(answer.headers['retry-after']).to.equal('7');
        expect(answer.json).to.have.nested.property('error.type', 'rate_limit_error');
        expect(answer.json).to.have.property('type', 'error');
      }
    });

    it(`hear of a stream of ${name} that breaks`, async () => {
      fake(name).settings.script = { ...SCRIPT, failAfterChunks: 2, failure: 429, message: 'full' };
      const told = (await ask(model, { stream: true, tools: TOOLS })).sse().at(-1);
      expect(told?.event).to.equal('error');
      expect(JSON.parse(told?.data ?? '')).to.deep.equal({
        type: 'error',
        error: { type: 'rate_limit_error', message: 'full' },
      });
    });
  }

  it('pass to Claude with what nobody here knows, and the betas that the cloud has', async () => {
    fake('claude').settings.refuseUnknownFields = false;
    const anthropic_beta = ['context-1m-2025-08-07'];
    const answer = await ask(MODELS.claude, { made_up: { x: 1 }, anthropic_beta });
    expect(answer.status, answer.text).to.equal(200);
    expect(fake('claude').last.json).to.deep.include({ made_up: { x: 1 }, anthropic_beta });
    expect(answer.headers['x-headgate-unsupported']).to.equal('anthropic-beta: a-beta, anthropic-beta: another');
  });

  it('are counted by the model behind the profile', async () => {
    const counted = await ask(MODELS.claude, { tools: TOOLS }, `${MESSAGES}/count_tokens`);
    expect(counted.status, counted.text).to.equal(200);
    expect(counted.json).to.have.property('input_tokens').that.is.greaterThan(0);
    expect(fake('claude').last.pathname).to.include('/model/anthropic.claude-sonnet-4-5');
  });

  it('begin anew for each provider that is tried', async () => {
    fake('openai').fault = () => ({ status: 500 });
    for (const stream of [false, true]) {
      const answer = await ask(MODELS.either, { tools: TOOLS, system: 'Be brief.', stream });
      expect(answer.status, answer.text).to.equal(200);
      const message = stream ? messageOf(answer.text) : (answer.json as Json);
      expect(message).to.have.nested.property('content[0].type', 'thinking');
      expect(fake('openai').last.json).to.have.nested.property('messages[0].role', 'system');
      expect(fake('claude').last.json).to.deep.include({ system: 'Be brief.', max_tokens: 4096 });
    }
  });
});
