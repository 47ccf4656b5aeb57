/** Translation on Envoys before 1.40, alone and in a failover (src/envoy/older/translate.ts). */
import { expect } from 'chai';
import { type Fake, type Script, startAnthropic, startBedrock, startOpenAi, startVertex } from '../../fakes/index.ts';
import { type ClientResponse, freePort, postJson, until } from '../../support/index.ts';
import { CHAT, expectAllServed } from '../failover/rig.ts';
import { startTranslationRig, type TranslationRig } from '../translation/rig.ts';

const SCRIPT: Script = { text: 'Hello there.', chunks: 3, usage: { input: 20, output: 10, cached: 5 } };
const COSTS = {
  llmRequestCosts: [
    { metadataKey: 'in', type: 'InputToken' },
    { metadataKey: 'out', type: 'OutputToken' },
    { metadataKey: 'cached', type: 'CachedInputToken' },
  ],
};
const MESSAGES = '/anthropic/v1/messages';
const mirror = (fields: object): Record<string, string> => ({ 'headgate.dev/mirror': JSON.stringify(fields) });
const AUDIO = [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }];
const OWN_KEYS = { accessKeyId: 'AKIAOWNEXAMPLE', secretAccessKey: 'own/secret+example' } as const;
const audio = { messages: [{ role: 'user', content: AUDIO }] };

