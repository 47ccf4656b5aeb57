/** The store of buckets that flags ask for. */
import { createMemoryStore, createRedisStore, guardStore, persistStore, type Store } from '../ratelimit/index.ts';
import type { Logger } from '../telemetry/index.ts';
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

/** Errors: GatewayError `invalid_input` where a file that the flags name cannot be read. */
export async function openStore(flags: BucketFlags, logger: Logger): Promise<Store> {
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
