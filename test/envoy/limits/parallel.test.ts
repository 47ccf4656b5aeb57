import { expect } from 'chai';
import { costRule, type LimitsRig, PER_TENANT, promptSize, startLimitsRig } from './rig.ts';

const ESTIMATED = { max_tokens: 100, stream: true };

describe('limits: streams in parallel', () => {
  let rig: LimitsRig;
  before(async () => {
    rig = await startLimitsRig(
      {
        burst: { rules: [costRule(1000, 'total', PER_TENANT)], annotations: { 'headgate.dev/reserve': 'max_tokens' } },
      },
      // What this process, which is client, provider and service at once, is too slow for must not pass.
      { gatewayAnnotations: { 'headgate.dev/limits-failure': 'closed' } },
    );
    rig.openai.settings.chunkDelayMs = 50;
    await rig.chat('burst', ESTIMATED, { 'x-tenant': 'warm' });
  });
  after(() => rig?.stop());

  for (const [output, what] of [
    [20, 'less than was reserved'],
    [160, 'more than was reserved'],
  ] as const) {
    it(`overrun a bucket by no more than their estimates were short: ${what}`, async () => {
      const input = 40;
      const cost = input + output;
      rig.openai.settings.usage = { input, output };
      const estimate = 100 + promptSize({ model: 'burst', messages: [{ role: 'user', content: 'hi' }], ...ESTIMATED });
      const tenant = `of ${output}`;
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => rig.chat('burst', ESTIMATED, { 'x-tenant': tenant })),
      );
      const served = answers.filter(({ status }) => status === 200).length;
      expect(answers.filter(({ status }) => ![200, 429, 503].includes(status))).to.deep.equal([]);
      expect(served, 'served').to.be.within(1, Math.max(1000 / cost, 1000 / estimate));
      expect(served * cost).to.be.at.most(1000 + served * Math.max(0, cost - estimate));
      await rig.untilUsed(served * cost, 'burst', tenant);
    });
  }
});
