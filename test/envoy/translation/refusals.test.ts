/** Requests that one backend cannot carry, and another one can. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { type Fake, startAnthropic, startOpenAi, testCa } from '../../fakes/index.ts';
import { expectAllServed } from '../failover/rig.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const AUDIO = [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }];
const audio = { messages: [{ role: 'user', content: AUDIO }] };

const connectsWithin = (connectTimeout: string) => ({ timeout: { tcp: { connectTimeout } } });
const CLAUDE = { schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' } as const;

describe('requests that a backend cannot carry', function () {
  this.timeout(120_000);
  let openai: Fake;
  let anthropic: Fake;
  let rig: TranslationRig;
  /** Accepts connections and says nothing: TLS is never done. */
  let silent: Server;
  /** Has TLS done after a while. */
  let slow: Server;

  before(async () => {
    openai = await startOpenAi({ name: 'openai', keys: ['sk-openai'] });
    anthropic = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    silent = createServer((socket) => socket.on('error', () => undefined));
    const tls = createTlsServer(await (await testCa()).issue('localhost'), (socket) =>
      socket.on('error', () => undefined),
    );
    slow = createServer((socket) => {
      socket.on('error', () => undefined);
      setTimeout(() => tls.emit('connection', socket), 150);
    });
    for (const server of [silent, slow]) await once(server.listen(0, '127.0.0.1'), 'listening');
    const over = (server: Server) => {
      const { port } = server.address() as AddressInfo;
      return { port, ...CLAUDE, backendTls: { insecureSkipVerify: true } };
    };
    const first = { name: 'anthropic', priority: 0, modelNameOverride: 'claude-sonnet-4-5' };
    const openaiRef = { name: 'openai', priority: 1, modelNameOverride: 'gpt-4o' };
    rig = await startTranslationRig({
      backends: {
        openai: { port: openai.port, key: 'sk-openai' },
        anthropic: { port: anthropic.port, ...CLAUDE },
        unconnected: over(silent),
        patient: over(silent),
        slow: over(slow),
      },
      models: {
        both: { refs: [first, openaiRef] },
        strict: { refs: [first, openaiRef], annotations: { 'headgate.dev/unsupported': 'refuse' } },
        slow: { refs: [{ ...first, name: 'slow' }, openaiRef] },
        never: { refs: [{ ...first, name: 'unconnected' }, openaiRef], policy: connectsWithin('300ms') },
        later: {
          refs: [
            { name: 'openai', modelNameOverride: 'first' },
            { ...first, name: 'unconnected', priority: 1 },
            { ...openaiRef, priority: 2 },
          ],
          policy: connectsWithin('300ms'),
        },
        patient: { refs: [{ ...first, name: 'patient' }, openaiRef], policy: connectsWithin('20s') },
        last: { refs: ['openai', { ...first, priority: 1 }] },
        alone: { refs: [first] },
      },
    });
  });
  beforeEach(async () => {
    await openai.reset();
    await anthropic.reset();
  });
  afterEach(() => {
    expect(rig.bugs).to.eql([]);
    for (const one of [openai, anthropic]) {
      expect(one.foreignCredentials).to.eql([]);
      expect(one.protocolErrors).to.eql([]);
    }
  });
  after(async () => {
    await rig?.stop();
    silent?.close();
    slow?.close();
    await openai?.close();
    await anthropic?.close();
  });

  it('go on to one that can', async () => {
    for (const [model, body] of [
      ['both', audio],
      ['strict', { seed: 7 }],
    ] as const) {
      const answer = await rig.ask(model, body);
      expect(answer.status, answer.text).to.equal(200);
      expect(answer.headers).to.include({
        'x-headgate-backend': 'default/openai',
        'x-headgate-tried': 'default/anthropic=400,default/openai=200',
      });
      expect(answer.headers).to.not.have.property('x-headgate-refused');
      expect(openai.last.json).to.include({ model: 'gpt-4o' });
      expect(openai.last.json).to.deep.include(body);
    }
    expect(anthropic.requests).to.eql([]);
  });

  it('lose nothing at 64, streams among them', async () => {
    for (const stream of [false, true]) {
      const load = await rig.load('both', { concurrency: 64, total: 640, body: { ...audio, stream } });
      expectAllServed(load, 640);
      expect(load.byBackend).to.eql({ openai: 640 });
    }
  });

  // A streamed answer to an attempt that has no connection yet ends Envoy 1.40 with a segmentation fault.
  it('go on from a backend that takes long to connect, or never does, whoever was before', async () => {
    openai.fault = ({ json }) => ((json as { model: string }).model === 'first' ? { status: 500 } : undefined);
    for (const [model, concurrency, tried] of [
      // Envoy makes one connection after the other where it does not know yet which HTTP it is to speak.
      ['slow', 1, 'default/slow=400'],
      ['never', 64, 'default/unconnected=no-answer'],
      ['later', 64, 'default/openai=500,default/unconnected=no-answer'],
    ] as const) {
      const load = await rig.load(model, { concurrency, total: concurrency * 4, body: audio });
      expectAllServed(load, concurrency * 4);
      expect(load.byBackend).to.eql({ openai: concurrency * 4 });
      expect(rig.gateway.envoy.hasExited).to.equal(false);
      const answer = await rig.ask(model, audio);
      expect(answer.headers['x-headgate-tried']).to.equal(`${tried},default/openai=200`);
    }
  });

  it('are refused where Envoy goes on connecting for longer than it does by default', async () => {
    const answer = await rig.ask('patient', audio);
    expect(answer.status, answer.text).to.equal(400);
    expect(answer.headers['x-headgate-tried']).to.equal('default/patient=400');
    expect(answer.headers).to.not.have.any.keys('x-headgate-refused', 'x-headgate-backend');
  });

  it('are answered with 400 where none can', async () => {
    openai.fault = () => ({ status: 500 });
    expect((await rig.ask('both', audio)).status).to.equal(500);
    const last = await rig.ask('last', audio);
    expect(last.status).to.equal(400);
    expect(last.headers).to.include({ 'x-headgate-tried': 'default/openai=500,default/anthropic=400' });
    expect(last.headers).to.not.have.any.keys('x-headgate-refused', 'x-headgate-backend');
    const refused = await rig.ask('alone', audio);
    expect(refused.status).to.equal(400);
    expect(refused.json).to.have.nested.property('error.type', 'invalid_request_error');
    expect(refused.headers).to.include({ 'x-headgate-tried': 'default/anthropic=400' });
    expect(refused.headers).to.not.have.any.keys('x-headgate-refused', 'x-headgate-backend');
  });
});

