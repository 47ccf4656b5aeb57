/** From the descriptors of a request to the changes of buckets: one net change a bucket. */
import type { Asked } from './asked.ts';
import { chargeTime, SKEW_SECONDS } from './reservation.ts';
import type { ServiceStats } from './statistics.ts';
import type { BucketChange } from './store/store.ts';
import { windowStart } from './units.ts';
import { MAX_HITS } from './wire.ts';

export interface Plan {
  readonly changes: readonly BucketChange[];
  /** The change of each descriptor; -1 for those without a limit. */
  readonly changeOf: readonly number[];
}

/** Plans the changes of a request. `stats` counts what is given back. */
export function planChanges(asked: readonly Asked[], now: number, stats: ServiceStats): Plan {
  if (asked.length === 1) {
    const [only] = asked;
    return only?.found ? { changes: [changeFor(only, netHits(only), now, stats)], changeOf: [0] } : NOTHING;
  }
  const net = new Map<string, { first: Asked; hits: number; index: number }>();
  const changeOf = asked.map((one) => {
    if (!one.found) return -1;
    const { key, limit } = one.found;
    const identity = `${limit.windowSeconds} ${one.reservedAt ?? ''} ${key}`;
    const known = net.get(identity);
    if (known) {
      known.hits += netHits(one);
      return known.index;
    }
    net.set(identity, { first: one, hits: netHits(one), index: net.size });
    return net.size - 1;
  });
  return { changes: [...net.values()].map(({ first, hits }) => changeFor(first, hits, now, stats)), changeOf };
}

const NOTHING: Plan = { changes: [], changeOf: [-1] };

function netHits({ hits, descriptor }: Asked): number {
  return descriptor.isNegativeHits ? -hits : hits;
}

function changeFor({ found, reservedAt }: Asked, hits: number, now: number, stats: ServiceStats): BucketChange {
  const length = found?.limit.windowSeconds ?? 1;
  const isSliding = found?.limit.algorithm === 'sliding';
  const key = found?.key ?? '';
  const change = (time: number, delta: number, isOfPrevious = false): BucketChange => ({
    key,
    start: windowStart(time, length),
    length,
    delta: Math.max(-MAX_HITS, Math.min(MAX_HITS, delta)),
    isSliding,
    isOfPrevious,
  });
  if (hits >= 0) return change(chargeTime(now, reservedAt), hits);
  stats.refunds -= hits;
  if (reservedAt === undefined) return change(now, hits);
  const isNear = Math.abs(reservedAt - now) <= SKEW_SECONDS;
  const age = windowStart(now, length) - windowStart(reservedAt, length);
  if (age === 0 || isNear) return change(isNear ? reservedAt : now, hits);
  if (age === length && isSliding) return change(now, hits, true);
  stats.refundsDropped -= hits;
  return change(now, 0);
}
