/** What a store of buckets is asked, and what it answers. Buckets hold whole numbers, never below zero. */

/** One change of one bucket: a key in the window of `length` seconds that begins at `start`. */
export interface BucketChange {
  /** Without the window. */
  readonly key: string;
  readonly start: number;
  readonly length: number;
  /** Whole; below zero it is taken back, and 0 only reads. */
  readonly delta: number;
  /** Reads the window before as well. */
  readonly isSliding: boolean;
  /** Sliding alone: the change is of the window before. */
  readonly isOfPrevious: boolean;
}

/** A bucket at the time of its change. */
export interface BucketCount {
  readonly before: number;
  readonly after: number;
  /** Of the window before; 0 for fixed windows. */
  readonly previousBefore: number;
  readonly previousAfter: number;
}

/** A bucket of one window, as a store has it. */
export interface StoredBucket {
  /** Without the window. */
  readonly key: string;
  readonly start: number;
  readonly count: number;
}

/** Several instances over one Redis are one store. */
export interface Store {
  /** Applies all changes. Shape: one count a change, in their order. Errors: rejects with what stands in the way. */
  apply(changes: readonly BucketChange[], now: number): readonly BucketCount[] | Promise<readonly BucketCount[]>;
  /** Buckets of every window whose keys begin with a prefix, at most `max` of them. Errors: as of `apply`. */
  list(prefix: string, max: number): readonly StoredBucket[] | Promise<readonly StoredBucket[]>;
  /** Gauges: name to value. */
  gauges(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/**
 * The use of a sliding window at a time: all of the window that runs and the share of the one before that is still inside.
 * It takes the hits of the window before to be spread evenly: with `P` of them, the estimate differs from the true number
 * by less than `P`, and by nothing where they were spread evenly. Admitted in any span of one length: less than twice the
 * limit (a fixed window: up to twice), the limit itself under even traffic. Rounded to the nearest, or a limit of few would
 * forget one of them as soon as the next window begins.
 */
export function slidingUse(previous: number, current: number, elapsedShare: number): number {
  return Math.round(previous * (1 - elapsedShare)) + current;
}
