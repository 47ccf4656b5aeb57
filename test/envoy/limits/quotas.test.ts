import { expect } from 'chai';
import { request, until } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { modelQuota, perDay, quotaPolicy, quotaUse, tenantRule, untilQuotaUsed } from './quota-rig.ts';
import { type LimitsRig, startLimitsRig } from './rig.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Of one answer: 42 tokens. */
const USAGE = { input: 30, output: 12 };
const AI = 'aigateway.envoyproxy.io';

describe('quotas of backends', function () {
  this.timeout(120_000);
  let rig: LimitsRig;

  /** Two backends of OpenAI, `first` and `second`, beside the rig's own. */
  const more = (): Fields[] =>
    ['first', 'second'].flatMap((name) => [
      object(`${AI}/v1beta1`, 'AIServiceBackend', name, {
        spec: {
          schema: { name: 'OpenAI' },
          backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'openai' },
        },
      }),
      object(`${AI}/v1beta1`, 'BackendSecurityPolicy', name, {
        spec: {
          targetRefs: [{ group: AI, kind: 'AIServiceBackend', name }],
          type: 'APIKey',
          apiKey: { secretRef: { name: 'key-openai' } },
        },
      }),
    ]);

  const used = async (...of: readonly [backend: string, bucket: string, tenant?: string]): Promise<number> =>
    (await quotaUse(rig.gateway.limits, ...of)).used;
  const untilUsed = (amount: number, ...of: readonly [backend: string, bucket: string, tenant?: string]) =>
    untilQuotaUsed(amount, rig.gateway.limits, ...of);
  const by = (answer: { headers: Readonly<Record<string, unknown>> }) => answer.headers['x-headgate-backend'];

  before(async () => {
    rig = await startLimitsRig(
      {
        spill: { refs: ['first', 'second'] },
        alone: { refs: ['first'] },
        renamed: {
          refs: [
            { name: 'first', modelNameOverride: 'small' },
            { name: 'second', priority: 1 },
          ] as never,
        },
        other: { refs: ['second'] },
        retried: { refs: ['first', 'second'] },
        tenants: { refs: ['first'] },
        shadow: { refs: ['first'] },
        zero: { refs: ['first', 'second'] },
        service: { refs: ['openai'] },
        'service-2': { refs: ['openai'] },
        own: { refs: ['openai'] },
      },
      {
        extra: [
          ...more(),
          quotaPolicy('first', {
            perModelQuotas: [
              modelQuota('spill', 80),
              modelQuota('alone', 80, { costExpression: 'input_tokens + 2u * output_tokens' }),
              modelQuota('small', 40),
              modelQuota('retried', 1000),
              modelQuota('zero', 0),
              { modelName: 'tenants', quota: { bucketRules: [tenantRule(80)] } },
              { modelName: 'shadow', quota: { bucketRules: [tenantRule(10, { shadowMode: true })] } },
            ],
          }),
          quotaPolicy('second', {
            perModelQuotas: [modelQuota('spill', 40), modelQuota('retried', 1000), modelQuota('zero', 0)],
          }),
          quotaPolicy('openai', {
            serviceQuota: { quota: perDay(100) },
            perModelQuotas: [modelQuota('own', 1000)],
          }),
        ],
      },
    );
  });
  beforeEach(() => {
    rig.openai.reset();
    rig.openai.settings.usage = USAGE;
  });
  after(() => rig?.stop());

  it('are served without a finding', () => {
    expect(rig.gateway.findings().filter((finding) => !finding.includes('info['))).to.deep.equal([]);
  });

  it('skip a backend without room for the next one, and refuse when none has room', async () => {
    for (const n of [1, 2]) {
      const answer = await rig.chat('spill', n === 2 ? { stream: true } : {});
      expect([answer.status, by(answer)], answer.text).to.deep.equal([200, 'default/first']);
      await untilUsed(42 * n, 'first', 'model/spill/default');
    }
    const next = await rig.chat('spill');
    expect([next.status, by(next)]).to.deep.equal([200, 'default/second']);
    expect(next.headers['x-headgate-tried']).to.equal('default/first=no-quota,default/second=200');
    await untilUsed(42, 'second', 'model/spill/default');
    expect(await used('first', 'model/spill/default')).to.equal(84);
    const seen = rig.openai.requests.length;
    const refused = await rig.chat('spill');
    expect(refused.status).to.equal(429);
    expect(refused.json).to.have.nested.property('error.type', 'rate_limit_error');
    expect(refused.json).to.have.nested.property('error.code', 'quota_exceeded');
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 86_400);
    expect(refused.headers['x-headgate-tried']).to.equal('default/first=no-quota,default/second=no-quota');
    expect(rig.openai.requests.length).to.equal(seen);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await used('first', 'model/spill/default'), 'a refused request costs nothing').to.equal(84);
  });

  it('judge a backend that is alone, by a cost of its own', async () => {
    expect((await rig.chat('alone')).status).to.equal(200);
    await untilUsed(54, 'first', 'model/alone/default');
    expect((await rig.chat('alone')).status).to.equal(200);
    await untilUsed(108, 'first', 'model/alone/default');
    expect((await rig.chat('alone')).status).to.equal(429);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await used('first', 'model/alone/default'), 'a refused request costs nothing').to.equal(108);
  });

  it('mean the model that the backend is asked for', async () => {
    const first = await rig.chat('renamed');
    expect(by(first)).to.equal('default/first');
    await untilUsed(42, 'first', 'model/small/default');
    expect(by(await rig.chat('renamed'))).to.equal('default/second');
    expect((await rig.chat('other')).status, 'a model without a quota').to.equal(200);
  });

  it('charge the backend that served, once, and not the one that failed', async () => {
    let calls = 0;
    rig.openai.fault = () => {
      calls += 1;
      return calls === 1 ? { status: 503 } : undefined;
    };
    const answer = await rig.chat('retried');
    expect([answer.status, by(answer)], answer.text).to.deep.equal([200, 'default/second']);
    await untilUsed(42, 'second', 'model/retried/default');
    expect(await used('first', 'model/retried/default')).to.equal(0);
    rig.openai.fault = () => ({ status: 503 });
    expect((await rig.chat('retried')).status).to.equal(503);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await used('second', 'model/retried/default')).to.equal(42);
  });

  it('give each tenant a bucket that is checked and charged', async () => {
    for (const n of [1, 2]) {
      expect((await rig.chat('tenants', {}, { 'x-tenant': 'a' })).status).to.equal(200);
      await untilUsed(42 * n, 'first', 'model/tenants/rule/0', 'a');
    }
    expect((await rig.chat('tenants', {}, { 'x-tenant': 'a' })).status).to.equal(429);
    expect((await rig.chat('tenants', {}, { 'x-tenant': 'b' })).status).to.equal(200);
    await untilUsed(42, 'first', 'model/tenants/rule/0', 'b');
    expect((await rig.chat('tenants')).status, 'meets no bucket').to.equal(200);
  });

  it('in shadow mode count and refuse nothing', async () => {
    for (const n of [1, 2, 3]) {
      expect((await rig.chat('shadow', {}, { 'x-tenant': 's' })).status).to.equal(200);
      await untilUsed(42 * n, 'first', 'model/shadow/rule/0', 's');
    }
  });

  it('of nothing refuse the first request already', async () => {
    expect((await rig.chat('zero')).status).to.equal(429);
  });

  it('of a service count all models without a quota of their own', async () => {
    for (const [n, model] of ['service', 'service-2', 'service'].entries()) {
      expect((await rig.chat(model)).status).to.equal(200);
      await untilUsed(42 * (n + 1), 'openai', 'service');
    }
    expect((await rig.chat('service-2')).status).to.equal(429);
    expect((await rig.chat('own')).status).to.equal(200);
    await untilUsed(42, 'openai', 'model/own/default');
    expect(await used('openai', 'service')).to.equal(126);
  });

  it('charge an aborted stream what is known of it', async () => {
    Object.assign(rig.openai.settings, { usage: {}, chunks: 2000, chunkDelayMs: 5 });
    const before = await used('openai', 'model/own/default');
    const abort = new AbortController();
    let chunks = 0;
    const stopping = request({
      port: rig.port,
      path: '/v1/chat/completions',
      body: { model: 'own', stream: true, messages: [{ role: 'user', content: 'x'.repeat(400) }] },
      signal: abort.signal,
      onChunk: () => {
        chunks += 1;
        if (chunks === 20) abort.abort();
      },
    });
    await stopping.catch(() => undefined);
    await until(async () => (await used('openai', 'model/own/default')) > before, { what: 'a charge' });
    // The prompt, by its size, and as many tokens as there were events.
    expect((await used('openai', 'model/own/default')) - before).to.be.within(100 + 15, 100 + 200);
  });

  it('are those of the newest revision at once', async () => {
    const extra = [...more(), quotaPolicy('first', { perModelQuotas: [modelQuota('free', 0)] })];
    await rig.apply({ free: { refs: ['first', 'second'] } }, extra);
    await until(async () => by(await rig.chat('free')) === 'default/second', { what: 'the quota of 0' });
  });

  it('are judged in favour of the request while the service is away', async () => {
    await rig.gateway.limits.close(0);
    const answer = await rig.chat('free');
    expect([answer.status, by(answer)], answer.text).to.deep.equal([200, 'default/first']);
  });
});
