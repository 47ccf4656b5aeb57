import { expect } from 'chai';
import { until } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { modelQuota, quotaPolicy, untilQuotaUsed } from './quota-rig.ts';
import { costRule, type LimitsRig, startLimitsRig } from './rig.ts';

describe('prices of backends in costs', function () {
  this.timeout(60_000);
  let rig: LimitsRig;
  const price = [{ metadataKey: 'money', type: 'CEL', cel: 'price' }];

  before(async () => {
    rig = await startLimitsRig(
      {
        gpt: { rules: [costRule(1_000_000, 'money')], costs: price },
        claude: { refs: ['anthropic'], rules: [costRule(1_000_000, 'money')], costs: price },
        renamed: {
          refs: [{ name: 'openai', modelNameOverride: 'gpt' }],
          rules: [costRule(1_000_000, 'money')],
          costs: [{ metadataKey: 'money', type: 'CEL', cel: 'model == "renamed" ? price * 2u : price' }],
        },
        unpriced: { rules: [costRule(1_000_000, 'money')], costs: price },
        quota: { refs: ['anthropic'], costs: [] },
      },
      {
        extra: [
          {
            ...object('v1', 'ConfigMap', 'prices', {
              data: {
                openai: '{gpt: {input: 1.25, cachedInput: 0.125, output: 10, request: 0.0001}}',
                anthropic: "'*': {input: 3, cacheCreationInput: 3.75, cachedInput: 0.3, output: 15}",
              },
            }),
            metadata: { name: 'prices', namespace: 'default', labels: { 'headgate.dev/prices': 'true' } },
          },
          quotaPolicy('anthropic', { perModelQuotas: [modelQuota('quota', 500, { costExpression: 'price' })] }),
        ],
      },
    );
  });
  beforeEach(() => {
    rig.openai.reset();
    rig.anthropic.reset();
  });
  after(() => rig?.stop());

  it('charge what each kind of token costs, of unary answers and streams alike', async () => {
    rig.openai.settings.usage = { input: 1000, cached: 400, output: 200 };
    const cost = 600 * 1.25 + 400 * 0.125 + 200 * 10 + 100;
    await rig.chat('gpt');
    await rig.untilUsed(cost, 'gpt');
    await rig.chat('gpt', { stream: true });
    await rig.untilUsed(2 * cost, 'gpt');
  });

  it('of the model that the backend was asked for, in any expression', async () => {
    rig.openai.settings.usage = { input: 1000, output: 200 };
    await rig.chat('renamed');
    await rig.untilUsed(2 * (1000 * 1.25 + 200 * 10 + 100), 'renamed');
  });

  it('take input of a cache apart, as Anthropic counts it', async () => {
    rig.anthropic.settings.usage = { input: 100, cached: 1000, cacheCreation: 40, output: 10 };
    await rig.anthropicMessage('claude');
    await rig.untilUsed(100 * 3 + 1000 * 0.3 + 40 * 3.75 + 10 * 15, 'claude');
  });

  it('charge quotas in money', async () => {
    rig.anthropic.settings.usage = { input: 100, output: 20 };
    expect((await rig.anthropicMessage('quota')).status).to.equal(200);
    await untilQuotaUsed(600, rig.gateway.limits, 'anthropic', 'model/quota/default');
    expect((await rig.anthropicMessage('quota')).status).to.equal(429);
  });

  it('that are not known are said; a limit counts what the prompt may cost at most', async () => {
    const findings = rig.gateway.findings().filter((finding) => finding.includes('HG0507'));
    expect(findings).to.have.length(1);
    expect(findings[0]).to.contain('default/openai has none for unpriced');
    rig.openai.settings.usage = { input: 1000, output: 200 };
    expect((await rig.chat('unpriced')).status).to.equal(200);
    await until(async () => (await rig.used('unpriced')) > 0, { what: 'a charge' });
    expect(await rig.used('unpriced')).to.be.within(101, 200);
  });
});
