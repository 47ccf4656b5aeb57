/** A limit of requests at once: each reserves one, and costs nothing when it has ended. */
import { expect } from 'chai';
import { atOnce, costRule, type LimitsRig, PER_TENANT, startLimitsRig } from './rig.ts';

const AT_ONCE = 3;

describe('limits: requests at once', () => {
  let rig: LimitsRig;
  const ask = (tenant: string, options = {}) => rig.chat('model', { stream: true }, { 'x-tenant': tenant }, options);

  before(async () => {
    const reserve = (annotations: Readonly<Record<string, string>>) => ({ annotations });
    rig = await startLimitsRig({
      model: { rules: [atOnce(AT_ONCE, PER_TENANT)], ...reserve({ 'headgate.dev/reserve': '1' }) },
      claude: { refs: ['anthropic'], rules: [atOnce(1)], ...reserve({ 'headgate.dev/reserve': '1' }) },
      mixed: {
        rules: [atOnce(2), costRule(1000), costRule(500)],
        ...reserve({
          'headgate.dev/reserve': '400',
          'headgate.dev/reserve-rule-0': '1',
          'headgate.dev/reserve-rule-2': 'none',
        }),
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

  it('gives back for a request that is refused what it took, and nothing of those that run', async () => {
    const streams = await startStreams('d');
    for (let i = 0; i < 5; i++) expect((await ask('d')).status).to.equal(429);
    await rig.untilUsed(AT_ONCE, 'model', 'd');
    expect((await ask('d')).status, 'still full').to.equal(429);
    expect((await Promise.all(streams)).map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    await rig.untilUsed(0, 'model', 'd');
  });

  it('refuses in the words of Anthropic', async () => {
    rig.anthropic.fault = () => ({ delayMs: 700 });
    const running = rig.anthropicMessage('claude');
    await rig.untilUsed(1, 'claude');
    const { status, headers, json } = await rig.anthropicMessage('claude');
    expect(status).to.equal(429);
    expect(json).to.deep.equal({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'The rate limit is reached.' },
    });
    expect(Number(headers['retry-after'])).to.be.above(0);
    expect((await running).status).to.equal(200);
    await rig.untilUsed(0, 'claude');
  });

  it('beside a budget with a reservation of its own, and one without', async () => {
    rig.openai.settings.usage = { input: 30, output: 12 };
    rig.openai.fault = () => ({ delayMs: 700 });
    const running = [rig.chat('mixed'), rig.chat('mixed')];
    const used = async () => Promise.all([0, 1, 2].map((rule) => rig.used('mixed', undefined, rule)));
    await rig.untilUsed(800, 'mixed', undefined, 1);
    expect(await used()).to.deep.equal([2, 800, 0]);
    expect((await rig.chat('mixed')).status).to.equal(429);
    for (const answer of running) expect((await answer).status).to.equal(200);
    await rig.untilUsed(84, 'mixed', undefined, 1);
    await rig.untilUsed(84, 'mixed', undefined, 2);
    expect(await used()).to.deep.equal([0, 84, 84]);
  });
});
