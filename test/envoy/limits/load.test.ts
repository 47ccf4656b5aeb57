import { expect } from 'chai';
import { loadTest } from '../../support/index.ts';
import { costRule, type LimitsRig, startLimitsRig } from './rig.ts';

const REQUESTS = 2000;

describe('limits: 64 requests at once', function () {
  this.timeout(60_000);
  let rig: LimitsRig;
  before(async () => {
    rig = await startLimitsRig({
      gpt: { rules: [costRule(4_000_000_000)], annotations: { 'headgate.dev/reserve': '100' } },
    });
    rig.openai.settings.usage = { input: 5, output: 2 };
  });
  after(() => rig?.stop());

  it('are all served, and charged to the token', async () => {
    const body = { model: 'gpt', messages: [{ role: 'user', content: 'hi' }] };
    const result = await loadTest({
      concurrency: 64,
      total: REQUESTS,
      makeRequest: () => ({ port: rig.port, path: '/v1/chat/completions', body }),
    });
    expect(result.byStatus).to.deep.equal({ 200: REQUESTS });
    expect(result.errors).to.deep.equal({});
    await rig.untilUsed(7 * REQUESTS, 'gpt');
  });
});
