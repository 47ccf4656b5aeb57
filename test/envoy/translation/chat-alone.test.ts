import { expect } from 'chai';
import { type Fake, startAnthropic, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, postJson } from '../../support/index.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

type Json = Readonly<Record<string, unknown>>;

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const MESSAGES = '/anthropic/v1/messages';
const ANSWER = 'Here it is.';
const SAID = [{ role: 'user', content: 'hi' }];

for (const envoyVersion of ['1.36.4', '1.40.0']) {
  describe(`servers that have chat completions alone, through Envoy ${envoyVersion}`, function () {
    this.timeout(60_000);
    const fakes = new Map<string, Fake>();
    let rig: TranslationRig;
    const fake = (name: string): Fake => fakes.get(name) as Fake;
    const paths = (name: string): string[] => fake(name).requests.map(({ pathname }) => pathname);
    const ask = (model: string, path: string, body: Json): Promise<ClientResponse> =>
      postJson(rig.port, path, { model, ...body }, { 'anthropic-version': '2023-06-01' });
    const exchanges = (): string =>
      /^headgate_processor_requests_total (\d+)$/m.exec(rig.processor.metrics())?.[1] ?? '';

    before(async () => {
      fakes.set('alone', await startOpenAi({ name: 'alone', isOpen: true, endpoints: [CHAT] }));
      fakes.set('vllm', await startOpenAi({ name: 'vllm', isOpen: true, endpoints: [CHAT, '/tokenize'] }));
      fakes.set('whole', await startOpenAi({ name: 'whole', isOpen: true }));
      fakes.set('claude', await startAnthropic({ name: 'claude', keys: ['sk-ant'] }));
      const alone = { port: fake('alone').port, annotations: { 'headgate.dev/endpoints': 'chat_completions' } };
      const claude = { port: fake('claude').port, schema: { name: 'Anthropic' } };
      rig = await startTranslationRig(
        {
          backends: {
            alone,
            vllm: { port: fake('vllm').port, annotations: { 'headgate.dev/endpoints': 'tokenize, chat_completions' } },
            whole: { port: fake('whole').port },
            claude: { ...claude, key: 'sk-ant', keyType: 'AnthropicAPIKey' },
          },
          models: {
            llama: { refs: ['alone'] },
            counted: { refs: ['vllm'] },
            'alone-then-whole': { refs: ['alone', 'whole'] },
            'claude-then-alone': { refs: [{ name: 'claude', modelNameOverride: 'claude-sonnet-4-5' }, 'alone'] },
          },
        },
        {},
        { envoyVersion },
      );
    });
    beforeEach(async () => {
      for (const one of fakes.values()) {
        await one.reset();
        one.settings.script = { text: ANSWER };
      }
    });
    afterEach(() => expect(rig.bugs).to.eql([]));
    after(async () => {
      await rig?.stop();
      for (const one of fakes.values()) await one.close();
    });

    it('get chat as it is', async () => {
      const before = exchanges();
      const answer = await ask('llama', CHAT, { messages: SAID });
      expect([answer.status, exchanges()]).to.eql([200, before]);
      expect(paths('alone')).to.eql([CHAT]);
    });

    for (const [path, body, textOf] of [
      [
        RESPONSES,
        { input: 'hi' },
        (json: Json) => (json.output as { content: { text: string }[] }[])[0]?.content[0]?.text,
      ],
      ['/v1/completions', { prompt: 'hi' }, (json: Json) => (json.choices as { text: string }[])[0]?.text],
      [MESSAGES, { max_tokens: 20, messages: SAID }, (json: Json) => (json.content as { text: string }[])[0]?.text],
    ] as const) {
      it(`get ${path} by chat, whole and as a stream`, async () => {
        const answer = await ask('llama', path, body);
        expect(answer.status, answer.text).to.equal(200);
        expect(textOf(answer.json as Json)).to.equal(ANSWER);
        const stream = await ask('llama', path, { ...body, stream: true });
        expect([stream.status, stream.headers['content-type']]).to.eql([200, 'text/event-stream']);
        expect(stream.sse().length).to.be.greaterThan(3);
        expect(paths('alone')).to.eql([CHAT, CHAT]);
      });
    }

    it('get what chat cannot carry answered with 501, without being asked', async () => {
      for (const [path, body] of [
        ['/v1/embeddings', { input: 'hi' }],
        ['/v1/responses/input_tokens', { input: 'hi' }],
        [`${MESSAGES}/count_tokens`, { messages: SAID }],
      ] as const) {
        const answer = await ask('llama', path, body);
        expect(answer.status, path).to.equal(501);
        expect(answer.json).to.have.property('error');
      }
      expect(fake('alone').requests).to.eql([]);
    });

    it('count tokens where they have a tokenizer', async () => {
      const counted = await ask('counted', '/v1/responses/input_tokens', { input: 'hello there' });
      expect(counted.json, counted.text).to.have.all.keys('object', 'input_tokens');
      const messages = await ask('counted', `${MESSAGES}/count_tokens`, { messages: SAID });
      expect((messages.json as Json).input_tokens, messages.text)
        .to.be.a('number')
        .above(0);
      expect(paths('vllm')).to.eql(['/tokenize', '/tokenize']);
    });

    it('leave to the next backend what they cannot do, which gets it as the client sent it', async () => {
      const body = { input: 'hi', previous_response_id: 'resp_1' };
      const answer = await ask('alone-then-whole', RESPONSES, body);
      expect(answer.status, answer.text).to.equal(200);
      expect(fake('whole').last.json).to.eql({ model: 'alone-then-whole', ...body });
      expect(fake('alone').requests).to.eql([]);
      expect((await ask('alone-then-whole', '/v1/embeddings', { input: 'hi' })).status).to.equal(200);
      expect((await ask('alone-then-whole', RESPONSES, { input: 'hi' })).status).to.equal(200);
      expect(paths('alone')).to.eql([CHAT]);
    });

    it('get chat as it is behind a backend that it is translated for', async () => {
      fake('claude').fault = () => ({ status: 503 });
      // A translation would leave it out.
      const body = { messages: SAID, made_up: { kept: true } };
      fake('alone').settings.refuseUnknownFields = false;
      for (const more of [{}, { stream: true }]) {
        const before = Number(exchanges());
        const answer = await ask('claude-then-alone', CHAT, { ...body, ...more });
        expect(answer.status, answer.text).to.equal(200);
        expect(answer.headers['x-headgate-backend']).to.equal('default/alone');
        expect(fake('alone').last.json).to.deep.include({ made_up: { kept: true } });
        // That of the attempt at Claude alone.
        expect(Number(exchanges()) - before).to.equal(1);
      }
      // And the other way: what is translated for both.
      const answer = await ask('claude-then-alone', RESPONSES, { input: 'hi' });
      expect([answer.status, answer.headers['x-headgate-backend']]).to.eql([200, 'default/alone']);
    });
  });
}
