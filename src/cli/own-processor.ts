/** The processor of `run`: in a thread, on a socket that only this user's processes reach. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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

/** Errors: GatewayError `unavailable`. */
export async function startOwnProcessor(logger: Logger): Promise<OwnProcessor> {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const data: ProcessorData = { path: join(directory, 'processor.sock') };
  const own = logger.child({ component: 'processor' });
  const thread = await startThread<ProcessorOffer>('own-processor-thread', data, own).catch(async (caught: unknown) => {
    await remove();
    throw caught;
  });
  return {
    target: { address: { kind: 'unix', path: thread.address.path } },
    metrics: thread.metrics,
    async close(drainMs) {
      await thread.close(drainMs);
      await remove();
    },
  };
}
