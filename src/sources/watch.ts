import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type GatewayError, InvariantError } from '../lib/errors.ts';
import type { ObjectSet } from '../resources/index.ts';
import { createDirectoryWatcher, type DirectoryWatcher } from './directory-watcher.ts';
import type { FoundFiles } from './find.ts';
import { findGitDirectory } from './git.ts';
import { createPublisher } from './publisher.ts';
import type { FileCache, ReadOptions, ReadResult } from './read.ts';
import type { Source } from './source.ts';
import { lookAt, readStable } from './stable.ts';

export interface WatchOptions extends Omit<ReadOptions, 'signal' | 'cache'> {
  /** A change is read when nothing changed for this long (100), */
  readonly quietMs?: number;
  /** or this long after it began (1000). */
  readonly maxWaitMs?: number;
  /** How long to wait for a running Git command and for files that change while they are read (10,000). */
  readonly holdMs?: number;
  /** Looks at the files this often instead of waiting for events: for file systems that have none. */
  readonly pollMs?: number;
  /** Looks at the files this often beside the events, because events can get lost (10,000). */
  readonly resyncMs?: number;
  /** Told when the system refuses to watch; polling goes on. */
  readonly onTrouble?: (error: GatewayError) => void;
}

const FALLBACK_POLL_MS = 1000;

/** Git's own files that tell of a commit or checkout when no file of the source changes. */
async function gitInterest(roots: readonly string[]): Promise<[string, Set<string>][]> {
  const entries: [string, Set<string>][] = [];
  for (const root of roots) {
    const git = await findGitDirectory(root);
    if (!git) continue;
    entries.push([git.directory, new Set(['HEAD'])], [join(git.directory, 'logs'), new Set(['HEAD'])]);
  }
  return entries;
}

async function interestOf(found: FoundFiles): Promise<Map<string, ReadonlySet<string> | 'all'>> {
  const interest = new Map<string, ReadonlySet<string> | 'all'>();
  for (const [directory, names] of [...(await gitInterest(found.roots)), ...found.watched]) {
    const stats = await stat(directory).catch(() => undefined);
    if (stats?.isDirectory()) interest.set(directory, names);
  }
  return interest;
}

/** Tells whether a watcher still watches what matters: the same directories, not others of the same name. */
async function interestKey(interest: ReadonlyMap<string, ReadonlySet<string> | 'all'>): Promise<string> {
  const parts: string[] = [];
  for (const [directory, names] of interest) {
    const stats = await stat(directory).catch(() => undefined);
    parts.push(`${directory} ${stats?.dev}:${stats?.ino} ${names === 'all' ? names : [...names].join(' ')}`);
  }
  return parts.join('\n');
}

class DirectorySource implements Source {
  readonly #paths: readonly string[];
  readonly #options: WatchOptions;
  readonly #publisher = createPublisher();
  readonly #abort = new AbortController();
  readonly #cache: FileCache = new Map();
  /** Readings come one after another. */
  #tail: Promise<unknown> = Promise.resolve();
  #reading = 0;
  #fingerprint: string | undefined;
  #watcher: DirectoryWatcher | undefined;
  #watchedKey: string | undefined;
  #quietTimer: NodeJS.Timeout | undefined;
  #changeBegan: number | undefined;
  #poll: NodeJS.Timeout | undefined;
  #fellBack = false;

  constructor(paths: readonly string[], options: WatchOptions) {
    this.#paths = paths;
    this.#options = options;
  }

  get current(): ReadResult | undefined {
    return this.#publisher.current;
  }

  get lastGood(): ObjectSet | undefined {
    return this.#publisher.lastGood;
  }

  onChange(listener: (result: ReadResult) => void): () => void {
    return this.#publisher.onChange(listener);
  }

