/** The thread of `own-limits.ts`: the rate limit service itself. */
import type { LimitsConfig } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { createRateLimitService } from '../ratelimit/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Address } from './addresses.ts';
import { type BucketFlags, openStore } from './bucket-store.ts';
import { offerToParent } from './thread-offer.ts';

export interface LimitsData {
  readonly flags: BucketFlags;
  readonly address: Address;
  /** How often limits were replaced, and how often they could not be. */
  readonly taken: Int32Array;
}

export type LimitsOffer = Awaited<ReturnType<typeof start>>;

async function start({ flags, address, taken }: LimitsData, logger: Logger) {
  const service = createRateLimitService({
    store: await openStore(flags, logger),
    config: { domains: [] },
    failureMode: flags.failureMode === 'closed' ? 'closed' : 'open',
    logger,
    ...(flags.redis ? { separator: '_' } : {}),
  });
  const bound = await service.listen(address).catch(async (caught: unknown) => {
    await service.close(0);
    throw caught;
  });
  return {
    address: () => bound,
    replaceConfig(config: LimitsConfig): void {
      try {
        service.replaceConfig(config);
      } catch (caught) {
        Atomics.add(taken, 1, 1);
        logger.error({}, GatewayError.from(caught, 'invalid_input').message);
      }
      Atomics.add(taken, 0, 1);
      Atomics.notify(taken, 0);
    },
    budgets: service.budgets,
    metrics: service.metrics,
    close: service.close,
  };
}

offerToParent(start);
