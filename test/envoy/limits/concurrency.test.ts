/** A limit of requests at once: each reserves one, and costs nothing when it has ended. */
import { expect } from 'chai';
import { atOnce, type LimitsRig, PER_TENANT, startLimitsRig } from './rig.ts';

const AT_ONCE = 3;

describe('limits: requests at once', () => {
  let rig: LimitsRig;
  const ask = (tenant: string, options = {}) => rig.chat('model', { stream: true }, { 'x-tenant': tenant }, options);

  before(async () => {
    rig = await startLimitsRig({
      model: {
        rules: [atOnce(AT_ONCE, PER_TENANT)],
        annotations: { 'headgate.dev/reserve': '1' },
      },
    });
  });
  beforeEach(() => rig.openai.reset());
  after(() => rig?.stop());

  /** Streams of a tenant that have begun and take a while. */
  async function startStreams(tenant: string): Promise<Promise<{ status: number }>[]> {
    rig.openai.fault = () => ({ delayMs: 1500 });
    const running = Array.from({ length: AT_ONCE }, () => ask(tenant));
    await rig.untilUsed(AT_ONCE, 'model', tenant);
    return running;
  }

  it('refuses one more of a tenant, none of another, and takes the next when one has ended', async () => {
    const streams = await startStreams('a');
    const refused = await ask('a');
    expect(refused.status).to.equal(429);
    expect((refused.json as { error: { type: string } }).error.type).to.equal('rate_limit_error');
    rig.openai.fault = undefined;
    expect((await ask('b')).status).to.equal(200);
    expect((await Promise.all(streams)).map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    await rig.untilUsed(0, 'model', 'a');
    expect((await ask('a')).status).to.equal(200);
    await rig.untilUsed(0, 'model', 'a');
  });

  it('counts no longer what fails, and what a client leaves', async () => {
    rig.openai.fault = () => ({ status: 500 });
    expect((await ask('c')).status).to.equal(500);
    await rig.untilUsed(0, 'model', 'c');
    rig.openai.fault = undefined;
    rig.openai.settings.chunkDelayMs = 50;
    const abort = new AbortController();
    await ask('c', { signal: abort.signal, onChunk: () => abort.abort() }).catch(() => undefined);
    await rig.untilUsed(0, 'model', 'c');
  });
});
