/** The thread of `own-limits.ts`: the rate limit service itself. */
import { parentPort, workerData } from 'node:worker_threads';
import type { LimitsConfig } from '../ir/index.ts';
import { type ErrorCode, GatewayError, InvariantError } from '../lib/errors.ts';
import { createRateLimitService } from '../ratelimit/index.ts';
import type { LogFields, Logger } from '../telemetry/index.ts';
import type { Address } from './addresses.ts';
import { type BucketFlags, openStore } from './bucket-store.ts';

export interface ThreadData {
  readonly flags: BucketFlags;
  readonly address: Address;
  /** How often limits were replaced, and how often they could not be. */
  readonly taken: Int32Array;
}

/** To the thread. A question has a number, which comes back with its answer. */
export type ToThread =
  | { readonly kind: 'limits'; readonly config: LimitsConfig }
  | { readonly kind: 'budgets'; readonly id: number; readonly max: number }
  | { readonly kind: 'metrics'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number; readonly drainMs: number };

export type FromThread =
  | { readonly kind: 'listening'; readonly address: Address }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: LogFields; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  /** Without a number: it does not listen. */
  | { readonly kind: 'failed'; readonly id?: number; readonly code: ErrorCode; readonly message: string };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

if (!parentPort) throw new InvariantError('this is the entry of a thread');
const port = parentPort;
const { flags, address, taken } = workerData as ThreadData;
const send = (message: FromThread): void => port.postMessage(message);
const logger = loggerOf({ component: 'ratelimit' });

try {
  const service = createRateLimitService({
    store: await openStore(flags, logger),
    config: { domains: [] },
    failureMode: flags.failureMode === 'closed' ? 'closed' : 'open',
    logger,
    ...(flags.redis ? { separator: '_' } : {}),
  });
  const take = (config: LimitsConfig): void => {
    try {
      service.replaceConfig(config);
    } catch (caught) {
      Atomics.add(taken, 1, 1);
      logger.error({}, GatewayError.from(caught, 'invalid_input').message);
    }
    Atomics.add(taken, 0, 1);
    Atomics.notify(taken, 0);
  };
  const answer = async (question: Exclude<ToThread, { kind: 'limits' }>): Promise<unknown> => {
    if (question.kind === 'budgets') return service.budgets(question.max);
    return question.kind === 'metrics' ? service.metrics() : service.close(question.drainMs);
  };
  port.on('message', (message: ToThread) => {
    if (message.kind === 'limits') return take(message.config);
    const { id } = message;
    answer(message).then(
      (value) => send({ kind: 'answer', id, value }),
      (caught: unknown) => send(failure(caught, id)),
    );
  });
  try {
    send({ kind: 'listening', address: await service.listen(address) });
  } catch (caught) {
    await service.close(0);
    throw caught;
  }
} catch (caught) {
  send(failure(caught));
}

function failure(caught: unknown, id?: number): FromThread {
  const { code, message } = GatewayError.from(caught, 'unavailable');
  return { kind: 'failed', ...(id !== undefined && { id }), code, message };
}

/** The process has one logger. */
function loggerOf(own: LogFields): Logger {
  const at =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void =>
      send({ kind: 'log', level, fields: { ...own, ...fields }, message });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => loggerOf({ ...own, ...fields }),
  };
}