  async start(): Promise<ReadResult> {
    if (this.#poll) throw new InvariantError('a source is started once');
    const { pollMs, resyncMs = 10_000 } = this.#options;
    this.#startPolling(pollMs ?? resyncMs);
    return this.reload();
  }

  /** Reads every file: values of variables may be others now. */
  reload(): Promise<ReadResult> {
    return this.#enqueue(undefined, 0);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#quietTimer);
    clearInterval(this.#poll);
    await this.#tail;
    await this.#watcher?.close();
  }

  #startPolling(everyMs: number): void {
    clearInterval(this.#poll);
    this.#poll = setInterval(() => {
      // Nobody saw the change begin, so the files must be seen to stand still.
      if (this.#reading === 0) this.#refresh(this.#options.quietMs ?? 100);
    }, everyMs);
  }

  /** A change was seen: waits until nothing more comes, but not for ever. */
  #hint(): void {
    if (this.#abort.signal.aborted) return;
    const { quietMs = 100, maxWaitMs = 1000 } = this.#options;
    const now = performance.now();
    this.#changeBegan ??= now;
    clearTimeout(this.#quietTimer);
    const waitMs = Math.max(0, Math.min(quietMs, this.#changeBegan + maxWaitMs - now));
    this.#quietTimer = setTimeout(() => {
      this.#changeBegan = undefined;
      this.#refresh(0);
    }, waitMs);
  }

  #refresh(settleMs: number): void {
    this.#enqueue(() => this.#fingerprint, settleMs).catch((caught: unknown) => {
      if (!this.#abort.signal.aborted) throw caught;
    });
  }

  /** Shape: `known` is what the sources looked like when they were last read; none forces a reading. */
  #enqueue(known: (() => string | undefined) | undefined, settleMs: number): Promise<ReadResult> {
    this.#reading += 1;
    const run = this.#tail.then(() => this.#readOnce(known?.(), settleMs));
    const done = (): void => {
      this.#reading -= 1;
    };
    this.#tail = run.then(done, done);
    return run;
  }

  async #readOnce(known: string | undefined, settleMs: number): Promise<ReadResult> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    if (known === undefined) this.#cache.clear();
    const { holdMs = 10_000 } = this.#options;
    const { found, fingerprint, result } = await readStable(
      this.#paths,
      { ...this.#options, settleMs, holdMs, signal, cache: this.#cache },
      known,
    );
    this.#fingerprint = found.fresh ? undefined : fingerprint;
    if (found.fresh) this.#hint();
    if (result) this.#publisher.publish(result);
    await this.#watch(found, fingerprint);
    const { current } = this.#publisher;
    if (!current) throw new InvariantError('a first reading gives a result');
    return current;
  }

  /** Watches what now matters; a watcher that is replaced may have missed something, so looks again. */
  async #watch(found: FoundFiles, fingerprint: string): Promise<void> {
    if (this.#options.pollMs !== undefined) return;
    const interest = await interestOf(found);
    const key = await interestKey(interest);
    if (key === this.#watchedKey) return;
    const old = this.#watcher;
    this.#watcher = await createDirectoryWatcher(
      interest,
      () => this.#hint(),
      (error) => this.#fallBack(error),
    );
    this.#watchedKey = key;
    await old?.close();
    if ((await lookAt(this.#paths)).fingerprint !== fingerprint) this.#hint();
  }

  #fallBack(error: GatewayError): void {
    if (this.#abort.signal.aborted || this.#fellBack) return;
    this.#fellBack = true;
    this.#options.onTrouble?.(error);
    this.#startPolling(FALLBACK_POLL_MS);
  }
}

/** Standard input can be read once. */
function readOnce(read: () => Promise<string>): () => Promise<string> {
  let text: Promise<string> | undefined;
  return () => {
    text ??= read();
    return text;
  };
}

/**
 * Makes a source of files and directories that is watched: an edit, a checkout of many files, a rename, a swap of a
 * ConfigMap's or git-sync's link are one change each. A refused revision is told and leaves `lastGood` as it is.
 */
export function createDirectorySource(paths: readonly string[], options: WatchOptions): Source {
  const { stdin } = options;
  return new DirectorySource(paths, { ...options, ...(stdin && { stdin: readOnce(stdin) }) });
}
