import { expect } from 'chai';
import { limitsOf } from '../../../src/ir/index.ts';
import { type RedisServer, startRedis } from '../../ratelimit/redis-servers.ts';
import { until } from '../../support/index.ts';
import { startReplica, startReplicaService, stopReplica } from './replicas.ts';
import { costRule, type LimitsRig, PER_TENANT, usageOf } from './rig.ts';

const MODELS = {
  checked: { rules: [costRule(4_000_000_000, 'total', PER_TENANT)] },
  reserving: {
    rules: [costRule(4_000_000_000, 'price', PER_TENANT)],
    annotations: { 'headgate.dev/reserve': 'max_tokens' },
  },
  pair: {
    refs: ['openai', 'spare'],
    rules: [costRule(4_000_000_000)],
    policy: { retry: { numRetries: 1, retryOn: { httpStatusCodes: [500] } } },
  },
} as const;
const TENANTS = ['a', 'b', 'c'];

describe('limits: the sum of what is charged', function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let rigs: LimitsRig[];
  before(async () => {
    redis = await startRedis();
    rigs = await Promise.all([1, 2].map(() => startReplica(redis, MODELS)));
  });
  after(async () => {
    await Promise.all((rigs ?? []).map(stopReplica));
    await redis?.stop();
  });

  for (const [model, cost] of [
    ['checked', (input: number, output: number) => input + output],
    ['reserving', (input: number, output: number) => input + 4 * output],
  ] as const) {
    it(`is the sum of the usage, to the token, of two Envoys and two replicas on one Redis: ${model}`, async () => {
      let n = 0;
      for (const rig of rigs) {
        rig.openai.settings.chunkDelayMs = 2;
        rig.openai.settings.usage = () => {
          n += 1;
          return { input: (n * 7919) % 1000, output: (n * 104_729) % 300 };
        };
      }
      const expected = new Map(TENANTS.map((tenant) => [tenant, 0]));
      let next = 0;
      const client = async (): Promise<void> => {
        for (let i = next++; i < 300; i = next++) {
          const rig = rigs[i % 2] as LimitsRig;
          const tenant = TENANTS[i % 3] ?? '';
          const fails = i % 10 === 0;
          const headers = { 'x-tenant': tenant, ...(fails && { 'x-fails': 'yes' }) };
          const answer = await rig.chat(model, { stream: i % 2 === 0, max_tokens: 50 }, headers);
          if (fails) continue;
          expect(answer.status, answer.text).to.equal(200);
          const { input, output } = usageOf(answer);
          expected.set(tenant, (expected.get(tenant) ?? 0) + cost(input, output));
        }
      };
      for (const { openai } of rigs) {
        openai.fault = ({ headers }) => (headers['x-fails'] === undefined ? undefined : { status: 500 });
      }
      await Promise.all(Array.from({ length: 12 }, client));
      for (const tenant of TENANTS) {
        for (const rig of rigs) await rig.untilUsed(expected.get(tenant) ?? 0, model, tenant);
      }
    });
  }

  it('has the usage of the attempt that answered, once', async () => {
    const [rig] = rigs as [LimitsRig];
    rig.openai.reset();
    rig.spare.reset();
    rig.openai.settings.usage = { input: 1000, output: 1000 };
    rig.spare.settings.usage = { input: 3, output: 4 };
    rig.openai.fault = () => ({ status: 500 });
    const answer = await rig.chat('pair', { stream: true });
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.headers['x-headgate-backend']).to.equal('default/spare');
    await rig.untilUsed(7, 'pair');
  });

  it('lacks nothing that was used before a service restarts, and gives back only what was taken', async () => {
    const [rig] = rigs as [LimitsRig];
    rig.openai.reset();
    rig.openai.settings.usage = { input: 30, output: 10 };
    await rig.chat('reserving', {}, { 'x-tenant': 'r' });
    await rig.untilUsed(70, 'reserving', 'r');
    const port = rig.gateway.limitsPort;
    await rig.gateway.limits.close(0);
    rig.openai.fault = () => ({ delayMs: 1500 });
    const answer = rig.chat('reserving', {}, { 'x-tenant': 'r' });
    await until(() => rig.openai.requests.length > 1, { what: 'a request that nobody checked' });
    const again = await startReplicaService(redis, port);
    again.replaceConfig(limitsOf(rig.gateway.controlPlane.served?.ir ?? { gateways: [] }));
    expect((await answer).status).to.equal(200);
    const other = rigs[1] as LimitsRig;
    await other.untilUsed(140, 'reserving', 'r');
    await again.close(0);
  });
});
