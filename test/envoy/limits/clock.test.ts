/** Windows through a real Envoy, with a service whose clock a test moves. */
import { expect } from 'chai';
import { createMemoryStore, createRateLimitService } from '../../../src/ratelimit/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { freePort } from '../../support/index.ts';
import { atOnce, costRule, type LimitsRig, startLimitsRig } from './rig.ts';

const HOUR = { unit: 'Hour' };
const inHours = (rule: Readonly<Record<string, unknown>>) => ({
  ...rule,
  limit: { ...(rule.limit as Readonly<Record<string, unknown>>), ...HOUR },
});

describe('limits: windows', function () {
  this.timeout(60_000);
  let rig: LimitsRig;
  let now: number;
  /** The service's clock stands, so many seconds after the beginning of this hour or a later one. */
  const at = (hours: number, seconds: number): void => {
    now = (Math.floor(Date.now() / 3_600_000) + hours) * 3600 + seconds;
  };
  before(async () => {
    const port = await freePort();
    const service = createRateLimitService({
      store: createMemoryStore(),
      config: { domains: [] },
      clock: () => now,
      logger: silentLogger,
    });
    at(0, 0);
    await service.listen({ host: '127.0.0.1', port });
    const sliding = { 'headgate.dev/window': 'sliding' };
    rig = await startLimitsRig(
      {
        fixed: { rules: [inHours(costRule(100))] },
        sliding: { rules: [inHours(costRule(100))], annotations: sliding },
        outlived: { rules: [inHours(costRule(1000))], annotations: { 'headgate.dev/reserve': '30' } },
        'at-once': { rules: [inHours(atOnce(2))], annotations: { 'headgate.dev/reserve': '1', ...sliding } },
      },
      { rateLimit: { service, port } },
    );
    rig.openai.settings.usage = { input: 60, output: 40 };
  });
  beforeEach(() => {
    rig.openai.fault = undefined;
  });
  after(async () => {
    await rig?.stop();
    await rig?.gateway.limits.close(0);
  });

  it('that are fixed let twice the limit pass around an edge, and no more', async () => {
    at(1, 3599);
    expect((await rig.chat('fixed')).status).to.equal(200);
    await rig.untilUsed(100, 'fixed');
    const refused = await rig.chat('fixed');
    expect(refused.status).to.equal(429);
    expect(refused.headers['retry-after']).to.equal('1');
    at(2, 0);
    const served = await rig.chat('fixed');
    expect(served.status).to.equal(200);
    expect(served.headers['x-ratelimit-reset']).to.equal('3600');
    await rig.untilUsed(100, 'fixed');
    expect((await rig.chat('fixed')).status).to.equal(429);
  });

  it('that slide let no more pass around an edge than anywhere else', async () => {
    at(1, 3599);
    expect((await rig.chat('sliding')).status).to.equal(200);
    await rig.untilUsed(100, 'sliding');
    at(2, 0);
    expect((await rig.chat('sliding')).status, 'a second later').to.equal(429);
    at(2, 1800);
    const served = await rig.chat('sliding');
    expect(served.status, 'half of the window before counts').to.equal(200);
    expect(served.headers['x-ratelimit-remaining']).to.equal('50');
  });

  it('keep the reservation of a stream that outlives them, and the next one what it cost above that', async () => {
    const begun = Date.now() / 1000;
    now = begun;
    rig.openai.fault = () => ({ delayMs: 700 });
    const answer = rig.chat('outlived');
    await rig.untilUsed(30, 'outlived');
    // An hour after the request began: the next window, and no place to give back to.
    now = begun + 3600;
    expect((await answer).status).to.equal(200);
    await rig.untilUsed(70, 'outlived');
  });

  it('that slide go on counting what runs across an edge', async () => {
    // Reservations carry the time of Envoy, which is the real one.
    const begun = Date.now() / 1000;
    now = begun;
    rig.openai.fault = () => ({ delayMs: 1200 });
    const running = [rig.chat('at-once'), rig.chat('at-once')];
    await rig.untilUsed(2, 'at-once');
    expect((await rig.chat('at-once')).status).to.equal(429);
    // Soon after the edge to the next hour.
    now = (Math.floor(begun / 3600) + 1) * 3600 + 100;
    rig.openai.fault = undefined;
    expect((await rig.chat('at-once')).status).to.equal(429);
    for (const answer of running) expect((await answer).status).to.equal(200);
    // What ran is given back to the window before. To Envoy the refused one is of that window too, so what it took stays.
    await rig.untilUsed(1, 'at-once');
    expect((await rig.chat('at-once')).status).to.equal(200);
  });
});
