/**
 * The rate limit service of `run`, in a thread of its own: reading and compiling a change of many routes takes this thread
 * seconds, and Envoy waits 250 ms for a decision.
 */
import { Worker } from 'node:worker_threads';
import type { LimitsConfig } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { Budgets } from '../ratelimit/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Address } from './addresses.ts';
import type { BucketFlags } from './bucket-store.ts';
import type { FromThread, ThreadData, ToThread } from './own-limits-thread.ts';

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
/** As it is built: a thread reads no TypeScript. */
const THREAD = new URL('./own-limits-thread.js', import.meta.url);

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Question = Without<Exclude<ToThread, { kind: 'limits' }>, 'id'>;

/** Errors: GatewayError `port_in_use`; of the store. */
export async function startOwnLimits(flags: BucketFlags, address: Address, logger: Logger): Promise<OwnLimits> {
  const taken = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const { redis, redisMode, redisMaster, redisPasswordFile, redisCa, redisTimeout, failureMode, stateFile } = flags;
  const own = { redis, redisMode, redisMaster, redisPasswordFile, redisCa, redisTimeout, failureMode, stateFile };
  const workerData = { flags: own as BucketFlags, address, taken } satisfies ThreadData;
  const thread = new Worker(THREAD, { workerData });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let ids = 0;
  const send = (message: ToThread): void => thread.postMessage(message);
  const ask = (question: Question): Promise<unknown> =>
    new Promise((resolve, reject) => {
      ids += 1;
      waiting.set(ids, { resolve, reject });
      send({ ...question, id: ids });
    });

  const listening = new Promise<Address>((resolve, reject) => {
    waiting.set(0, { resolve: (value) => resolve(value as Address), reject });
  });
  thread.on('message', (message: FromThread) => {
    if (message.kind === 'log') return logger[message.level](message.fields, message.message);
    const id = message.kind === 'listening' ? 0 : (message.id ?? 0);
    const asked = waiting.get(id);
    waiting.delete(id);
    if (message.kind === 'failed') asked?.reject(new GatewayError(message.code, message.message));
    else asked?.resolve(message.kind === 'listening' ? message.address : message.value);
  });

  function replaceConfig(config: LimitsConfig): void {
    const [before, failures] = [Atomics.load(taken, 0), Atomics.load(taken, 1)];
    send({ kind: 'limits', config });
    if (Atomics.wait(taken, 0, before, TAKE_MS) === 'timed-out') {
      throw new GatewayError('timeout', 'the rate limit service does not take the limits');
    }
    if (Atomics.load(taken, 1) === failures) return;
    throw new GatewayError('invalid_input', 'the rate limit service cannot use the limits');
  }

  try {
    return {
      address: await listening,
      replaceConfig,
      budgets: async (max) => (await ask({ kind: 'budgets', max })) as Budgets,
      metrics: async () => (await ask({ kind: 'metrics' })) as string,
      async close(drainMs) {
        await ask({ kind: 'close', drainMs });
        await thread.terminate();
      },
    };
  } catch (caught) {
    await thread.terminate();
    throw caught;
  }
}
