import { expect } from 'chai';
import type { Fake, Fault } from '../../fakes/index.ts';
import { startAnthropic, startAzure } from '../../fakes/index.ts';
import { until } from '../../support/index.ts';
import { expectAllServed, type Rig, startRig, tried } from '../failover/rig.ts';

const KEYS = ['pool-1', 'pool-2', 'pool-3'];

for (const envoyVersion of [undefined, '1.36.4']) {
  describe(`credentials: pools of keys${envoyVersion === undefined ? '' : ` on Envoy ${envoyVersion}`}`, function () {
    this.timeout(60_000);
    let rig: Rig;

    before(async () => {
      const more: Record<string, Fake> = {
        azure: await startAzure({ name: 'azure', keys: ['az-1', 'az-2'] }),
        claude: await startAnthropic({ name: 'claude', keys: ['ant-1', 'ant-2'] }),
      };
      // A pool of its own for each case: what a key has learnt lasts.
      const pools = [
        'turns',
        'limited',
        'refused',
        'all',
        'retried',
        'load',
        'first',
        'own',
        'down',
        'changed',
        'unknown',
        'partly',
      ];
      rig = await startRig(
        { ...Object.fromEntries(pools.map((name) => [name, { keys: [...KEYS, 'own-key', 'pool-4'] }])), b: {} },
        (at) => ({
          backends: {
            ...Object.fromEntries(
              pools.map((name) => [
                name,
                at(name, { key: KEYS[0] as string, furtherKeys: { b: 'pool-2', c: 'pool-3' } }),
              ]),
            ),
            own: at('own', {
              key: 'pool-1',
              furtherKeys: { b: 'pool-2' },
              credentialOverride: { fromRequestHeaders: { fallbackToConfigured: true } },
            }),
            azure: at('azure', {
              key: 'az-1',
              furtherKeys: { b: 'az-2' },
              keyType: 'AzureAPIKey',
              schema: { name: 'AzureOpenAI', version: '2025-01-01-preview' },
            }),
            claude: at('claude', {
              key: 'ant-1',
              furtherKeys: { b: 'ant-2' },
              keyType: 'AnthropicAPIKey',
              schema: { name: 'Anthropic' },
            }),
            b: at('b'),
          },
          models: {
            ...Object.fromEntries([...pools, 'azure', 'claude'].map((name) => [name, { refs: [name] }])),
            'first-b': { refs: ['first', 'b'] },
            'all-b': { refs: ['all', 'b'] },
            'unknown-b': { refs: ['unknown', 'b'] },
            'partly-b': { refs: ['partly', 'b'] },
            'down-b': { refs: ['down', 'b'] },
            'load-b': { refs: ['load', 'b'] },
          },
        }),
        { more, ...(envoyVersion !== undefined && { envoyVersion }) },
      );
    });
    beforeEach(() => rig.reset());
    afterEach(() => rig.assertNoLeak());
    after(() => rig?.stop());

    const keysAt = (name: string): string[] =>
      rig.fake(name).requests.map(({ headers }) => (headers.authorization ?? '').replace('Bearer ', ''));
    /** A provider that answers so to some keys. */
    const answering = (name: string, byKey: Record<string, Fault>): void => {
      rig.fake(name).fault = ({ headers }) => byKey[(headers.authorization ?? '').replace('Bearer ', '')];
    };

    it('take their turns, in the header of each provider, and no mark is sent', async () => {
      for (let i = 0; i < 6; i++) expect((await rig.ask('turns')).status).to.equal(200);
      const seen = keysAt('turns');
      expect([...new Set(seen)].sort()).to.eql(KEYS);
      expect(seen.slice(0, 3)).to.eql(seen.slice(3));
      for (let i = 0; i < 4; i++) {
        expect((await rig.ask('azure')).status).to.equal(200);
        const asked = {
          path: '/anthropic/v1/messages',
          body: { max_tokens: 5 },
          headers: { 'anthropic-version': '2023-06-01' },
        };
        expect((await rig.ask('claude', asked)).status).to.equal(200);
      }
      expect(new Set(rig.fake('azure').requests.map(({ headers }) => headers['api-key']))).to.eql(
        new Set(['az-1', 'az-2']),
      );
      expect(new Set(rig.fake('claude').requests.map(({ headers }) => headers['x-api-key']))).to.eql(
        new Set(['ant-1', 'ant-2']),
      );
      expect(rig.gateway.findings().filter((text) => text.startsWith('error'))).to.eql([]);
    });

    it('serve a request whose key has used up its limit with another one, and let that key rest', async () => {
      answering('limited', { 'pool-1': { status: 429, headers: { 'retry-after': '30' } } });
      for (let i = 0; i < 9; i++) {
        const response = await rig.ask('limited');
        expect(response.status).to.equal(200);
        expect(response.headers).not.to.have.property('x-headgate-next-key');
      }
      expect(keysAt('limited').filter((key) => key === 'pool-1')).to.have.length(1);
    });

    it('serve a request whose key is refused with another one, and let that key rest', async () => {
      answering('refused', { 'pool-2': { status: 401 }, 'pool-3': { status: 401 } });
      for (let i = 0; i < 9; i++) expect((await rig.ask('refused')).status).to.equal(200);
      const seen = keysAt('refused');
      expect([...new Set(seen)].sort()).to.eql(KEYS);
      expect(seen).to.have.length(11);
    });

    it('go on to the next backend at 64 only when all their keys are refused, on none of which a request is lost', async () => {
      rig.fake('unknown').fault = () => ({ status: 401 });
      const gone = await rig.load('unknown-b', { concurrency: 64, total: 640 });
      expectAllServed(gone, 640);
      expect(gone.byBackend).to.eql({ b: 640 });
      // Once they rest, the backend comes last.
      expect(tried(await rig.ask('unknown-b'))).to.eql(['unknown', 'b']);
      answering('partly', { 'pool-1': { status: 401 }, 'pool-3': { status: 401 } });
      const kept = await rig.load('partly-b', { concurrency: 64, total: 640 });
      expectAllServed(kept, 640);
      expect(kept.byBackend).to.eql({ partly: 640 });
    });

    it('try a key again when its rest is over', async () => {
      answering('retried', { 'pool-1': { status: 429, headers: { 'retry-after-ms': '300' } } });
      await until(async () => (await rig.ask('retried')) && keysAt('retried').includes('pool-1'), {
        what: 'the first key',
      });
      await rig.reset();
      await until(async () => (await rig.ask('retried')) && keysAt('retried').includes('pool-1'), {
        what: 'its return',
      });
    });

    it('try another key before another backend, and that one when no key is left', async () => {
      answering('first', { 'pool-1': { status: 429, headers: { 'retry-after': '30' } } });
      await until(
        async () => {
          expect((await rig.ask('first-b')).headers['x-fake']).to.equal('first');
          return keysAt('first').includes('pool-1');
        },
        { what: 'the key that is used up' },
      );
      expect(rig.fake('b').requests).to.eql([]);
      const limited = { status: 429, headers: { 'retry-after': '30' } };
      answering('all', { 'pool-1': limited, 'pool-2': limited, 'pool-3': limited });
      const response = await rig.ask('all-b');
      expect(response.headers['x-fake']).to.equal('b');
      expect(tried(response)).to.eql(['all', 'all', 'all', 'b']);
      expect((await rig.ask('all-b')).headers['x-headgate-tried']).to.equal('default/all=cooling,default/b=200');
      // The answer of the provider, when there is nobody else.
      const alone = await rig.ask('all');
      expect(alone.status).to.equal(429);
      expect(alone.headers).not.to.have.property('x-headgate-next-key');
    });

    it('do not make a provider that is down be asked more often before another one is', async () => {
      rig.fake('down').fault = () => ({ status: 503 });
      const response = await rig.ask('down-b');
      expect(tried(response)).to.eql(['down', 'b']);
      expect((await rig.ask('down')).status).to.equal(503);
      expect(rig.fake('down').requests).to.have.length(2);
    });

    it('lose no request under load while keys are used up and refused', async () => {
      rig.fake('load').fault = ({ headers }) => {
        if (headers.authorization === 'Bearer pool-1') return { status: 429, headers: { 'retry-after-ms': '50' } };
        return headers.authorization === 'Bearer pool-2' ? { status: 401 } : undefined;
      };
      expectAllServed(await rig.load('load', { concurrency: 64, total: 600 }), 600);
      expectAllServed(await rig.load('load-b', { concurrency: 64, total: 600 }), 600);
      expect(rig.fake('b').requests).to.eql([]);
    });

    it('give way to the key of a request, which is never let rest', async () => {
      rig.fake('own').fault = ({ headers }) =>
        headers.authorization === 'Bearer own-key' ? { status: 401 } : undefined;
      for (let i = 0; i < 3; i++)
        expect((await rig.ask('own', { headers: { 'x-aigw-api-key': 'own-key' } })).status).to.equal(401);
      expect(keysAt('own')).to.eql(['own-key', 'own-key', 'own-key']);
      await rig.reset();
      const none = { headers: { 'x-aigw-api-key': '' } };
      for (let i = 0; i < 4; i++) expect((await rig.ask('own', none)).status).to.equal(200);
      expect(new Set(keysAt('own'))).to.eql(new Set(['pool-1', 'pool-2']));
    });

    it('change while they serve', async () => {
      const running = rig.load('changed', { concurrency: 64, total: 600 });
      await until(() => rig.fake('changed').requests.length > 50, { what: 'the load' });
      await rig.apply((facts) => ({
        ...facts,
        backends: {
          ...facts.backends,
          changed: { ...facts.backends.changed, key: 'pool-4', furtherKeys: { c: 'pool-3' } },
        },
      }));
      expectAllServed(await running, 600);
      await rig.reset();
      for (let i = 0; i < 4; i++) expect((await rig.ask('changed')).status).to.equal(200);
      expect(new Set(keysAt('changed'))).to.eql(new Set(['pool-3', 'pool-4']));
    });
  });
}
