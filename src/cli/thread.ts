/**
 * A service of `run` in a thread of its own: reading and compiling a change of many routes takes this thread seconds, and
 * requests wait for no compiler. What nobody catches in there ends the process, as it would here.
 */
import { Worker } from 'node:worker_threads';
import { GatewayError } from '../lib/errors.ts';
import type { Logger } from '../telemetry/index.ts';
import type { FromThread, Offer, ToThread } from './thread-offer.ts';

export interface ServiceThread<O extends Offer> {
  /** Where Envoys reach the service. */
  readonly address: ReturnType<O['address']>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Has the thread call a function of its own. Errors: GatewayError as it is thrown there. */
  ask(name: keyof O, argument?: unknown): Promise<unknown>;
  /** Closes the service, then the thread. */
  close(drainMs: number): Promise<void>;
}

/**
 * Returns when the service listens. `name`: of the file with the thread, which is run as it is built, for a thread reads no
 * TypeScript; `data` is copied. Errors: GatewayError with which it did not start.
 */
export async function startThread<O extends Offer>(
  name: string,
  data: object,
  logger: Logger,
): Promise<ServiceThread<O>> {
  const thread = new Worker(new URL(`./${name}.js`, import.meta.url), { workerData: data });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let ids = 0;
  const ask = (wanted: keyof O, argument?: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      ids += 1;
      waiting.set(ids, { resolve, reject });
      thread.postMessage({ id: ids, name: String(wanted), argument } satisfies ToThread);
    });
  thread.on('message', (message: FromThread) => {
    if (message.kind === 'log') return logger[message.level](message.fields, message.message);
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === 'failed') asked?.reject(new GatewayError(message.code, message.message));
    else asked?.resolve(message.value);
  });
  try {
    return {
      address: (await ask('address')) as ReturnType<O['address']>,
      metrics: async () => (await ask('metrics')) as string,
      ask,
      async close(drainMs) {
        await ask('close', drainMs);
        await thread.terminate();
      },
    };
  } catch (caught) {
    await thread.terminate();
    throw caught;
  }
}
