import { expect } from 'chai';
import { request } from '../../support/index.ts';
import { costRule, type LimitsRig, PER_TENANT, startLimitsRig } from './rig.ts';

const USAGE = { input: 30, output: 12 };

describe('limits: what answers cost is charged when they end', () => {
  let rig: LimitsRig;
  before(async () => {
    rig = await startLimitsRig({
      gpt: { rules: [costRule(1000)] },
      tenants: { rules: [costRule(100, 'price', PER_TENANT)] },
      claude: { refs: ['anthropic'], rules: [costRule(1000)] },
      free: {},
    });
  });
  beforeEach(() => {
    rig.openai.reset();
    rig.anthropic.reset();
    rig.openai.settings.usage = USAGE;
    rig.anthropic.settings.usage = USAGE;
  });
  after(() => rig?.stop());

  it('is served without a finding', () => {
    expect(rig.gateway.findings()).to.deep.equal([]);
  });

  it('a unary answer and a stream, to the token', async () => {
    const unary = await rig.chat('gpt');
    expect(unary.status, unary.text).to.equal(200);
    await rig.untilUsed(42, 'gpt');
    const stream = await rig.chat('gpt', { stream: true });
    expect(stream.status, stream.text).to.equal(200);
    await rig.untilUsed(84, 'gpt');
  });

  it('an Anthropic message and its stream', async () => {
    for (const [n, stream] of [false, true].entries()) {
      const answer = await request({
        port: rig.port,
        path: '/anthropic/v1/messages',
        body: { model: 'claude', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }], stream },
        headers: { 'anthropic-version': '2023-06-01' },
      });
      expect(answer.status, answer.text).to.equal(200);
      await rig.untilUsed(42 * (n + 1), 'claude');
    }
  });

  it('each tenant by itself; one without room is refused and charged nothing', async () => {
    const cost = 30 + 4 * 12;
    for (const n of [1, 2]) {
      expect((await rig.chat('tenants', {}, { 'x-tenant': 'a' })).status).to.equal(200);
      await rig.untilUsed(n * cost, 'tenants', 'a');
    }
    const refused = await rig.chat('tenants', {}, { 'x-tenant': 'a' });
    expect(refused.status).to.equal(429);
    expect((await rig.chat('tenants', {}, { 'x-tenant': 'b' })).status).to.equal(200);
    await rig.untilUsed(cost, 'tenants', 'b');
    expect(await rig.used('tenants', 'a')).to.equal(2 * cost);
    expect((await rig.chat('tenants')).status, 'nobody').to.equal(200);
  });

  it('no failure', async () => {
    rig.openai.fault = () => ({ status: 500 });
    const before = await rig.used('gpt');
    expect((await rig.chat('gpt')).status).to.equal(500);
    rig.openai.reset();
    rig.openai.settings.usage = USAGE;
    await rig.chat('gpt');
    await rig.untilUsed(before + 42, 'gpt');
  });
});
