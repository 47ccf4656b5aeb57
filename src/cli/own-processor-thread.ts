/** The thread of `own-processor.ts`: the processor itself. */
import { createProcessor } from '../processor/index.ts';
import { createTranslation } from '../providers/translations.ts';
import type { Logger } from '../telemetry/index.ts';
import { offerToParent } from './thread-offer.ts';

export interface ProcessorData {
  readonly path: string;
}

export type ProcessorOffer = Awaited<ReturnType<typeof start>>;

async function start({ path }: ProcessorData, logger: Logger) {
  const processor = createProcessor({ createTranslation, logger });
  const bound = await processor.listen({ path });
  return {
    address: () => bound,
    metrics: processor.metrics,
    close: (drainMs: number) => processor.close(drainMs),
  };
}

offerToParent(start);
