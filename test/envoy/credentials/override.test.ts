import { expect } from 'chai';
import { request } from '../../support/index.ts';
import { CHAT, expectAllServed, type Rig, startRig } from '../failover/rig.ts';
import { object } from '../support/objects.ts';

const FORWARD = 'headgate.dev/forward-client-credentials';

describe('credentials: of a request', function () {
  this.timeout(60_000);
  let rig: Rig;

  before(async () => {
    const header = (fields: object): object => ({ fromRequestHeaders: fields });
    rig = await startRig(
      {
        a: { keys: ['sk-a', 'own-a', 'client-secret'] },
        b: { keys: ['sk-b', 'own-b'] },
        open: { keys: ['client-key'] },
        c: {},
      },
      (at) => ({
        backends: {
          'a-else': at('a', { credentialOverride: header({ fallbackToConfigured: true }) as never }),
          'a-only': {
            ...at('a'),
            credentialOverride: header({ header: 'X-My-Key', fallbackToConfigured: false }) as never,
          },
          'b-only': {
            ...at('b'),
            credentialOverride: header({ header: 'x-b-key', fallbackToConfigured: false }) as never,
          },
          'a-meta': at('a', {
            credentialOverride: {
              fromDynamicMetadata: { namespace: 'headgate.test', key: 'a', fallbackToConfigured: false },
            },
          }),
          c: at('c'),
          open: { port: at('open').port as number, annotations: { [FORWARD]: 'true' } },
          both: at('c', { annotations: { [FORWARD]: 'true' } }),
        },
        models: {
          else: { refs: ['a-else', 'c'] },
          'said-so': {
            refs: ['a-else', 'c'],
            policy: { retry: { numRetries: 1, retryOn: { httpStatusCodes: [401] } } },
          },
          only: { refs: ['a-only'] },
          'only-c': { refs: ['a-only', 'c'] },
          two: { refs: ['a-only', 'b-only'] },
          meta: { refs: ['a-meta', 'c'] },
          forward: { refs: ['c', 'open'] },
          back: { refs: ['open', 'c'] },
          both: { refs: ['both'] },
          alone: { refs: ['open'] },
        },
        extra: [
          object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'plain', {
            spec: {
              parentRefs: [{ name: 'gw' }],
              rules: [
                {
                  matches: [{ path: { type: 'PathPrefix', value: '/plain' } }],
                  backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'c' }],
                },
              ],
            },
          }),
        ],
      }),
    );
  });
  beforeEach(() => rig.reset());
  after(() => rig?.stop());

  const keyAt = (name: string): string | undefined => rig.fake(name).last.headers.authorization;
  const assertNoForeign = (): void => {
    for (const name of ['a', 'b', 'c', 'open']) expect(rig.fake(name).foreignCredentials, name).to.eql([]);
  };

  it('takes the key of the request, else the configured one', async () => {
    expect((await rig.ask('else', { headers: { 'x-aigw-api-key': 'own-a' } })).status).to.equal(200);
    expect(keyAt('a')).to.equal('Bearer own-a');
    expect((await rig.ask('else', { headers: { 'x-aigw-api-key': '' } })).status).to.equal(200);
    expect(keyAt('a')).to.equal('Bearer sk-a');
    rig.assertNoLeak();
  });

  it('goes on where the configured credential is refused, and tells the client where its own is', async () => {
    const own = { 'x-aigw-api-key': 'own-a' };
    const forwarded = { authorization: 'Bearer client-key' };
    for (const status of [401, 403]) {
      for (const name of ['a', 'open']) rig.fake(name).fault = () => ({ status });
      const none = { 'x-aigw-api-key': '' };
      expectAllServed(await rig.load('else', { concurrency: 64, total: 320, headers: none }), 320);
      const load = await rig.load('else', { concurrency: 64, total: 320, headers: own });
      expect([load.errors, load.byStatus, load.byBackend]).to.eql([{}, { [status]: 320 }, { a: 320 }]);
      const refused = await rig.ask('back', { headers: forwarded });
      expect([refused.status, refused.headers['x-fake']]).to.eql([status, 'open']);
      expect(refused.headers).to.not.have.property('x-envoy-ratelimited');
      rig.fake('c').fault = () => ({ status });
      expect((await rig.ask('forward', { headers: forwarded })).headers['x-headgate-tried']).to.equal(
        `default/c=${status},default/open=${status}`,
      );
      await rig.reset();
    }
    rig.fake('a').fault = () => ({ status: 401 });
    expect((await rig.ask('said-so', { headers: own })).headers['x-fake']).to.equal('c');
    rig.assertNoLeak();
  });

  it('refuses a request without a key where there is nothing else', async () => {
    const response = await rig.ask('only');
    expect(response.status).to.equal(401);
    expect(response.json).to.have.nested.property('error.message', 'missing upstream credential');
    expect(response.headers['x-headgate-tried']).to.equal('default/a-only=no-credential');
    expect((await rig.ask('only', { headers: { 'x-my-key': 'own-a' } })).status).to.equal(200);
    expect(rig.fake('a').requests).to.have.length(1);
    expect(rig.fake('a').last.headers).not.to.have.property('x-my-key');
    rig.assertNoLeak();
  });

  it('goes to who can serve without one, never losing a request, and leaves nobody out for good', async () => {
    expectAllServed(await rig.load('only-c', { concurrency: 64, total: 1000 }), 1000);
    expect((await rig.ask('only-c')).headers['x-headgate-tried']).to.equal(
      'default/a-only=no-credential,default/c=200',
    );
    // An empty header is none.
    expect((await rig.ask('only-c', { headers: { 'x-my-key': '' } })).headers['x-fake']).to.equal('c');
    expect((await rig.ask('only-c', { headers: { 'x-my-key': 'own-a' } })).headers['x-fake']).to.equal('a');
    rig.fake('c').fault = () => ({ status: 500 });
    // The answer of the provider that was asked, not the 401 of the one that cannot be.
    expect((await rig.ask('only-c')).status).to.equal(500);
    rig.assertNoLeak();
  });

  it('gives each provider the key that is meant for it, on each attempt', async () => {
    const headers = { 'x-my-key': 'own-a', 'x-b-key': 'own-b' };
    rig.fake('a').fault = () => ({ status: 429 });
    const response = await rig.ask('two', { headers });
    expect(response.headers['x-fake']).to.equal('b');
    expect([keyAt('a'), keyAt('b')]).to.eql(['Bearer own-a', 'Bearer own-b']);
    for (const name of ['a', 'b']) expect(JSON.stringify(rig.fake(name).last.headers)).not.to.match(/x-(my|b)-key/);
    expect((await rig.ask('two', { headers: { 'x-b-key': 'own-b' } })).headers['x-headgate-tried']).to.equal(
      'default/a-only=no-credential,default/b-only=200',
    );
    rig.assertNoLeak();
  });

  it('leaves out who needs a credential of dynamic metadata that is not there', async () => {
    const response = await rig.ask('meta');
    expect(response.headers['x-headgate-tried']).to.equal('default/a-meta=no-credential,default/c=200');
    rig.assertNoLeak();
  });

  it('forwards what the client sent to a backend that asks for it, and to no other', async () => {
    const headers = { authorization: 'Bearer client-key', 'x-api-key': 'client-x' };
    rig.fake('c').fault = () => ({ status: 500 });
    expect((await rig.ask('forward', { headers })).headers['x-fake']).to.equal('open');
    const { headers: seen } = rig.fake('open').last;
    expect(seen).to.include(headers);
    expect(seen).not.to.have.any.keys('cookie', 'x-aigw-api-key', 'proxy-authorization');
    expect(keyAt('c')).to.equal('Bearer sk-c');
    expect(rig.fake('c').foreignCredentials).to.eql([]);
    await rig.reset();
    rig.fake('open').fault = () => ({ status: 500 });
    expect((await rig.ask('back', { headers })).headers['x-fake']).to.equal('c');
    expect(keyAt('open')).to.equal('Bearer client-key');
    expect(keyAt('c')).to.equal('Bearer sk-c');
    rig.fake('open').fault = undefined;
    expect((await rig.ask('alone', { headers })).headers['x-fake']).to.equal('open');
    expect(rig.fake('c').foreignCredentials).to.eql([]);
  });

  it('prefers a configured credential to forwarding, and says so', async () => {
    expect(rig.gateway.findings().join('\n')).to.match(/warning\[HG0404\]: AIServiceBackend\/default\/both/);
    expect((await rig.ask('both')).status).to.equal(200);
    expect(keyAt('c')).to.equal('Bearer sk-c');
    rig.assertNoLeak();
  });

  it('keeps credentials for the gateway from plain services, and nothing else', async () => {
    await request({
      port: rig.port,
      path: '/plain',
      headers: { 'x-aigw-api-key': 'k', 'x-my-key': 'k', authorization: 'Bearer user', cookie: 'session=1' },
    });
    expect(rig.fake('c').last.headers).to.include({ authorization: 'Bearer user', cookie: 'session=1' });
    expect(rig.fake('c').last.headers).not.to.have.any.keys('x-aigw-api-key', 'x-my-key');
  });

  it('passes no credential on in a query', async () => {
    const response = await rig.ask('else', {
      path: `${CHAT}?api_key=k&key=k2&keep=1&X-Amz-Signature=s&X-Amz-Security-Token=t&id_token=i&x=%26key%3D`,
    });
    expect(response.status).to.equal(200);
    expect(rig.fake('a').last.path).to.equal(`${CHAT}?keep=1&x=%26key%3D`);
    assertNoForeign();
  });
});
