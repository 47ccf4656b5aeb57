/** Options of who keeps buckets: `ratelimit`, and `run` for its own service. */
import { type Command, Option } from 'commander';
import { GatewayError } from '../lib/errors.ts';
import type { RateLimitService, Store } from '../ratelimit/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Address } from './addresses.ts';
import { parseDuration } from './server-options.ts';
import { readBytes } from './watched-files.ts';

export interface BucketFlags {
  readonly redis?: readonly string[];
  readonly redisMode: 'single' | 'sentinel' | 'cluster';
  readonly redisMaster?: string;
  readonly redisPasswordFile?: string;
  readonly redisCa?: string;
  readonly redisTimeout: number;
  readonly failureMode: 'open' | 'closed' | 'local';
  readonly stateFile?: string;
}

export const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];

export function addBucketOptions(command: Command): Command {
  return command
    .option(
      '--redis <url>',
      'keep buckets in Redis: redis:// or rediss:// (repeatable: sentinels, cluster nodes)',
      collect,
    )
    .addOption(new Option('--redis-mode <mode>').choices(['single', 'sentinel', 'cluster']).default('single'))
    .option('--redis-master <name>', 'what sentinels call the master')
    .option('--redis-password-file <file>', 'a file with the password of Redis')
    .option('--redis-ca <file>', 'authorities of the certificate of Redis')
    .addOption(
      new Option('--redis-timeout <duration>', 'an answer of Redis that takes longer is a failure')
        .argParser(parseDuration)
        .default(50, '50ms'),
    )
    .addOption(
      new Option('--failure-mode <mode>', 'without Redis: let pass, refuse, or go on counting alone')
        .choices(['open', 'closed', 'local'])
        .default('local'),
    )
    .option('--state-file <file>', 'without Redis: keep buckets over a restart');
}

/** Errors: GatewayError `usage` where the flags do not go together. */
export function checkBucketFlags({ redis, stateFile, redisMode }: BucketFlags): void {
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  if (redis && stateFile !== undefined) throw usage('--state-file is for buckets in memory, not for --redis');
  if (redis && redis.length > 1 && redisMode === 'single') {
    throw usage('several --redis need --redis-mode sentinel or cluster');
  }
}

/** Errors: GatewayError `invalid_input` where a file that the flags name cannot be read. */
export async function openStore(flags: BucketFlags, logger: Logger): Promise<Store> {
  const { createMemoryStore, createRedisStore, guardStore, persistStore } = await import('../ratelimit/index.ts');
  const { redis, stateFile: path, failureMode, redisMode, redisMaster, redisPasswordFile, redisCa } = flags;
  if (!redis) {
    const memory = createMemoryStore();
    return path === undefined ? memory : persistStore(memory, { path, logger });
  }
  const password = redisPasswordFile === undefined ? undefined : (await readBytes(redisPasswordFile)).toString().trim();
  const store = await createRedisStore({
    urls: redis,
    mode: redisMode,
    timeoutMs: flags.redisTimeout,
    logger,
    ...(redisMaster === undefined ? {} : { masterName: redisMaster }),
    ...(password === undefined ? {} : { password }),
    ...(redisCa === undefined ? {} : { ca: await readBytes(redisCa) }),
  });
  return guardStore({ store, logger, ...(failureMode === 'local' ? { local: createMemoryStore() } : {}) });
}

/** The service of a control plane that has its own. Errors: GatewayError `port_in_use`; of the store. */
export async function startOwnService(
  flags: BucketFlags,
  address: Address,
  logger: Logger,
): Promise<{ readonly service: RateLimitService; readonly address: Address }> {
  const { createRateLimitService } = await import('../ratelimit/index.ts');
  const own = logger.child({ component: 'ratelimit' });
  const service = createRateLimitService({
    store: await openStore(flags, own),
    config: { domains: [] },
    failureMode: flags.failureMode === 'closed' ? 'closed' : 'open',
    logger: own,
    ...(flags.redis ? { separator: '_' } : {}),
  });
  try {
    return { service, address: await service.listen(address) };
  } catch (caught) {
    await service.close(0);
    throw caught;
  }
}
