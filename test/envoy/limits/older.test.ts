/** Limits on Envoys before 1.40: the same answers. */
import { expect } from 'chai';
import { atOnce, costRule, type LimitsRig, PER_TENANT, startLimitsRig } from './rig.ts';

for (const envoyVersion of ['1.36.4', '1.37.0', '1.38.3', '1.39.3']) {
  const canHide = envoyVersion >= '1.38';
  describe(`limits: Envoy ${envoyVersion}`, function () {
    this.timeout(60_000);
    let rig: LimitsRig;
    before(async () => {
      rig = await startLimitsRig(
        {
          gpt: { rules: [costRule(100, 'total', PER_TENANT)] },
          claude: { refs: ['anthropic'], rules: [costRule(1000)] },
          'at-once': { rules: [atOnce(1)], annotations: { 'headgate.dev/reserve': '1' } },
          reserving: { rules: [costRule(1000)], annotations: { 'headgate.dev/reserve': '500' } },
          local: { local: [{ limit: { requests: 1, unit: 'Hour' }, ...PER_TENANT }] },
          quiet: { rules: [costRule(100, 'total', { xRateLimitHeaders: 'Off' })] },
        },
        { envoyVersion },
      );
      rig.openai.settings.usage = { input: 60, output: 40 };
    });
    after(() => rig?.stop());

    it('takes it all without a complaint', async () => {
      const findings = rig.gateway.findings();
      expect(
        findings.every((finding) => finding.includes('HG0602')),
        findings.join(),
      ).to.equal(true);
      expect(findings.length).to.equal(canHide ? 0 : 1);
      expect(await rig.gateway.envoy.rejectedUpdates()).to.deep.equal({});
      expect(rig.gateway.envoy.warnings).to.deep.equal([]);
    });

    it('charges and refuses, with when to come again', async () => {
      expect((await rig.chat('gpt', { stream: true }, { 'x-tenant': 'a' })).status).to.equal(200);
      await rig.untilUsed(100, 'gpt', 'a');
      const { status, headers, json } = await rig.chat('gpt', {}, { 'x-tenant': 'a' });
      expect(status).to.equal(429);
      expect(json).to.have.nested.property('error.code', 'rate_limit_exceeded');
      expect(headers['retry-after']).to.equal(headers['x-ratelimit-reset']);
      expect(headers).to.not.have.any.keys('x-headgate-tried', 'x-headgate-backend');
      expect((await rig.chat('gpt', {}, { 'x-tenant': 'b' })).status).to.equal(200);
    });

    it('keeps local limits', async () => {
      for (const [tenant, status] of [
        ['a', 200],
        ['a', 429],
        ['b', 200],
      ] as const) {
        const answer = await rig.chat('local', {}, { 'x-tenant': tenant });
        expect(answer.status, tenant).to.equal(status);
      }
    });

    it('reserves and settles', async () => {
      rig.openai.fault = () => ({ delayMs: 300 });
      const answer = rig.chat('reserving');
      await rig.untilUsed(500, 'reserving');
      expect((await answer).status).to.equal(200);
      await rig.untilUsed(100, 'reserving');
    });

    it('counts requests at once', async () => {
      rig.openai.fault = () => ({ delayMs: 500 });
      const running = rig.chat('at-once');
      await rig.untilUsed(1, 'at-once');
      expect((await rig.chat('at-once')).status).to.equal(429);
      expect((await running).status).to.equal(200);
      await rig.untilUsed(0, 'at-once');
      rig.openai.fault = () => ({ status: 500 });
      expect((await rig.chat('at-once')).status).to.equal(500);
      await rig.untilUsed(0, 'at-once');
    });
  });
}
