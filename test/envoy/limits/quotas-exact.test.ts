import { expect } from 'chai';
import { type RedisServer, startRedis } from '../../ratelimit/redis-servers.ts';
import { perDay, quotaPolicy, quotaUse, tenantRule, untilQuotaUsed } from './quota-rig.ts';
import { startReplica, stopReplica } from './replicas.ts';
import { type LimitsRig, usageOf } from './rig.ts';

const TENANTS = ['a', 'b', 'c'];
const ENOUGH = 4_000_000_000;
/** What the first backend may be used for by one tenant before the second one serves. */
const SMALL = 20_000;

describe('quotas of two Envoys and two replicas on one Redis', function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let rigs: LimitsRig[];

  before(async () => {
    redis = await startRedis();
    const costExpression = 'input_tokens + 4u * output_tokens';
    const quotaOf = (limit: number) => ({ costExpression, bucketRules: [tenantRule(limit)] });
    rigs = await Promise.all(
      [1, 2].map(() =>
        startReplica(
          redis,
          { spill: { refs: ['openai', 'spare'] } },
          {
            extra: [
              quotaPolicy('openai', { perModelQuotas: [{ modelName: 'spill', quota: quotaOf(SMALL) }] }),
              quotaPolicy('spare', {
                perModelQuotas: [{ modelName: 'spill', quota: { ...quotaOf(ENOUGH), defaultBucket: perDay(ENOUGH) } }],
              }),
            ],
          },
        ),
      ),
    );
  });
  after(async () => {
    await Promise.all((rigs ?? []).map(stopReplica));
    await redis?.stop();
  });

  it('are charged the sum of the usage, to the token, at the backends that served', async () => {
    let n = 0;
    for (const { openai, spare } of rigs) {
      for (const { settings } of [openai, spare]) {
        settings.chunkDelayMs = 2;
        settings.usage = () => {
          n += 1;
          return { input: (n * 7919) % 1000, output: (n * 104_729) % 300 };
        };
      }
      openai.fault = ({ headers }) => (headers['x-fails'] === undefined ? undefined : { status: 503 });
    }
    const expected = new Map<string, number>();
    let [next, most] = [0, 0];
    const client = async (): Promise<void> => {
      for (let i = next++; i < 400; i = next++) {
        const rig = rigs[i % 2] as LimitsRig;
        const tenant = TENANTS[i % 3] ?? '';
        const headers = { 'x-tenant': tenant, ...(i % 10 === 0 && { 'x-fails': 'yes' }) };
        const answer = await rig.chat('spill', { stream: i % 4 < 2 }, headers);
        expect(answer.status, answer.text).to.equal(200);
        const { input, output } = usageOf(answer);
        const key = `${answer.headers['x-headgate-backend']} ${tenant}`;
        const cost = input + 4 * output;
        expected.set(key, (expected.get(key) ?? 0) + cost);
        most = Math.max(most, cost);
      }
    };
    await Promise.all(Array.from({ length: 12 }, client));
    for (const { gateway } of rigs) {
      for (const tenant of TENANTS) {
        const first = expected.get(`default/openai ${tenant}`) ?? 0;
        await untilQuotaUsed(first, gateway.limits, 'openai', 'model/spill/rule/0', tenant);
        const second = expected.get(`default/spare ${tenant}`) ?? 0;
        expect(second, 'what went on to the second backend').to.be.above(0);
        await untilQuotaUsed(second, gateway.limits, 'spare', 'model/spill/rule/0', tenant);
        // Of each of the twelve clients one request ran, and the charge of one was on its way, when it was used up.
        expect(first).to.be.within(SMALL, SMALL + 24 * most);
      }
      const { used } = await quotaUse(gateway.limits, 'spare', 'model/spill/default');
      expect(used).to.equal(TENANTS.reduce((sum, tenant) => sum + (expected.get(`default/spare ${tenant}`) ?? 0), 0));
    }
  });
});
