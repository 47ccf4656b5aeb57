import { expect } from 'chai';
import { until } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { modelQuota, perDay, quotaPolicy } from './quota-rig.ts';
import { costRule, type LimitsRig, startLimitsRig } from './rig.ts';

type Fields = Readonly<Record<string, unknown>>;

const MONEY = [{ metadataKey: 'money', type: 'CEL', cel: 'price' }];
const MODELS = {
  limited: { rules: [costRule(1_000_000, 'money')], costs: MONEY },
  told: { costs: MONEY },
  free: {},
  quota: { refs: ['spare'] },
};

const prices = (text: string): Fields =>
  object(
    'v1',
    'ConfigMap',
    'prices',
    { data: { openai: text, spare: text } },
    { labels: { 'headgate.dev/prices': 'true' } },
  );
const quota = (fields: Fields): Fields => quotaPolicy('spare', { perModelQuotas: [modelQuota('quota', 1000, fields)] });

const GOOD = '{"*": {input: 2, output: 4}}';
const inTokens = quota({});
const inMoney = quota({ costExpression: 'price' });

/** What stands in the way, the finding with its place, and who is not served then. */
const BROKEN: Readonly<Record<string, { extra: Fields[]; finding: RegExp; closed: readonly string[] }>> = {
  'an unknown unit': {
    extra: [prices(GOOD), quota({ defaultBucket: { limit: 1, duration: '1 fortnight' } })],
    finding: /HG0106.*QuotaPolicy\/default\/spare: spec\.perModelQuotas\[0\]\.quota\.defaultBucket\.duration/,
    closed: ['quota'],
  },
  'a limit that is too large': {
    extra: [prices(GOOD), quota({ defaultBucket: perDay(2 ** 40) })],
    finding: /HG0502.*QuotaPolicy\/default\/spare: spec\.perModelQuotas\[0\]\.quota\.defaultBucket\.limit/,
    closed: ['quota'],
  },
  'a cost that divides by zero': {
    extra: [prices(GOOD), quota({ costExpression: '1u / output_tokens' })],
    finding: /HG0501.*QuotaPolicy\/default\/spare: spec\.perModelQuotas\[0\]\.quota\.costExpression/,
    closed: ['quota'],
  },
  'a negative price': {
    extra: [prices('{"*": {input: -2}}'), inTokens],
    finding: /HG0506.*ConfigMap\/default\/prices: data\.openai: \*: input must be a number/,
    closed: ['limited'],
  },
  'prices that are no YAML, where quotas count money': {
    extra: [prices('{"*": {input: 2'), inMoney],
    finding: /HG0506.*ConfigMap\/default\/prices: data\.spare: is not YAML/,
    closed: ['limited', 'quota'],
  },
};

describe('quotas and prices that are not valid', function () {
  this.timeout(60_000);
  let rig: LimitsRig;
  const serving = async (): Promise<string[]> => {
    const names = Object.keys(MODELS);
    const answers = await Promise.all(names.map((model) => rig.chat(model)));
    expect(answers.filter(({ status }) => ![200, 500].includes(status))).to.deep.equal([]);
    return names.filter((_, i) => answers[i]?.status === 200);
  };
  const untilServing = async (wanted: readonly string[]): Promise<void> => {
    let last: string[] = [];
    await until(
      async () => {
        last = await serving();
        return last.join() === wanted.join();
      },
      { what: () => `${wanted.join()}, and not ${last.join()}` },
    );
  };

  before(async () => {
    rig = await startLimitsRig(MODELS, { extra: [prices(GOOD), inMoney] });
    rig.openai.settings.usage = { input: 3, output: 1 };
    rig.spare.settings.usage = { input: 3, output: 1 };
    await untilServing(Object.keys(MODELS));
  });
  after(() => rig?.stop());

  for (const [what, { extra, finding, closed }] of Object.entries(BROKEN)) {
    it(`close what they would count, and nothing else: ${what}`, async () => {
      await rig.apply(MODELS, extra);
      await untilServing(Object.keys(MODELS).filter((model) => !closed.includes(model)));
      expect(rig.gateway.findings().filter((one) => finding.test(one))).to.have.length(1);
      expect(rig.gateway.findings().find((one) => finding.test(one))).to.match(/^\S+:\d+:\d+: error/);
      await rig.apply(MODELS, [prices(GOOD), inMoney]);
      await untilServing(Object.keys(MODELS));
    });
  }

  it('serve the last good ones where a file cannot be read at all', async () => {
    const before = rig.gateway.controlPlane.served?.revision;
    const whole = await rig.gateway.apply(`${JSON.stringify(prices(GOOD))}\n---\n{"kind": `);
    expect(whole.ok).to.equal(false);
    expect(rig.gateway.controlPlane.served?.revision).to.equal(before);
    expect(await serving()).to.deep.equal(Object.keys(MODELS));
  });

  it('go on counting what they counted before', async () => {
    rig.spare.settings.usage = { input: 200, output: 200 };
    expect((await rig.chat('quota')).status).to.equal(200);
    await until(async () => (await rig.chat('quota')).status === 429, { what: 'the quota' });
  });
});
