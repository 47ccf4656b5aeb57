/** Quotas beside a `headgate ratelimit` that is restarted while requests are served. */
import { join } from 'node:path';
import { expect } from 'chai';
import type { Budgets } from '../../../src/ratelimit/index.ts';
import { build, type Running, startCommand } from '../../cli/running.ts';
import { type RedisServer, startRedis } from '../../ratelimit/redis-servers.ts';
import { freePorts, tempDir, until } from '../../support/index.ts';
import { modelQuota, quotaPolicy, quotaUse, untilQuotaUsed } from './quota-rig.ts';
import { type LimitsRig, startLimitsRig } from './rig.ts';

for (const store of ['Redis', 'a state file'] as const) {
  describe(`quotas beside a service that restarts, with ${store}`, function () {
    this.timeout(120_000);
    let redis: RedisServer | undefined;
    let rig: LimitsRig;
    let command: Running | undefined;
    let ports: number[];
    let flags: readonly string[];

    before(async () => {
      build();
      if (store === 'Redis') redis = await startRedis();
      flags = redis ? ['--redis', redis.url] : ['--state-file', join(tempDir('state'), 'buckets')];
      ports = await freePorts(2);
      rig = await startLimitsRig(
        { gpt: { refs: ['openai'] }, warm: { refs: ['openai'] } },
        {
          compile: { rateLimit: { host: '127.0.0.1', port: ports[0] ?? 0 } },
          extra: [quotaPolicy('openai', { perModelQuotas: [modelQuota('gpt', 100), modelQuota('warm', 1_000_000)] })],
        },
      );
      rig.openai.settings.usage = { input: 30, output: 12 };
      command = await startService();
    });
    after(async () => {
      await command?.stop();
      await rig?.stop();
      await redis?.stop();
    });

    async function startService(): Promise<Running> {
      const { host, port } = rig.gateway.xds;
      const args = ['--xds', `${host}:${port}`, '--address', `:${ports[0]}`, '--admin-address', `:${ports[1]}`];
      const started = await startCommand(['ratelimit', ...args, ...flags]);
      await until(async () => (await fetch(`${admin()}/healthz`)).ok, { what: 'the service' });
      return started;
    }
    const admin = () => `http://127.0.0.1:${ports[1]}`;
    const limits = {
      budgets: async (max: number) => (await (await fetch(`${admin()}/api/budgets?max=${max}`)).json()) as Budgets,
    };
    const untilUsed = (amount: number) => untilQuotaUsed(amount, limits, 'openai', 'model/gpt/default');

    /** Envoy may need a moment to find the service, and the service one to find Redis. */
    async function untilFound(): Promise<void> {
      const warm = async () => (await quotaUse(limits, 'openai', 'model/warm/default')).used;
      let before: number | undefined;
      const isCharged = async () => {
        before ??= await warm();
        return (await rig.chat('warm')).status === 200 && (await warm()) > before;
      };
      await until(isCharged, { what: 'a charge', timeoutMs: 10_000 });
    }

    it('have what was charged before, and the cost of a stream that outlived the restart', async () => {
      await untilFound();
      expect((await rig.chat('gpt')).status).to.equal(200);
      await untilUsed(42);
      Object.assign(rig.openai.settings, { chunks: 250, chunkDelayMs: 20, usage: { input: 30, output: 20 } });
      let begun = false;
      const stream = rig.chat('gpt', { stream: true }, {}, { onChunk: () => (begun = true) });
      await until(() => begun, { what: 'the stream' });
      expect(await command?.stop()).to.equal(0);
      expect((await rig.chat('gpt')).status, 'nobody judges, so it passes').to.equal(200);
      command = await startService();
      await untilFound();
      expect((await stream).status).to.equal(200);
      await untilUsed(92);
      rig.openai.settings.usage = { input: 10, output: 5 };
      expect((await rig.chat('gpt')).status).to.equal(200);
      await untilUsed(107);
      expect((await rig.chat('gpt')).json).to.have.nested.property('error.code', 'quota_exceeded');
    });
  });
}
