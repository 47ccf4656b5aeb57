/** Envoys with a replica of the rate limit service each, all on one Redis. */
import {
  createRateLimitService,
  createRedisStore,
  guardStore,
  type RateLimitService,
} from '../../../src/ratelimit/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import type { RedisServer } from '../../ratelimit/redis-servers.ts';
import { freePort } from '../../support/index.ts';
import { type LimitsRig, startLimitsRig } from './rig.ts';

export async function startReplica(
  redis: RedisServer,
  ...[models, options]: Parameters<typeof startLimitsRig>
): Promise<LimitsRig> {
  const port = await freePort();
  const service = await startReplicaService(redis, port);
  return startLimitsRig(models, { ...options, rateLimit: { service, port } });
}

export async function startReplicaService(redis: RedisServer, port: number): Promise<RateLimitService> {
  const store = await createRedisStore({ urls: [redis.url], mode: 'single', timeoutMs: 200, logger: silentLogger });
  const service = createRateLimitService({
    store: guardStore({ store, logger: silentLogger }),
    config: { domains: [] },
    separator: '_',
    logger: silentLogger,
  });
  await service.listen({ host: '127.0.0.1', port });
  return service;
}

export async function stopReplica(rig: LimitsRig): Promise<void> {
  await rig.stop();
  await rig.gateway.limits.close(0);
}
