import { createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import {
  createMemoryStore,
  createRateLimitService,
  type RateLimitService,
  type Store,
} from '../../../src/ratelimit/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { freePort, until } from '../../support/index.ts';
import { atOnce, costRule, type LimitsRig, startLimitsRig } from './rig.ts';

const MODELS = { gpt: { rules: [costRule(10)] }, free: {} };

/** Accepts connections and says nothing. */
class Silence {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
  });

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

for (const mode of ['open', 'closed'] as const) {
  describe(`limits: a rate limit service that fails, ${mode}`, () => {
    let rig: LimitsRig;
    let service: RateLimitService;
    let port: number;
    before(async () => {
      port = await freePort();
      service = createRateLimitService({
        store: createMemoryStore(),
        config: { domains: [] },
        logger: silentLogger,
      });
      const gatewayAnnotations = { 'headgate.dev/limits-failure': mode };
      rig = await startLimitsRig(MODELS, { rateLimit: { service, port }, gatewayAnnotations });
      rig.openai.settings.usage = { input: 6, output: 4 };
    });
    after(async () => {
      await rig?.stop();
      await service?.close(0);
    });

    async function expectVerdict(): Promise<void> {
      const started = performance.now();
      const answer = await rig.chat('gpt');
      const tookMs = performance.now() - started;
      if (mode === 'open') {
        expect(answer.status, answer.text).to.equal(200);
      } else {
        expect(answer.status, answer.text).to.equal(503);
        expect(answer.json).to.have.nested.property('error.code', 'unavailable');
        expect(answer.json).to.have.nested.property('error.message', 'Rate limits cannot be checked at the moment.');
      }
      expect(tookMs, 'no hang').to.be.lessThan(2000);
      expect((await rig.chat('free')).status, 'a route without limits').to.equal(200);
    }

    it('that is not there', expectVerdict);

    it('that accepts and does not answer', async () => {
      const silence = new Silence();
      await silence.listen(port);
      for (let i = 0; i < 3; i++) await expectVerdict();
      await silence.close();
    });

    it('that comes back, without a restart of anything', async () => {
      await service.listen({ host: '127.0.0.1', port });
      await until(
        async () => {
          await rig.chat('gpt');
          return (await rig.used('gpt')) > 0;
        },
        { what: 'the first charge', timeoutMs: 10_000 },
      );
      await until(async () => (await rig.chat('gpt')).status === 429, { what: 'the limit' });
    });
  });
}

describe('limits: a rate limit service that answers when nobody waits any more', () => {
  let rig: LimitsRig;
  let delayMs = 0;
  before(async () => {
    const memory = createMemoryStore();
    const slow: Store = {
      ...memory,
      async apply(changes, now) {
        const counts = memory.apply(changes, now);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        return counts;
      },
    };
    rig = await startLimitsRig(
      { 'at-once': { rules: [atOnce(2)], annotations: { 'headgate.dev/reserve': '1' } } },
      { store: slow },
    );
  });
  beforeEach(() => {
    delayMs = 0;
    rig.openai.reset();
  });
  after(() => rig?.stop());

  it('keeps nothing reserved for Envoys that gave up', async () => {
    // More than the 250 ms that Envoy waits.
    delayMs = 500;
    for (let i = 0; i < 5; i++) expect((await rig.chat('at-once')).status).to.equal(200);
    delayMs = 0;
    await rig.untilUsed(0, 'at-once');
    expect((await rig.chat('at-once')).status).to.equal(200);
    await rig.untilUsed(0, 'at-once');
  });

  it('nor for clients that left while it was asked', async () => {
    delayMs = 200;
    for (let i = 0; i < 3; i++) {
      const before = rig.openai.requests.length;
      await rig.chat('at-once', {}, {}, { signal: AbortSignal.timeout(80) }).catch(() => undefined);
      expect(rig.openai.requests.length, 'left too late').to.equal(before);
    }
    await rig.untilUsed(0, 'at-once');
  });
});
