import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, freePort, postJson } from '../../support/index.ts';
import { startGateway, type TestGateway, type TestRoute } from './gateway.ts';

const NAMES = ['a', 'b', 'c'] as const;
const PAIR = [{ a: 1 }, { b: 1 }];

describe('script: order of backends', () => {
  const fakes = new Map<string, Fake>();
  let gateway: TestGateway;
  const fake = (name: string): Fake => {
    const found = fakes.get(name);
    if (found === undefined) throw new Error(`no fake ${name}`);
    return found;
  };
  const ask = (model: string): Promise<ClientResponse> =>
    postJson(gateway.port, '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hi' }] });

  // A cooldown is kept for the life of a worker, so tests that make one get clusters of their own.
  const cooled = ['seconds', 'date', 'ms', 'later', 'sentinel', 'none', 'half'];
  const routes: TestRoute[] = [
    { model: 'pair', groups: PAIR },
    { model: 'drawn', groups: [{ a: 3, b: 1 }] },
    { model: 'draw3', groups: [{ a: 5, b: 3, c: 1 }] },
    { model: 'then', groups: [{ a: 1, b: 1 }, { c: 1 }] },
    { model: 'twice', groups: PAIR, facts: { drawn: true, attempts_per_backend: 2 } },
    { model: 'dead', groups: [{ dead: 1 }, { b: 1 }] },
    ...cooled.map((name) => ({ model: name, groups: [{ [name]: 1 }, { b: 1 }] })),
    { model: 'all-cool', groups: [{ ms: 1 }, { later: 1 }] },
  ];

  before(async () => {
    for (const name of NAMES) fakes.set(name, await startOpenAi({ name, keys: [`sk-${name}`] }));
    const backend = (cluster: string, from: string) => ({
      ...{ cluster, port: fake(from).port },
      credential: { header: 'authorization', prefix: 'Bearer ', secret: `sk-${from}` },
    });
    gateway = await startGateway({
      backends: [
        ...NAMES.map((name) => backend(name, name)),
        ...cooled.map((name) => backend(name, 'a')),
        { ...backend('dead', 'a'), port: await freePort() },
      ],
      routes,
    });
  });
  beforeEach(() => Promise.all([...fakes.values()].map((one) => one.reset())));
  afterEach(() => {
    for (const one of fakes.values()) expect(one.foreignCredentials, `credentials at ${one.name}`).to.eql([]);
  });
  after(async () => {
    await gateway?.envoy.stop();
    for (const one of fakes.values()) await one.close();
  });

  it('says who served and why the others did not', async () => {
    fake('a').fault = () => ({ status: 503 });
    const response = await ask('pair');
    expect(response.status).to.equal(200);
    expect(response.headers).to.include({ 'x-fake': 'b', 'x-headgate-backend': 'default/b' });
    expect(response.headers['x-headgate-tried']).to.equal('default/a=503,default/b=200');
    const dead = await ask('dead');
    expect(dead.headers['x-headgate-tried']).to.equal('default/dead=no-answer,default/b=200');
    expect(dead.headers['x-headgate-backend']).to.equal('default/b');
  });

  it('says so also when nobody served', async () => {
    for (const one of fakes.values()) one.fault = () => ({ reset: true });
    const response = await ask('pair');
    expect(response.status).to.equal(503);
    expect(response.headers['x-headgate-tried']).to.match(/^default\/a=no-answer,default\/b=no-answer/);
    expect(response.headers).not.to.have.property('x-headgate-backend');
  });

  it('draws by weight, without order between requests', async () => {
    const counts: Record<string, number> = { a: 0, b: 0 };
    const sequence: string[] = [];
    for (let i = 0; i < 400; i++) {
      const served = (await ask('drawn')).headers['x-fake'] ?? '';
      counts[served] = (counts[served] ?? 0) + 1;
      sequence.push(served);
    }
    // Expected 300 of 400, standard deviation 8.7: six of them either way.
    expect(counts.a).to.be.within(248, 352);
    expect(new Set(sequence.slice(0, 40)).size).to.equal(2);
  });

  it('tries each member of a group once, in a weighted order', async () => {
    for (const one of fakes.values()) one.fault = () => ({ status: 500 });
    const first: Record<string, number> = {};
    for (let i = 0; i < 200; i++) {
      const tried = ((await ask('draw3')).headers['x-headgate-tried'] ?? '').split(',');
      expect(new Set(tried.slice(0, 3)).size).to.equal(3);
      first[tried[0] ?? ''] = (first[tried[0] ?? ''] ?? 0) + 1;
    }
    expect(first['default/a=500']).to.be.greaterThan(first['default/c=500'] ?? 0);
  });

  it('tries all of a group before the next', async () => {
    for (const name of ['a', 'b']) fake(name).fault = () => ({ status: 500 });
    for (let i = 0; i < 10; i++) {
      const { headers } = await ask('then');
      expect(headers['x-headgate-backend']).to.equal('default/c');
      expect((headers['x-headgate-tried'] ?? '').split(',').slice(0, 2).sort()).to.eql([
        'default/a=500',
        'default/b=500',
      ]);
    }
  });

  it('tries a backend as often as the route says', async () => {
    fake('a').fault = () => ({ status: 500 });
    expect((await ask('twice')).headers['x-headgate-tried']).to.equal('default/a=500,default/a=500,default/b=200');
    fake('a').fault = (_request, n) => (n % 2 === 1 ? { status: 500 } : undefined);
    await fake('a').reset();
    fake('a').fault = (_request, n) => (n === 1 ? { status: 500 } : undefined);
    expect((await ask('twice')).headers['x-headgate-tried']).to.equal('default/a=500,default/a=200');
  });

  it('tries a provider last for as long as it asked, and waits for nobody', async () => {
    const date = (ms: number): string => new Date(Date.now() + ms).toUTCString();
    for (const [model, headers] of [
      ['seconds', { 'retry-after': '30' }],
      ['date', { 'retry-after': date(30_000) }],
    ] as const) {
      await Promise.all([...fakes.values()].map((one) => one.reset()));
      fake('a').fault = () => ({ status: 429, headers });
      expect((await ask(model)).headers['x-headgate-tried']).to.equal(`default/${model}=429,default/b=200`);
      for (let i = 0; i < 3; i++) {
        expect((await ask(model)).headers['x-headgate-tried']).to.equal(`default/${model}=cooling,default/b=200`);
      }
      expect(fake('a').requests).to.have.length(1);
      // It is still there when the others fail.
      fake('a').fault = undefined;
      fake('b').fault = () => ({ status: 500 });
      const { headers: last } = await ask(model);
      expect(last['x-headgate-tried']).to.equal(`default/${model}=cooling,default/b=500,default/${model}=200`);
    }
  });

  it('comes back when the time is over', async () => {
    fake('a').fault = (_request, n) => (n === 1 ? { status: 503, headers: { 'retry-after-ms': '400' } } : undefined);
    expect((await ask('ms')).headers['x-headgate-tried']).to.equal('default/ms=503,default/b=200');
    expect((await ask('ms')).headers['x-headgate-tried']).to.equal('default/ms=cooling,default/b=200');
    await sleep(450);
    const { headers } = await ask('ms');
    expect(headers['x-headgate-backend']).to.equal('default/ms');
    expect(headers, 'there is nobody else to tell of').not.to.have.property('x-headgate-tried');
  });

  it('serves with what there is when all cool down', async () => {
    const headers = { 'retry-after': '20' };
    fake('a').fault = () => ({ status: 429, headers });
    const response = await ask('all-cool');
    expect(response.status).to.equal(429);
    expect((await ask('all-cool')).headers['x-headgate-tried']).to.match(
      /^default\/ms=cooling,default\/later=cooling,default\/ms=429,default\/later=429/,
    );
  });

  it('takes no cooldown from dates that are over, nonsense, or other statuses', async () => {
    const past = new Date(Date.now() - 60_000).toUTCString();
    for (const value of ['0', '-5', 'soon', '', past, 'Sun, 99 Xxx 2026 00:00:00 GMT', 'nan', '0x10p']) {
      fake('a').fault = () => ({ status: 429, headers: { 'retry-after': value } });
      expect((await ask('none')).headers['x-headgate-tried'], value).to.equal('default/none=429,default/b=200');
    }
    fake('a').fault = () => ({ status: 500, headers: { 'retry-after': '30' } });
    for (let i = 0; i < 2; i++) {
      expect((await ask('none')).headers['x-headgate-tried']).to.equal('default/none=500,default/b=200');
    }
  });

  it('knows the sentinel of a cluster without endpoints', async () => {
    fake('a').fault = () => ({ status: 503, headers: { 'x-headgate-sentinel': '1', 'retry-after': '30' } });
    for (let i = 0; i < 2; i++) {
      const { headers } = await ask('sentinel');
      expect(headers['x-headgate-tried']).to.equal('default/sentinel=no-endpoint,default/b=200');
    }
  });
});
