import { expect } from 'chai';
import { startAnthropic } from '../../fakes/index.ts';
import { type ClientResponse, until } from '../../support/index.ts';
import { expectAllServed, type Rig, startRig, tried } from './rig.ts';

const fail = { status: 500 } as const;

describe('failover: attempts', function () {
  this.timeout(60_000);
  let rig: Rig;
  const modelOf = (name: string): unknown => (rig.fake(name).last.json as { model: unknown }).model;
  const failing = (...names: string[]): void => {
    for (const name of names) rig.fake(name).fault = () => fail;
  };

  before(async () => {
    rig = await startRig(
      { a: {}, b: {}, c: {} },
      (at, fake) => ({
        backends: {
          a: at('a'),
          b: at('b'),
          c: at('c'),
          claude: at('claude', { schema: { name: 'Anthropic' }, key: 'sk-ant-test', keyType: 'AnthropicAPIKey' }),
          named: at('a', {
            endpoints: [{ ip: { address: '127.0.0.1', port: fake('a').port }, hostname: 'a.example' }],
          }),
          mutating: at('a', {
            spec: {
              headerMutation: {
                set: [
                  { name: 'x-team', value: 'of-backend' },
                  { name: 'X-Only', value: '%REQ(host)%' },
                ],
                remove: ['x-secret'],
              },
              bodyMutation: { set: [{ path: 'user', value: '"of-backend"' }], remove: ['seed'] },
            },
          }),
        },
        models: {
          three: { refs: ['a', 'b', 'c'] },
          weighted: {
            refs: [
              { name: 'a', weight: 3 },
              { name: 'b', weight: 1 },
              { name: 'c', priority: 1 },
            ],
          },
          off: { refs: [{ name: 'a', weight: 0 }, 'b'] },
          again: {
            refs: [
              { name: 'a', priority: 0, modelNameOverride: 'big' },
              { name: 'a', priority: 1, modelNameOverride: 'a-smaller-model' },
              { name: 'b', priority: 2 },
            ],
          },
          mixed: { refs: ['claude', 'a'], route: { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] } },
          changes: {
            refs: [
              {
                name: 'mutating',
                priority: 0,
                modelNameOverride: 'a-much-longer-name-of-a-model',
                headerMutation: { set: [{ name: 'X-Team', value: 'of-route' }] },
                bodyMutation: { set: [{ path: 'top_p', value: '0.5' }] },
              },
              'b',
            ],
          },
          costed: {
            refs: [
              { name: 'a', priority: 0, modelNameOverride: 'other' },
              { name: 'b', priority: 1 },
            ],
            route: { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] },
          },
          authority: { refs: ['named', 'b'] },
          'attempts-2': {
            refs: ['a', 'b'],
            policy: { retry: { numRetries: 5, numAttemptsPerPriority: 2 } },
          },
          once: { refs: ['a', 'b', 'c'], policy: { retry: { numRetries: 1 } } },
          'only-429': {
            refs: ['a', 'b'],
            policy: { retry: { retryOn: { httpStatusCodes: [429], triggers: ['retriable-status-codes'] } } },
          },
          'per-try': { refs: ['a', 'b'], policy: { retry: { perRetry: { timeout: '300ms' } } } },
          idle: { refs: ['a', 'b'], fields: { streamIdleTimeout: '300ms' } },
          single: { refs: ['a'] },
          retried: { refs: ['a'], policy: { retry: { numRetries: 3 } } },
          total: { refs: ['a'], fields: { timeouts: { request: '300ms' } } },
          unlimited: { refs: ['a'], fields: { timeouts: { request: '0s' } } },
        },
      }),
      { more: { claude: await startAnthropic({ name: 'claude' }) } },
    );
  });
  beforeEach(() => rig.reset());
  afterEach(() => rig.assertNoLeak());
  after(() => rig?.stop());

  it('is taken by Envoy without a complaint', async () => {
    expect(rig.gateway.findings()).to.eql([]);
    expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
    expect(rig.gateway.envoy.warnings).to.eql([]);
  });

  it('asks each of three providers once, in order', async () => {
    failing('a', 'b');
    const response = await rig.ask('three');
    expect(response.status).to.equal(200);
    expect(response.headers).to.include({
      'x-fake': 'c',
      'x-headgate-backend': 'default/c',
      'x-headgate-tried': 'default/a=500,default/b=500,default/c=200',
    });
    failing('c');
    rig.fake('c').fault = () => ({ status: 502, body: '{"error":"the last one"}' });
    const lost = await rig.ask('three');
    expect(lost.status).to.equal(502);
    expect(lost.text).to.equal('{"error":"the last one"}');
    expect(['a', 'b', 'c'].map((name) => rig.fake(name).requests.length)).to.eql([2, 2, 2]);
  });

  it('takes the next provider, which has another credential, where one refuses its own', async () => {
    for (const status of [401, 403]) {
      rig.fake('a').fault = () => ({ status });
      const response = await rig.ask('three');
      expect([response.status, response.headers['x-headgate-backend']]).to.eql([200, 'default/b']);
      expect((await rig.ask('single')).status).to.equal(status);
      for (const stream of [false, true]) {
        const load = await rig.load('three', { concurrency: 64, total: 320, body: { stream } });
        expectAllServed(load, 320);
        expect(load.byBackend).to.eql({ b: 320 });
      }
    }
  });

  it('says who served and why the others did not, also in the access log', async () => {
    rig.fake('a').fault = () => ({ reset: true });
    failing('b');
    const response = await rig.ask('three');
    const all = 'default/a=no-answer,default/b=500,default/c=200';
    expect(response.headers).to.include({ 'x-headgate-backend': 'default/c', 'x-headgate-tried': all });
    const line = await until(() => rig.gateway.envoy.accessLog().find((one) => one.tried === all), {
      what: 'the line of the access log',
    });
    expect(line).to.include({ tried: all, status: 200, attempts: 3, model: 'three' });
    expect(line.cluster).to.equal('AIServiceBackend/default/c');
    expect(JSON.stringify(line)).not.to.match(/sk-|client-secret/);
    rig.fake('c').fault = () => ({ reset: true });
    const lost = await rig.ask('three');
    expect(lost.status).to.equal(503);
    expect(lost.headers['x-headgate-tried']).to.equal('default/a=no-answer,default/b=500,default/c=no-answer');
    expect(lost.headers).not.to.have.property('x-headgate-backend');
    expect(lost.json).to.have.nested.property('error.message');
  });

  it('draws the first by weight and tries its equals before the next priority', async () => {
    for (let i = 0; i < 200; i++) expect((await rig.ask('weighted')).status).to.equal(200);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => rig.fake(name).requests.length);
    expect(a).to.be.within(115, 185);
    expect([Number(a) + Number(b), c]).to.eql([200, 0]);
    failing('a', 'b');
    const firsts = new Set<string>();
    for (let i = 0; i < 30; i++) {
      const names = tried(await rig.ask('weighted'));
      expect(names.slice(0, 2).sort()).to.eql(['a', 'b']);
      expect(names.slice(2)).to.eql(['c']);
      firsts.add(String(names[0]));
    }
    expect([...firsts].sort()).to.eql(['a', 'b']);
    expect((await rig.ask('off')).headers).to.include({ 'x-fake': 'b', 'x-headgate-backend': 'default/b' });
    expect(rig.fake('a').requests.length).to.equal(Number(a) + 30);
  });

  it('asks one provider for another model before it goes on', async () => {
    const models: unknown[] = [];
    rig.fake('a').fault = (request) => {
      models.push((request.json as { model: unknown }).model);
      return models.length % 2 === 1 ? fail : undefined;
    };
    const served = await rig.ask('again');
    expect(served.status).to.equal(200);
    expect(models).to.eql(['big', 'a-smaller-model']);
    expect(served.headers['x-headgate-tried']).to.equal('default/a=500,default/a=200');
    failing('a');
    expect((await rig.ask('again')).headers['x-fake']).to.equal('b');
    expect(modelOf('b')).to.equal('again');
  });

  it('leaves out who does not speak the API, and has all speak their own', async () => {
    failing('claude');
    const chat = await rig.ask('mixed');
    expect(chat.headers['x-fake']).to.equal('a');
    expect(chat.headers).not.to.have.property('x-headgate-tried');
    expect(rig.fake('claude').requests).to.eql([]);
    const messages = await rig.ask('mixed', {
      path: '/anthropic/v1/messages',
      body: { max_tokens: 5 },
      headers: { 'anthropic-version': '2023-06-01' },
    });
    expect(messages.status, messages.text).to.equal(500);
    expect(rig.fake('claude').requests).to.have.length(1);
    expect(rig.fake('a').requests).to.have.length(1);
  });

  it('gives each attempt what the client sent, changed for that provider alone', async () => {
    failing('a');
    const body = { seed: 7, user: 'client', temperature: 1 };
    const headers = { 'x-team': 'of-client', 'x-secret': 'kept' };
    const response = await rig.ask('changes', { body, headers });
    expect(response.headers['x-fake']).to.equal('b');
    const [first, second] = [rig.fake('a').last, rig.fake('b').last];
    expect(first.headers).to.include({ 'x-team': 'of-route', 'x-only': '%REQ(host)%' });
    expect(first.headers).not.to.have.property('x-secret');
    expect(first.json).to.include({ user: 'of-backend', top_p: 0.5, model: 'a-much-longer-name-of-a-model' });
    expect(first.json).not.to.have.property('seed');
    expect(second.headers).to.include({ ...headers, 'content-length': String(second.body.length) });
    expect(second.headers).not.to.have.property('x-only');
    expect(second.json)
      .to.include({ ...body, model: 'changes' })
      .and.not.to.have.property('top_p');
  });

  it('asks a stream for its usage on each attempt, and a plain answer on none', async () => {
    failing('a');
    const options = { include_obfuscation: false };
    const streamed = await rig.ask('costed', { body: { stream: true, stream_options: options } });
    expect([streamed.status, streamed.headers['x-fake']]).to.eql([200, 'b']);
    for (const name of ['a', 'b']) {
      expect(rig.fake(name).last.json).to.deep.include({ stream_options: { ...options, include_usage: true } });
    }
    expect([modelOf('a'), modelOf('b')]).to.eql(['other', 'costed']);
    await rig.ask('costed');
    for (const name of ['a', 'b']) expect(rig.fake(name).last.json).not.to.have.property('stream_options');
  });

  it('calls each provider by its own name', async () => {
    failing('a');
    const response = await rig.ask('authority', { headers: { host: 'client.example' } });
    expect(response.headers['x-fake']).to.equal('b');
    expect(rig.fake('a').last.headers.host).to.equal('a.example');
    expect(rig.fake('b').last.headers.host).to.equal('client.example');
  });

  it('lets no provider say who served', async () => {
    rig.fake('a').settings.headers = { 'x-headgate-tried': 'forged', 'x-headgate-backend': 'forged' };
    const response = await rig.ask('single');
    expect(response.headers['x-headgate-backend']).to.equal('default/a');
    expect(response.headers).not.to.have.property('x-headgate-tried');
  });

  it('stays with a provider as often as a policy says, and goes no further', async () => {
    failing('a', 'b', 'c');
    expect(tried(await rig.ask('attempts-2'))).to.eql(['a', 'a', 'b', 'b', 'b', 'b']);
    expect(tried(await rig.ask('once'))).to.eql(['a', 'b']);
    expect((await rig.ask('single')).status).to.equal(500);
    const before = rig.fake('a').requests.length;
    expect((await rig.ask('retried')).status).to.equal(500);
    expect(rig.fake('a').requests.length - before).to.equal(4);
  });

  it('retries what a policy says, and nothing else', async () => {
    failing('a');
    const kept = await rig.ask('only-429');
    expect(kept.status).to.equal(500);
    rig.fake('a').fault = () => ({ status: 429 });
    expect((await rig.ask('only-429')).headers['x-fake']).to.equal('b');
  });

  it('does not let a client decide about retries and timeouts', async () => {
    failing('a');
    const response = await rig.ask('three', {
      headers: {
        'x-envoy-max-retries': '0',
        'x-envoy-retry-on': 'reset',
        'x-envoy-upstream-rq-timeout-ms': '1',
        'x-envoy-upstream-alt-stat-name': 'x',
        'x-headgate-tried': 'forged',
        'x-headgate-sentinel': 'forged',
      },
    });
    expect(response.status).to.equal(200);
    expect(tried(response)).to.eql(['a', 'b']);
  });

  it('goes on when the first provider is silent, within the timeout of an attempt', async () => {
    for (const model of ['idle', 'per-try']) {
      rig.fake('a').fault = () => ({ hang: true });
      expect((await rig.ask(model)).headers['x-fake'], model).to.equal('b');
    }
    // Headers have come: this is an answer, and Envoy cannot take it back.
    rig.fake('a').fault = () => ({ slowFirstByteMs: 5000 });
    const cut = await rig.ask('idle', { body: { stream: true } });
    expect(cut.headers['x-fake']).to.equal('a');
    expect(cut.isCut).to.equal(true);
  });

  it('never starts over once the first byte is out', async () => {
    for (const fault of [{ cutAfterChunks: 2 }, { stallAfterChunks: 2 }]) {
      await rig.reset();
      rig.fake('a').fault = () => fault;
      const response = await rig.ask('idle', { body: { stream: true } });
      expect(response.status).to.equal(200);
      expect(response.isCut).to.equal(true);
      expect(response.sse().length).to.be.greaterThan(0);
      expect(rig.fake('b').requests).to.eql([]);
    }
  });

  it('keeps the total time that a rule gives, streams included', async () => {
    rig.fake('a').settings.chunks = 40;
    rig.fake('a').settings.chunkDelayMs = 30;
    const timed: ClientResponse = await rig.ask('total', { body: { stream: true } });
    expect(timed.isCut).to.equal(true);
    rig.fake('a').settings.chunks = 20;
    const whole = await rig.ask('unlimited', { body: { stream: true } });
    expect([whole.isCut, whole.sse().at(-1)?.data]).to.eql([false, '[DONE]']);
  });

  it('fails over a large body', async () => {
    failing('a', 'b');
    const content = 'x'.repeat(5 << 20);
    for (const model of ['three', 'changes']) {
      if (model === 'changes') await rig.fake('b').reset();
      const response = await rig.ask(model, { body: { messages: [{ role: 'user', content }] } });
      expect(response.status, response.text.slice(0, 300)).to.equal(200);
    }
  });
});
