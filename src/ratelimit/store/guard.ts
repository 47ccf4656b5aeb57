/**
 * A store that can fail, and what counts while it does. After failures in a row it is asked once in a while only, so that
 * requests do not wait for it. With a `local` store the last known counts go on counting here, each instance by itself;
 * what was counted while the store was not asked is added to it when it is back. A call that ran out of time may have
 * been counted in the store, and is not added again: an outage loses or doubles at most the calls that were under way.
 */
import { GatewayError } from '../../lib/errors.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { MemoryStore } from './memory.ts';
import type { BucketChange, BucketCount, Store } from './store.ts';

export interface GuardOptions {
  readonly store: Store;
  /** Present: counts go on here. Absent: the failure is the caller's to handle. */
  readonly local?: MemoryStore;
  readonly logger: Logger;
  /** Failures in a row after which the store is left alone. Default 3. */
  readonly maxFailures?: number;
  /** How often it is asked then. Default every 200 ms. */
  readonly retryMs?: number;
}

/** Buckets whose local changes are kept for the store's return. */
const MAX_PENDING = 100_000;

/** Puts a guard around a store. */
export function guardStore({ store, local, logger, maxFailures = 3, retryMs = 200 }: GuardOptions): Store {
  const pending = new Map<string, BucketChange>();
  let failuresInARow = 0;
  let failures = 0;
  let nextTry = 0;

  const isDown = (): boolean => failuresInARow >= maxFailures;

  function fallBack(changes: readonly BucketChange[], now: number, wasAsked: boolean): readonly BucketCount[] {
    if (!local) throw new GatewayError('unavailable', 'the store of rate limits is not available');
    if (!wasAsked) for (const change of changes) remember(change);
    return local.apply(changes, now);
  }

  function remember(change: BucketChange): void {
    if (change.delta === 0) return;
    const identity = `${change.start} ${change.length} ${change.isOfPrevious} ${change.key}`;
    const known = pending.get(identity);
    if (known) pending.set(identity, { ...known, delta: known.delta + change.delta });
    else if (pending.size < MAX_PENDING) pending.set(identity, change);
  }

  function onSuccess(changes: readonly BucketChange[], counts: readonly BucketCount[], now: number): void {
    if (isDown()) logger.info({ component: 'ratelimit', pending: pending.size }, 'the store is back');
    failuresInARow = 0;
    if (pending.size > 0) replay(now);
    if (!local) return;
    for (const [i, change] of changes.entries()) mirror(local, change, counts[i], now);
  }

  function replay(now: number): void {
    const changes = [...pending.values()].filter(({ start, length }) => start + length > now);
    pending.clear();
    for (let i = 0; i < changes.length; i += 100) {
      const some = changes.slice(i, i + 100);
      Promise.resolve(store.apply(some, now)).catch(() => onFailure());
    }
  }

  function onFailure(): void {
    failures += 1;
    failuresInARow += 1;
    if (!isDown()) return;
    nextTry = performance.now() + retryMs;
    if (failuresInARow > maxFailures) return;
    logger.warn({ component: 'ratelimit', mode: local ? 'local' : 'none' }, 'the store does not answer');
  }

  return {
    apply(changes, now) {
      if (isDown()) {
        if (performance.now() < nextTry) return fallBack(changes, now, false);
        // One request asks; the others do not wait for what becomes of it.
        nextTry = performance.now() + retryMs;
      }
      return Promise.resolve(store.apply(changes, now)).then(
        (counts) => {
          onSuccess(changes, counts, now);
          return counts;
        },
        () => {
          onFailure();
          return fallBack(changes, now, true);
        },
      );
    },
    async list(prefix, max) {
      if (isDown() && local) return local.list(prefix, max);
      return store.list(prefix, max);
    },
    gauges: () => ({
      ...store.gauges(),
      ratelimit_store_available: isDown() ? 0 : 1,
      ratelimit_store_failures: failures,
      ...(local ? { ratelimit_local_buckets: local.size } : {}),
    }),
    async close() {
      await Promise.all([store.close(), local?.close()]);
    },
  };
}

/** Keeps here what the store knows now. */
function mirror(local: MemoryStore, change: BucketChange, count: BucketCount | undefined, now: number): void {
  if (!count) return;
  const { key, start, length } = change;
  local.restore({ start, length, counts: [[key, count.after]] }, now);
  if (change.isSliding) local.restore({ start: start - length, length, counts: [[key, count.previousAfter]] }, now);
}
