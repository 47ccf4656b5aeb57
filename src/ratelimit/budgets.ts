/** The buckets that are in use, for people: who, how much of what, until when. */
import { createHash } from 'node:crypto';
import type { FindLimit, FoundLimit } from './find-limit.ts';
import type { Reserved } from './reserved.ts';
import { type Store, type StoredBucket, slidingUse } from './store/store.ts';
import { windowStart } from './units.ts';
import type { Entry } from './wire.ts';

/** One bucket as it is now. */
export interface Budget {
  readonly domain: string;
  /** Of the descriptor: which limit, and whose bucket where clients are told apart. */
  readonly entries: readonly Entry[];
  readonly limit: number;
  readonly windowSeconds: number;
  /** Reservations included. */
  readonly used: number;
  /** Of `used`, what streams that still run hold. Of this instance alone. */
  readonly reserved: number;
  readonly resetSeconds: number;
  readonly shadow: boolean;
}

export interface Budgets {
  /** Those with the least left first. */
  readonly budgets: readonly Budget[];
  /** There are more buckets than were looked at. */
  readonly isPartial: boolean;
}

export interface BudgetsOptions {
  readonly store: Store;
  readonly findLimit: FindLimit;
  readonly reserved: Reserved;
  readonly keyPrefix: string;
  readonly separator: string;
  readonly now: number;
  /** How many to tell. */
  readonly max: number;
}

/** Buckets looked at, at most: more would keep the store from its work. */
const MAX_READ = 20_000;

/**
 * Reads the buckets of the windows that run.
 * Errors: what the store says.
 */
export async function readBudgets(options: BudgetsOptions): Promise<Budgets> {
  const { store, keyPrefix, now, max } = options;
  const stored = await store.list(keyPrefix, MAX_READ);
  const found = new Map<string, { limit: FoundLimit; path: BucketPath; running: number; previous: number }>();
  for (const bucket of stored) {
    const path = readKey(bucket, options);
    const limit = path && limitOf(path, options.findLimit);
    if (!path || !limit) continue;
    const { windowSeconds } = limit.limit;
    const start = windowStart(now, windowSeconds);
    const isRunning = bucket.start === start;
    if (!isRunning && bucket.start !== start - windowSeconds) continue;
    const known = found.get(bucket.key) ?? { limit, path, running: 0, previous: 0 };
    if (isRunning) known.running = bucket.count;
    else known.previous = bucket.count;
    found.set(bucket.key, known);
  }
  const budgets = [...found.values()].flatMap(({ limit: { limit, key }, path, running, previous }): Budget[] => {
    const start = windowStart(now, limit.windowSeconds);
    const elapsed = now - start;
    const used = limit.algorithm === 'sliding' ? slidingUse(previous, running, elapsed / limit.windowSeconds) : running;
    if (used === 0) return [];
    return [
      {
        domain: path.domain,
        entries: path.entries.map(masked),
        limit: limit.requestsPerUnit,
        windowSeconds: limit.windowSeconds,
        used,
        reserved: options.reserved.of(key, start, limit.windowSeconds),
        resetSeconds: Math.ceil(limit.windowSeconds - elapsed),
        shadow: limit.shadow,
      },
    ];
  });
  budgets.sort((a, b) => a.limit - a.used - (b.limit - b.used));
  return { budgets: budgets.slice(0, max), isPartial: stored.length >= MAX_READ || budgets.length > max };
}

interface BucketPath {
  readonly domain: string;
  readonly entries: readonly Entry[];
}

/** The descriptor that a key was made of (see find-limit.ts); undefined where it is no key of a bucket. */
function readKey({ key }: StoredBucket, { keyPrefix, separator }: BudgetsOptions): BucketPath | undefined {
  const [domain, ...parts] = key.slice(keyPrefix.length).split(separator);
  // Each part has a separator behind it.
  if (domain === undefined || parts.pop() !== '' || parts.length % 2 !== 0 || parts.length === 0) return undefined;
  const entries: Entry[] = [];
  for (let i = 0; i < parts.length; i += 2) entries.push({ key: parts[i] ?? '', value: parts[i + 1] ?? '' });
  return { domain, entries };
}

/** Clients may be told apart by what proves who they are: of that a mark is shown that is the same each time. */
const PROOFS = /auth|cookie|key|token|secret|password|credential/i;

function masked({ key, value }: Entry): Entry {
  if (!PROOFS.test(key)) return { key, value };
  return { key, value: `sha256:${createHash('sha256').update(value).digest('hex').slice(0, 12)}` };
}

function limitOf({ domain, entries }: BucketPath, findLimit: FindLimit): FoundLimit | undefined {
  const found = findLimit(domain, { entries, limit: undefined, hitsAddend: undefined, isNegativeHits: false });
  return found && !found.limit.unlimited ? found : undefined;
}
