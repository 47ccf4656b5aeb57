/** The inside of a thread that `thread.ts` starts. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorCode, GatewayError, InvariantError } from '../lib/errors.ts';
import type { LogFields, Logger } from '../telemetry/index.ts';

/** What a thread can be asked for. Arguments and values are copied. */
export interface Offer {
  address(): unknown;
  /** Prometheus text. */
  metrics(): string;
  close(drainMs: number): Promise<void>;
}

/** A question has a number, which comes back with its answer. */
export interface ToThread {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export type FromThread =
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: LogFields; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string };

type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Starts a service and answers for it, in the order of the questions; what it did not start with answers them all. */
export function offerToParent<D, O extends Offer>(start: (data: D, logger: Logger) => Promise<O>): void {
  if (!parentPort) throw new InvariantError('this is for a thread');
  const port = parentPort;
  const send = (message: FromThread): void => port.postMessage(message);
  const starting = start(workerData as D, loggerOf(send, {}));
  starting.catch(() => undefined);
  port.on('message', async ({ id, name, argument }: ToThread) => {
    try {
      const offer = (await starting) as unknown as Readonly<Record<string, (argument: unknown) => unknown>>;
      send({ kind: 'answer', id, value: await offer[name]?.(argument) });
    } catch (caught) {
      const { code, message } = GatewayError.from(caught, 'unavailable');
      send({ kind: 'failed', id, code, message });
    }
  });
}

/** The process has one logger. */
function loggerOf(send: (message: FromThread) => void, own: LogFields): Logger {
  const at =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void =>
      send({ kind: 'log', level, fields: { ...own, ...fields }, message });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => loggerOf(send, { ...own, ...fields }),
  };
}
