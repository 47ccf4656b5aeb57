/** The rate limit service of `run`: Envoy waits 250 ms for a decision, so it has a thread of its own. */
import type { LimitsConfig } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { Budgets } from '../ratelimit/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Address } from './addresses.ts';
import type { BucketFlags } from './bucket-store.ts';
import type { LimitsData, LimitsOffer } from './own-limits-thread.ts';
import { startThread } from './thread.ts';

export interface OwnLimits {
  /** Where Envoys reach it. */
  readonly address: Address;
  /** Returns when they count. Errors: GatewayError `invalid_input`; then the old limits count on. */
  replaceConfig(config: LimitsConfig): void;
  /** The `max` buckets with the least left. Errors: GatewayError of the store. */
  budgets(max: number): Promise<Budgets>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  close(drainMs: number): Promise<void>;
}

/** The thread has nothing to do that takes as long. */
const TAKE_MS = 5000;

/** Errors: GatewayError `port_in_use`; of the store. */
export async function startOwnLimits(flags: BucketFlags, address: Address, logger: Logger): Promise<OwnLimits> {
  const taken = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const { redis, redisMode, redisMaster, redisPasswordFile, redisCa, redisTimeout, failureMode, stateFile } = flags;
  const own = { redis, redisMode, redisMaster, redisPasswordFile, redisCa, redisTimeout, failureMode, stateFile };
  const data: LimitsData = { flags: own as BucketFlags, address, taken };
  const thread = await startThread<LimitsOffer>('own-limits-thread', data, logger.child({ component: 'ratelimit' }));

  function replaceConfig(config: LimitsConfig): void {
    const [before, failures] = [Atomics.load(taken, 0), Atomics.load(taken, 1)];
    void thread.ask('replaceConfig', config);
    if (Atomics.wait(taken, 0, before, TAKE_MS) === 'timed-out') {
      throw new GatewayError('timeout', 'the rate limit service does not take the limits');
    }
    if (Atomics.load(taken, 1) === failures) return;
    throw new GatewayError('invalid_input', 'the rate limit service cannot use the limits');
  }

  return {
    address: thread.address,
    replaceConfig,
    budgets: async (max) => (await thread.ask('budgets', max)) as Budgets,
    metrics: thread.metrics,
    close: thread.close,
  };
}