for (const envoyVersion of ['1.36.4', '1.37.0', '1.38.3', '1.39.3']) {
  describe(`Envoy ${envoyVersion}, translation`, function () {
    this.timeout(120_000);
    const fakes = new Map<string, Fake>();
    const fake = (name: string): Fake => fakes.get(name) as Fake;
    let rig: TranslationRig;

    before(async () => {
      fakes.set('openai', await startOpenAi({ name: 'openai', keys: ['sk-openai'] }));
      fakes.set('anthropic', await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] }));
      fakes.set('bedrock', await startBedrock({ name: 'bedrock', keys: ['sk-bedrock'] }));
      fakes.set('own-aws', await startBedrock({ name: 'own-aws', credentials: [OWN_KEYS] }));
      fakes.set('vertex', await startVertex({ name: 'vertex', tokens: ['sk-vertex'], project: '-', location: '-' }));
      const anthropic = { schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' } as const;
      const claude = { name: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' };
      const bedrock = { name: 'bedrock', modelNameOverride: 'anthropic.claude-sonnet-4-5-20250929-v1:0' };
      const gpt = { name: 'openai', modelNameOverride: 'gpt-4o' };
      const named = { ip: { address: '127.0.0.1', port: fake('anthropic').port }, hostname: 'a.example' };
      rig = await startTranslationRig(
        {
          backends: {
            openai: { port: fake('openai').port, key: 'sk-openai' },
            anthropic: { port: fake('anthropic').port, ...anthropic },
            plain: { port: fake('anthropic').port, ...anthropic },
            named: { endpoints: [named, { ...named, hostname: 'b.example' }], ...anthropic },
            dead: { port: await freePort(), ...anthropic },
            bedrock: { port: fake('bedrock').port, key: 'sk-bedrock', schema: { name: 'AWSBedrock' } },
            'own-aws': {
              port: fake('own-aws').port,
              schema: { name: 'AWSBedrock' },
              policy: {
                type: 'AWSCredentials',
                awsCredentials: { region: 'us-east-1' },
                credentialOverride: { fromRequestHeaders: { fallbackToConfigured: false } },
              },
            },
            vertex: { port: fake('vertex').port, key: 'sk-vertex', schema: { name: 'GCPVertexAI' } },
          },
          models: {
            'claude-sonnet-4-5': { refs: ['plain'], route: COSTS },
            bedrock: { refs: [bedrock], route: COSTS },
            'gemini-2.5-flash': { refs: ['vertex'], route: COSTS },
            gpt: { refs: [gpt], route: COSTS },
            named: { refs: [{ ...claude, name: 'named' }] },
            'native-first': { refs: [gpt, { ...claude, priority: 1 }] },
            'translated-first': { refs: [claude, { ...gpt, priority: 1 }] },
            'both-translated': { refs: [bedrock, { ...claude, priority: 1 }] },
            'own-aws': { refs: [{ ...bedrock, name: 'own-aws' }] },
            'own-aws-second': {
              refs: [
                { ...claude, name: 'dead' },
                { ...bedrock, name: 'own-aws', priority: 1 },
                { ...gpt, priority: 2 },
              ],
            },
            unreachable: {
              refs: [
                { ...claude, name: 'dead' },
                { ...bedrock, priority: 1 },
              ],
            },
            mirrored: {
              refs: [gpt],
              annotations: mirror({ backend: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' }),
            },
            copied: {
              refs: ['anthropic', { ...gpt, priority: 1 }],
              annotations: mirror({ backend: 'openai', modelNameOverride: 'copy' }),
            },
            strict: {
              refs: [claude, { ...gpt, priority: 1 }],
              annotations: { 'headgate.dev/unsupported': 'refuse' },
            },
          },
        },
        {},
        { envoyVersion },
      );
    });
    beforeEach(async () => {
      for (const one of fakes.values()) {
        await one.reset();
        one.settings.script = SCRIPT;
      }
    });
    afterEach(() => {
      expect(rig.bugs).to.eql([]);
      expect(rig.gateway.envoy.log.filter((line) => line.includes('headgate:'))).to.eql([]);
      for (const [name, one] of fakes) {
        expect(one.foreignCredentials, name).to.eql([]);
        expect(one.protocolErrors, name).to.eql([]);
        const seen = JSON.stringify(one.requests.map(({ rawHeaders }) => rawHeaders));
        expect(seen, name).not.to.match(/client-secret|x-headgate|x-ai-eg|x-envoy|accept-encoding/);
      }
    });
    after(async () => {
      await rig?.stop();
      for (const one of fakes.values()) await one.close();
    });
    const costsOf = async (answer: ClientResponse): Promise<unknown> => {
      const isOurs = ({ bytes_sent: bytes }: Record<string, unknown>): boolean => bytes === answer.body.length;
      const line = await until(() => rig.gateway.envoy.accessLog().findLast(isOurs), { what: 'the access log' });
      return line.costs;
    };

    it('is taken without a complaint', async () => {
      expect(rig.gateway.findings()).to.eql([]);
      expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
      expect(rig.gateway.envoy.warnings).to.eql([]);
    });

    for (const model of ['claude-sonnet-4-5', 'bedrock', 'gemini-2.5-flash', 'gpt']) {
      it(`serves both APIs whole and as a stream, and counts them (${model})`, async () => {
        const counted = { in: /gpt|gemini/.test(model) ? 20 : 25, out: 10, cached: 5 };
        for (const stream of [false, true]) {
          const chat = await rig.ask(model, { stream });
          expect(chat.status, chat.text).to.equal(200);
          expect(chat.headers['x-headgate-backend']).to.match(/^default\//);
          if (stream) expect(chat.sse().at(-1)?.data).to.equal('[DONE]');
          else expect(chat.json).to.have.nested.property('choices[0].message.content', SCRIPT.text);
          expect(await costsOf(chat)).to.include(counted);
          const messages = await rig.ask(model, { stream, max_tokens: 20 }, MESSAGES);
          expect(messages.status, messages.text).to.equal(200);
          if (stream) expect(messages.sse().at(-1)?.event).to.equal('message_stop');
          else expect(messages.json).to.have.nested.property('content[0].text', SCRIPT.text);
          expect(await costsOf(messages)).to.include(counted);
        }
      });
    }

    it('names the endpoint that was chosen, and says what could not be carried', async () => {
      const answer = await rig.ask('named', { logit_bias: { 1: 2 } });
      expect(answer.status, answer.text).to.equal(200);
      expect(fake('anthropic').last.headers.host).to.match(/^[ab]\.example$/);
      expect(answer.headers['x-headgate-unsupported']).to.match(/^logit_bias\b/);
      expect((await rig.ask('named')).headers).to.not.have.property('x-headgate-unsupported');
    });

    it('takes large bodies both ways', async () => {
      const text = 'word '.repeat(600_000);
      fake('anthropic').settings.script = { ...SCRIPT, text };
      for (const stream of [false, true]) {
        const answer = await rig.ask('translated-first', { stream, messages: [{ role: 'user', content: text }] });
        expect(answer.status, answer.text.slice(0, 200)).to.equal(200);
        expect(answer.body.length).to.be.above(text.length);
        expect(JSON.stringify(fake('anthropic').last.json)).to.include(text);
      }
    });

    it('tells errors in the words of the client’s API', async () => {
      for (const [path, type] of [
        [undefined, 'server_error'],
        [MESSAGES, 'overloaded_error'],
      ] as const) {
        fake('bedrock').fault = () => ({ status: 503 });
        expect((await rig.ask('bedrock', { max_tokens: 20 }, path)).json).to.have.nested.property('error.type', type);
        await fake('bedrock').refuse();
        const gone = await rig.ask('bedrock', { max_tokens: 20 }, path);
        expect([gone.status, gone.headers['x-headgate-tried']]).to.eql([503, 'default/bedrock=no-answer']);
        expect(gone.json).to.have.nested.property('error.type', type);
        await fake('bedrock').reset();
      }
      for (const body of ['nonsense', '']) {
        fake('anthropic').fault = () => ({ status: 200, body });
        const unread = await rig.ask('named');
        expect(unread.status, body).to.equal(502);
        expect(unread.json, body).to.have.nested.property('error.message');
      }
      fake('anthropic').fault = () => ({ errorAfterChunks: 1 });
      const cut = await rig.ask('named', { stream: true });
      expect(cut.status).to.equal(200);
      expect(cut.sse().at(-1)?.data).to.include('"error"');
    });

    it('goes on where a backend cannot carry a request, and says 400 where none can', async () => {
      for (const [model, body] of [
        ['translated-first', audio],
        ['strict', { seed: 7 }],
      ] as const) {
        const answer = await rig.ask(model, body);
        expect(answer.status, answer.text).to.equal(200);
        expect(answer.headers).to.include({
          'x-headgate-backend': 'default/openai',
          'x-headgate-tried': 'default/anthropic=400,default/openai=200',
        });
        expect(fake('openai').last.json).to.deep.include(body);
      }
      expect(fake('anthropic').requests).to.eql([]);
      fake('openai').fault = () => ({ status: 500 });
      for (const [model, tried] of [
        ['native-first', 'default/openai=500,default/anthropic=400'],
        ['named', 'default/named=400'],
      ] as const) {
        const refused = await rig.ask(model, audio);
        expect(refused.status).to.equal(400);
        expect(refused.json).to.have.nested.property('error.type', 'invalid_request_error');
        expect(refused.headers).to.include({ 'x-headgate-tried': tried });
        expect(refused.headers).to.not.have.any.keys('x-headgate-refused', 'x-headgate-backend');
      }
      fake('openai').fault = undefined;
      const load = await rig.load('translated-first', { concurrency: 64, total: 192, body: audio });
      expectAllServed(load, 192);
      expect(load.byBackend).to.eql({ openai: 192 });
    });

    it('signs what was translated with AWS keys of the request, on its attempt alone', async () => {
      const headers = {
        'x-aigw-aws-access-key-id': OWN_KEYS.accessKeyId,
        'x-aigw-aws-secret-access-key': OWN_KEYS.secretAccessKey,
        'x-headgate-keys': 'client-secret',
      };
      const ask = (model: string, more: object = {}, own: Record<string, string> = headers): Promise<ClientResponse> =>
        postJson(rig.port, CHAT, { model, messages: [{ role: 'user', content: 'hi' }], ...more }, own);
      for (const stream of [false, true]) {
        const response = await ask('own-aws', { stream });
        expect(response.text).to.include('"object":"chat.completion');
        expect(response.headers['x-fake']).to.equal('own-aws');
      }
      expect((await ask('own-aws-second')).headers['x-fake']).to.equal('own-aws');
      fake('own-aws').fault = () => ({ status: 503 });
      expect((await ask('own-aws-second')).headers['x-fake']).to.equal('openai');
      expect(JSON.stringify(fake('openai').last.rawHeaders)).not.to.match(/AKIAOWN|own.secret|x-amz/);
      expect((await ask('own-aws', {}, { 'x-headgate-keys': 'client-secret' })).status).to.equal(401);
    });

    it('leaves nothing of an attempt in the next one', async () => {
      fake('anthropic').fault = () => ({ status: 500 });
      const answer = await rig.ask('translated-first', { logit_bias: { 1: 2 } });
      expect(answer.status).to.equal(200);
      const { headers, json } = fake('openai').last;
      expect(headers).to.not.have.any.keys('x-api-key', 'accept');
      expect(headers).to.include({ authorization: 'Bearer sk-openai', 'anthropic-version': '2023-01-01' });
      expect(json).to.include({ model: 'gpt-4o' }).and.have.property('logit_bias');
      expect(answer.headers).to.not.have.property('x-headgate-unsupported');
      expect(answer.headers['x-headgate-tried']).to.equal('default/anthropic=500,default/openai=200');
    });

    it('loses nothing at 64, whichever way the first provider fails', async () => {
      const FAULTS = [{ status: 429 }, { status: 401 }, { status: 500 }, { status: 503 }, { reset: true }] as const;
      for (const [model, first, second] of [
        ['native-first', 'openai', 'anthropic'],
        ['translated-first', 'anthropic', 'openai'],
        ['both-translated', 'bedrock', 'anthropic'],
      ] as const) {
        for (const stream of [false, true]) {
          // What cannot be read: a stream that has begun cannot be taken back.
          const unread = stream || model === 'native-first' ? [] : [{ status: 200, body: '{"half":' }];
          const faults = [...FAULTS, ...unread];
          fake(first).fault = (_request, n) => faults[n % faults.length];
          const load = await rig.load(model, { concurrency: 64, total: 192, body: { stream } });
          expectAllServed(load, 192);
          expect(load.byBackend, model).to.eql({ [second]: 192 });
          await fake(first).reset();
        }
      }
      expectAllServed(await rig.load('unreachable', { concurrency: 64, total: 192 }), 192);
    });

    it('mirrors requests, each copy as its provider takes it', async () => {
      for (const [model, path, first, copy] of [
        ['mirrored', undefined, 'openai', 'anthropic'],
        ['copied', MESSAGES, 'anthropic', 'openai'],
      ] as const) {
        const answer = await rig.ask(model, { max_tokens: 20 }, path);
        expect(answer.headers['x-fake'], answer.text).to.equal(first);
        await until(() => fake(copy).requests.length === 1, { what: 'the copy' });
        expect(fake(copy).last.json).to.include({ model: copy === 'openai' ? 'copy' : 'claude-sonnet-4-5' });
        await until(() => fake(copy).last.outcome.status === 200, { what: 'the answer to the copy' });
        for (const one of fakes.values()) await one.reset();
      }
      fake('anthropic').fault = (_request, n) => [{ status: 500 }, { reset: true }, undefined][n % 3];
      expectAllServed(await rig.load('mirrored', { concurrency: 64, total: 192 }), 192);
      await until(() => fake('anthropic').arrived === 192, { what: 'all copies' });
    });

    it('asks others while the processor is gone, or answers 503', async () => {
      expect((await rig.ask('translated-first')).headers['x-fake']).to.equal('anthropic');
      await rig.killProcessor();
      expectAllServed(await rig.load('translated-first', { concurrency: 64, total: 192 }), 192);
      for (const path of [undefined, MESSAGES]) {
        const gone = await rig.ask('named', { max_tokens: 20 }, path);
        if (path !== undefined) expect(gone.status).to.equal(200);
        else expect([gone.status, (gone.json as { error: { type: string } }).error.type]).to.eql([503, 'server_error']);
      }
      await rig.startProcessor();
      await until(async () => (await rig.ask('named')).status === 200, { what: 'the processor to be back' });
    });
  });
}
