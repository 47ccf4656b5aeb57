/** Rules that may ask more than once, on Envoys that cannot choose another cluster for a retry (src/envoy/older). */
import { expect } from 'chai';
import { startAnthropic } from '../../fakes/index.ts';
import { freePort, until } from '../../support/index.ts';
import { expectAllServed, type Rig, startRig, tried } from '../failover/rig.ts';

const VERSION = { 'anthropic-version': '2023-06-01' };
const MESSAGES = { path: '/anthropic/v1/messages', headers: VERSION, body: { max_tokens: 9 } };

for (const envoyVersion of ['1.36.4', '1.37.0', '1.38.3', '1.39.3']) {
  describe(`Envoy ${envoyVersion}, rules with several backends`, function () {
    this.timeout(120_000);
    let rig: Rig;
    before(async () => {
      const dead = await freePort();
      const own = { fromRequestHeaders: { header: 'x-b-key', fallbackToConfigured: true } };
      const claude = { schema: { name: 'Anthropic' }, key: 'sk-ant-test', keyType: 'AnthropicAPIKey' } as const;
      rig = await startRig(
        { a: {}, b: { keys: ['sk-b', 'own-b'] }, c: {} },
        (at) => ({
          backends: {
            a: at('a'),
            b: at('b', { credentialOverride: own }),
            c: at('c'),
            cooling: at('a'),
            dead: { port: dead, key: 'sk-a' },
            claude: at('claude', claude),
            'claude-dead': { ...claude, port: dead },
            limited: at('a'),
            'beside-limited': at('b'),
          },
          models: {
            three: { refs: ['a', 'b', 'c'] },
            weighted: {
              refs: [
                { name: 'a', weight: 1 },
                { name: 'b', weight: 1 },
                { name: 'c', priority: 1 },
              ],
            },
            changed: { refs: [{ name: 'a', priority: 0, modelNameOverride: 'a-much-longer-name' }, 'b'] },
            cool: { refs: ['cooling', 'b'] },
            dead: { refs: ['dead', 'b'] },
            // Long enough for a busy machine to answer 64 at once in it.
            idle: { refs: ['a', 'b'], fields: { streamIdleTimeout: '1s' } },
            claude: { refs: ['claude-dead', 'claude'] },
            'claude-gone': { refs: ['claude-dead', { name: 'claude-dead', priority: 1, modelNameOverride: 'other' }] },
            limited: {
              refs: ['limited', 'beside-limited'],
              policy: { circuitBreaker: { maxParallelRequests: 1 }, retry: { numRetries: 1 } },
            },
            own: { refs: ['b', 'c'] },
            again: { refs: ['c'], policy: { retry: { numRetries: 2 } } },
          },
        }),
        { envoyVersion, more: { claude: await startAnthropic({ name: 'claude' }) } },
      );
    });
    beforeEach(() => rig.reset());
    afterEach(() => rig.assertNoLeak());
    after(() => rig?.stop());
    const failWith = (status: number, ...names: string[]): void => {
      for (const name of names) rig.fake(name).fault = () => ({ status });
    };

    it('are taken without a complaint and served in full', async () => {
      expect(rig.gateway.findings()).to.eql([]);
      expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
      expect(rig.gateway.envoy.warnings).to.eql([]);
    });

    it('go on where the configured credential is refused, and not where the request brought its own', async () => {
      failWith(401, 'b');
      expect((await rig.ask('own')).headers['x-fake']).to.equal('c');
      const refused = await rig.ask('own', { headers: { 'x-b-key': 'own-b' } });
      expect([refused.status, refused.headers['x-fake']]).to.eql([401, 'b']);
      expect(refused.headers).to.not.have.property('x-envoy-ratelimited');
    });

    it('lose nothing at 64, whichever way providers fail, and give none the credential of another', async () => {
      rig.fake('a').fault = (_request, n) => [{ status: 429 }, { reset: true }, { status: 503 }][n % 3];
      failWith(500, 'b');
      for (const stream of [false, true]) {
        const load = await rig.load('three', { concurrency: 64, total: 600, body: { stream } });
        expectAllServed(load, 600);
        expect(load.byBackend).to.eql({ c: 600 });
      }
      for (const name of ['a', 'b', 'c']) {
        const keys = new Set(rig.fake(name).requests.map(({ headers }) => headers.authorization));
        expect([...keys]).to.eql([`Bearer sk-${name}`]);
      }
      rig.fake('b').fault = undefined;
      expectAllServed(await rig.load('dead', { concurrency: 64, total: 600 }), 600);
    });

    it('make each attempt from what the client sent, small and large', async () => {
      failWith(500, 'a');
      for (const size of [1, 3 << 20]) {
        const content = 'x'.repeat(size);
        const served = await rig.ask('changed', {
          body: { messages: [{ role: 'user', content }] },
          headers: { 'x-b-key': 'own-b' },
        });
        expect(served.status, served.text.slice(0, 200)).to.equal(200);
        expect(rig.fake('a').last.json).to.include({ model: 'a-much-longer-name' });
        expect(rig.fake('b').last.json).to.deep.include({ model: 'changed', messages: [{ role: 'user', content }] });
        expect(rig.fake('a').last.headers)
          .to.include({ authorization: 'Bearer sk-a' })
          .and.not.have.property('x-b-key');
        expect(rig.fake('b').last.headers).to.include({ authorization: 'Bearer own-b' });
        const internal = /x-headgate|x-ai-eg|x-envoy|x-forwarded-for|accept-encoding|x-b-key/;
        for (const name of ['a', 'b']) expect(Object.keys(rig.fake(name).last.headers).join()).not.to.match(internal);
      }
    });

    it('draw the first by weight, try its equals before the next priority, and say so', async () => {
      failWith(500, 'a', 'b');
      const firsts = new Set<string>();
      for (let i = 0; i < 30; i++) {
        const names = tried(await rig.ask('weighted'));
        expect(names.slice(0, 2).sort()).to.eql(['a', 'b']);
        expect(names.slice(2)).to.eql(['c']);
        firsts.add(String(names[0]));
      }
      expect([...firsts].sort()).to.eql(['a', 'b']);
      rig.fake('a').fault = () => ({ reset: true });
      const all = 'default/a=no-answer,default/b=500,default/c=200';
      expect((await rig.ask('three')).headers['x-headgate-tried']).to.equal(all);
      const line = await until(() => rig.gateway.envoy.accessLog().find((one) => one.tried === all), { what: all });
      expect(line).to.include({ tried: all, status: 200, attempts: 3, model: 'three' });
      expect(JSON.stringify(line)).not.to.match(/sk-|client-secret/);
    });

    it('put last who asks to be left alone', async () => {
      rig.fake('a').fault = () => ({ status: 429, headers: { 'retry-after': '30' } });
      expect(tried(await rig.ask('cool'))).to.eql(['cooling', 'b']);
      await rig.reset();
      const cooled = await rig.ask('cool');
      expect(cooled.headers['x-headgate-tried']).to.equal('default/cooling=cooling,default/b=200');
      expect(rig.fake('a').requests).to.eql([]);
      failWith(500, 'b');
      expect((await rig.ask('cool')).headers['x-fake']).to.equal('a');
    });

    it('answer in the words of the API when nobody does', async () => {
      expect((await rig.ask('claude', MESSAGES)).status).to.equal(200);
      expect(rig.fake('claude').last.path).to.equal('/v1/messages');
      const gone = await rig.ask('claude-gone', MESSAGES);
      expect(gone.status).to.equal(503);
      expect(gone.json).to.have.nested.property('error.type', 'overloaded_error');
      for (const name of Object.keys(gone.headers)) expect(name).not.to.match(/flags|sentinel|x-headgate-backend/);
      const dead = 'default/claude-dead=no-answer';
      expect(gone.headers['x-headgate-tried']).to.equal(`${dead},${dead}`);
    });

    it('do not send on what a limit of connections refuses', async () => {
      rig.fake('a').settings.chunkDelayMs = 50;
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => rig.ask('limited', { body: { stream: true } })),
      );
      expect([...new Set(answers.map(({ status }) => status))].sort()).to.eql([200, 503]);
      expect(rig.fake('b').requests).to.eql([]);
    });

    it('retry one backend as a policy says', async () => {
      let asked = 0;
      rig.fake('c').fault = () => {
        asked += 1;
        return asked < 3 ? { reset: true } : undefined;
      };
      const served = await rig.ask('again');
      expect(served.status).to.equal(200);
      expect(tried(served)).to.eql(['c', 'c', 'c']);
    });

    it('lose nothing at 64 when the first provider is silent', async () => {
      rig.fake('a').fault = () => ({ hang: true });
      expectAllServed(await rig.load('idle', { concurrency: 64, total: 200 }), 200);
    });
  });
}
