/** Envoys before 1.40: what they serve of models, in the form that older/ compiles for them. */
import { expect } from 'chai';
import { startAnthropic } from '../../fakes/index.ts';
import { until } from '../../support/index.ts';
import { CHAT, expectAllServed, type Rig, startRig } from '../failover/rig.ts';

const COSTS = { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] };
const BIG = 'x'.repeat(200_000);

for (const envoyVersion of ['1.36.4', '1.37.0', '1.38.3', '1.39.3']) {
  describe(`Envoy ${envoyVersion}, rules with one backend`, function () {
    this.timeout(60_000);
    let rig: Rig;
    before(async () => {
      const override = { header: 'X-My-Key', fallbackToConfigured: true };
      rig = await startRig(
        { a: { keys: ['sk-a', 'own-a'] }, b: {} },
        (at, fake) => ({
          backends: {
            a: at('a'),
            plain: at('b'),
            claude: at('claude', { schema: { name: 'Anthropic' }, key: 'sk-ant-test', keyType: 'AnthropicAPIKey' }),
            own: at('a', { credentialOverride: { fromRequestHeaders: override } }),
            only: {
              ...at('a'),
              credentialOverride: { fromRequestHeaders: { ...override, fallbackToConfigured: false } },
            },
            named: at('a', {
              endpoints: [{ ip: { address: '127.0.0.1', port: fake('a').port }, hostname: 'a.example' }],
            }),
            mutating: at('a', {
              spec: {
                headerMutation: { set: [{ name: 'x-team', value: 'of-backend' }], remove: ['x-secret'] },
                bodyMutation: { set: [{ path: 'user', value: '"of-backend"' }], remove: ['seed'] },
              },
            }),
          },
          models: {
            renamed: { refs: [{ name: 'a', modelNameOverride: 'a-much-longer-name' }], route: COSTS },
            plain: { refs: ['plain'], route: COSTS },
            claude: { refs: [{ name: 'claude', modelNameOverride: 'claude-2' }], route: COSTS },
            own: { refs: ['own'] },
            only: { refs: ['only'] },
            named: { refs: [{ name: 'named', modelNameOverride: 'other' }] },
            mutating: { refs: ['mutating'] },
          },
        }),
        { envoyVersion, more: { claude: await startAnthropic({ name: 'claude' }) } },
      );
    });
    beforeEach(() => rig.reset());
    afterEach(() => rig.assertNoLeak());
    after(() => rig?.stop());

    it('are taken without a complaint and served in full', async () => {
      expect(rig.gateway.findings()).to.eql([]);
      expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
      expect(rig.gateway.envoy.warnings).to.eql([]);
    });

    for (const model of ['renamed', 'plain']) {
      it(`are counted and paid for, unary and streamed (${model})`, async () => {
        for (const stream of [false, true]) {
          const seen = rig.gateway.envoy.accessLog().length;
          const served = await rig.ask(model, { body: { stream, user: BIG } });
          expect(served.status, served.text).to.equal(200);
          const backend = model === 'plain' ? 'default/plain' : 'default/a';
          expect(served.headers['x-headgate-backend']).to.equal(backend);
          expect(served.headers).not.to.have.property('x-headgate-tried');
          const line = await until(() => rig.gateway.envoy.accessLog()[seen], { what: 'the access log' });
          expect(line).to.include({ tried: `${backend}=200`, status: 200, model });
          expect(line.costs).to.include({ backend_name: backend }).and.to.have.property('total');
          expect(JSON.stringify(line)).not.to.match(/sk-|client-secret/);
        }
      });
    }

    it('send the model, path, host and mutations of their provider', async () => {
      await rig.ask('renamed', { body: { stream: true, user: 'me' } });
      expect(rig.fake('a').last.json).to.deep.include({ model: 'a-much-longer-name', user: 'me' });
      expect(rig.fake('a').last.json).to.deep.include({ stream_options: { include_usage: true } });
      expect((await rig.ask('named')).status).to.equal(200);
      expect(rig.fake('a').last.headers.host).to.equal('a.example');
      const headers = { 'x-secret': 'of-client', 'x-team': 'of-client' };
      expect((await rig.ask('mutating', { headers, body: { seed: 1, user: 'me' } })).status).to.equal(200);
      expect(rig.fake('a').last.json).to.include({ user: 'of-backend' }).and.not.to.have.property('seed');
      expect(rig.fake('a').last.headers).to.include({ 'x-team': 'of-backend' }).and.not.to.have.property('x-secret');
      const messages = await rig.ask('claude', {
        path: '/anthropic/v1/messages',
        body: { max_tokens: 9 },
        headers: { 'anthropic-version': '2023-06-01' },
      });
      expect(messages.status, messages.text).to.equal(200);
      expect(rig.fake('claude').last).to.include({ path: '/v1/messages' });
    });

    it('give the provider its own credential alone, or the one of the request', async () => {
      expect((await rig.ask('plain')).status).to.equal(200);
      expect(rig.fake('b').last.headers.authorization).to.equal('Bearer sk-b');
      expect((await rig.ask('own')).status).to.equal(200);
      expect(rig.fake('a').last.headers.authorization).to.equal('Bearer sk-a');
      expect((await rig.ask('own', { headers: { 'x-my-key': 'own-a' } })).status).to.equal(200);
      expect(rig.fake('a').last.headers.authorization).to.equal('Bearer own-a');
      expect(rig.fake('a').last.headers).not.to.have.property('x-my-key');
      const refused = await rig.ask('only');
      expect(refused.status).to.equal(401);
      expect(refused.json).to.have.nested.property('error.message', 'missing upstream credential');
      expect(JSON.stringify(rig.fake('a').last.headers)).not.to.match(/x-headgate|x-ai-eg|accept-encoding/);
    });

    it('say when the provider refused and when it did not answer', async () => {
      rig.fake('a').settings.headers = { 'x-headgate-tried': 'forged', 'x-headgate-backend': 'forged' };
      rig.fake('a').fault = () => ({ status: 429 });
      const refused = await rig.ask('renamed');
      expect(refused.status).to.equal(429);
      expect(refused.headers['x-headgate-backend']).to.equal('default/a');
      expect(refused.headers).not.to.have.property('x-headgate-tried');
      rig.fake('a').fault = () => ({ reset: true });
      const lost = await rig.ask('renamed');
      expect(lost.status).to.equal(503);
      expect(lost.headers).not.to.have.property('x-headgate-backend');
      expect(lost.headers['x-headgate-tried']).to.equal('default/a=no-answer');
      expect(lost.json).to.have.nested.property('error.message');
    });

    it('lose nothing at 64', async () => {
      expectAllServed(await rig.load('renamed', { concurrency: 64, total: 1000, path: `${CHAT}?x=1` }), 1000);
      expectAllServed(await rig.load('own', { concurrency: 64, total: 1000, body: { stream: true } }), 1000);
    });
  });
}
