/** The processor of `run`: in a thread, on a socket that only this user's processes reach. */
import { join } from 'node:path';
import type { ProcessorTarget } from '../envoy/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { ProcessorData, ProcessorOffer } from './own-processor-thread.ts';
import { startThread } from './thread.ts';

export interface OwnProcessor {
  readonly target: ProcessorTarget;
  /** Prometheus text. */
  metrics(): Promise<string>;
  close(drainMs: number): Promise<void>;
}

/** Shape: `directory` is the one of the run. Errors: GatewayError `unavailable`. */
export async function startOwnProcessor(directory: string, logger: Logger): Promise<OwnProcessor> {
  const data: ProcessorData = { path: join(directory, 'processor.sock') };
  const own = logger.child({ component: 'processor' });
  const thread = await startThread<ProcessorOffer>('own-processor-thread', data, own);
  return {
    target: { address: { kind: 'unix', path: thread.address.path } },
    metrics: thread.metrics,
    close: thread.close,
  };
}