describe('a processor at its limit', function () {
  this.timeout(60_000);

  it('leaves to the next backend what it does not take', async () => {
    const openai = await startOpenAi({ name: 'openai', keys: ['sk-openai'] });
    const anthropic = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'], settings: { chunkDelayMs: 5 } });
    const rig = await startTranslationRig(
      {
        backends: {
          openai: { port: openai.port, key: 'sk-openai' },
          anthropic: { port: anthropic.port, ...CLAUDE },
        },
        models: {
          both: {
            refs: [
              { name: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' },
              { name: 'openai', priority: 1, modelNameOverride: 'gpt-4o' },
            ],
            policy: {
              healthCheck: { passive: { consecutive5XxErrors: 1, interval: '1s', alwaysEjectOneEndpoint: true } },
            },
          },
        },
      },
      { maxExchanges: 8 },
    );
    try {
      const load = await rig.load('both', { concurrency: 64, total: 640, body: { stream: true } });
      expectAllServed(load, 640);
      expect(load.byBackend).to.have.all.keys('openai', 'anthropic');
      // That is not the provider's fault.
      const ejections = await rig.gateway.envoy.stats('outlier_detection.ejections_enforced_total');
      expect(new Set(Object.values(ejections))).to.eql(new Set([0]));
    } finally {
      await rig.stop();
      await openai.close();
      await anthropic.close();
    }
  });
});
