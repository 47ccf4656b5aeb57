/** Buckets in memory: one map a window, so that a window that is over goes as one, without a look at its buckets. */
import { GatewayError } from '../../lib/errors.ts';
import type { BucketChange, BucketCount, Store, StoredBucket } from './store.ts';

export interface MemoryStoreOptions {
  /** Buckets at most; what would be more is an error. Default 2,000,000. */
  readonly maxBuckets?: number;
}

/** A window with its buckets, as it is saved. */
export interface SavedWindow {
  readonly start: number;
  readonly length: number;
  readonly counts: readonly (readonly [key: string, count: number])[];
}

export interface MemoryStore extends Store {
  apply(changes: readonly BucketChange[], now: number): BucketCount[];
  readonly size: number;
  /** Rises with every change. */
  readonly revision: number;
  windows(): Iterable<{ start: number; length: number; counts: ReadonlyMap<string, number> }>;
  /** Takes over buckets as they are elsewhere, as many as fit. */
  restore(window: SavedWindow, now: number): void;
}

interface Window {
  readonly start: number;
  readonly length: number;
  readonly counts: Map<string, number>;
  /** It is read while the next one runs as well. */
  isSliding: boolean;
}

const scratch = Buffer.allocUnsafe(4096);

function plainCopy(text: string): string {
  // A character of a text is at most three bytes of UTF-8.
  if (3 * text.length > scratch.length) return Buffer.from(text).toString();
  return scratch.toString('utf8', 0, scratch.write(text));
}

/** How long a window is kept past its end, in seconds: for refunds and clocks that differ. */
const GRACE = 5;

export function createMemoryStore({ maxBuckets = 2_000_000 }: MemoryStoreOptions = {}): MemoryStore {
  /** By length, then by start. */
  const lengths = new Map<number, Map<number, Window>>();
  let size = 0;
  let revision = 0;
  let nextExpiry = Number.POSITIVE_INFINITY;
  let lastNow = 0;
  let lastAt = 0;

  function windowOf(start: number, length: number): Window {
    const starts = lengths.get(length) ?? new Map<number, Window>();
    if (starts.size === 0) lengths.set(length, starts);
    const known = starts.get(start);
    if (known) return known;
    const created = { start, length, counts: new Map<string, number>(), isSliding: false };
    starts.set(start, created);
    nextExpiry = Math.min(nextExpiry, expiryOf(created));
    return created;
  }

  function expire(now: number): void {
    nextExpiry = Number.POSITIVE_INFINITY;
    for (const [length, starts] of lengths) {
      for (const window of starts.values()) {
        const expiry = expiryOf(window);
        if (expiry > now) nextExpiry = Math.min(nextExpiry, expiry);
        else {
          starts.delete(window.start);
          size -= window.counts.size;
        }
      }
      if (starts.size === 0) lengths.delete(length);
    }
  }

  function add(window: Window, key: string, before: number | undefined, after: number): void {
    if (before === undefined) {
      if (size >= maxBuckets) throw new GatewayError('limit_exceeded', `more than ${maxBuckets} buckets`);
      size += 1;
      // What was put together from pieces would keep the pieces: a plain copy is half the size.
      window.counts.set(plainCopy(key), after);
    } else window.counts.set(key, after);
    revision += 1;
  }

  function change(window: Window, key: string, delta: number): { before: number; after: number } {
    const known = window.counts.get(key);
    const before = known ?? 0;
    const after = Math.max(0, before + delta);
    if (after !== before) add(window, key, known, after);
    return { before, after };
  }

  function applyOne({ key, start, length, delta, isSliding, isOfPrevious }: BucketChange): BucketCount {
    const current = windowOf(start, length);
    if (!isSliding) {
      const { before, after } = change(current, key, delta);
      return { before, after, previousBefore: 0, previousAfter: 0 };
    }
    current.isSliding = true;
    const previous = windowOf(start - length, length);
    previous.isSliding = true;
    const own = change(current, key, isOfPrevious ? 0 : delta);
    const old = change(previous, key, isOfPrevious ? delta : 0);
    return { before: own.before, after: own.after, previousBefore: old.before, previousAfter: old.after };
  }

  const timer = setInterval(() => {
    // By the clock of those who ask, which need not be that of the machine.
    const now = lastNow + (performance.now() - lastAt) / 1000;
    if (now >= nextExpiry) expire(now);
  }, 1000);
  timer.unref();

  return {
    apply(changes, now) {
      lastNow = now;
      lastAt = performance.now();
      if (now >= nextExpiry) expire(now);
      return changes.map(applyOne);
    },
    get size() {
      return size;
    },
    get revision() {
      return revision;
    },
    *windows() {
      for (const starts of lengths.values()) yield* starts.values();
    },
    list(prefix, max) {
      const found: StoredBucket[] = [];
      for (const starts of lengths.values()) {
        for (const { start, counts } of starts.values()) {
          for (const [key, count] of counts) {
            if (found.length >= max) return found;
            if (key.startsWith(prefix)) found.push({ key, start, count });
          }
        }
      }
      return found;
    },
    restore({ start, length, counts }, now) {
      if (start + 2 * length + GRACE <= now) return;
      const window = windowOf(start, length);
      for (const [key, count] of counts) {
        const known = window.counts.get(key);
        if (count !== (known ?? 0) && (known !== undefined || size < maxBuckets)) add(window, key, known, count);
      }
    },
    gauges: () => ({ ratelimit_store_buckets: size }),
    close() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

function expiryOf({ start, length, isSliding }: Window): number {
  return start + (isSliding ? 2 : 1) * length + GRACE;
}
