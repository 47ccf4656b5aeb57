import { setTimeout as sleep } from 'node:timers/promises';
import { contentHash } from '../lib/hash.ts';
import { type FoundFiles, findFiles } from './find.ts';
import { findCommonCommit, isGitBusy } from './git.ts';
import { type ReadOptions, type ReadResult, readFound } from './read.ts';

export interface StableOptions extends ReadOptions {
  /** How long files must stay as they are before they are read; 0 where the caller has waited. */
  readonly settleMs: number;
  /** How long to wait for files that keep changing, and for a Git command that runs. */
  readonly holdMs: number;
  readonly signal: AbortSignal;
}

/** What the sources are at a moment. */
export interface Sight {
  readonly found: FoundFiles;
  /** Changes with any file and with the commit. */
  readonly fingerprint: string;
}

/** Looks at the sources without reading them. */
export async function lookAt(paths: readonly string[]): Promise<Sight> {
  const found = await findFiles(paths);
  const commit = await findCommonCommit(found.roots);
  return { found, fingerprint: contentHash(found.fingerprint, commit ?? '') };
}

async function isAnyGitBusy(found: FoundFiles): Promise<boolean> {
  const busy = await Promise.all(found.roots.map(isGitBusy));
  return busy.includes(true);
}

const RETRY_MS = 25;

/**
 * Reads sources when they stand still, so that a checkout or copy is never taken half-way: not while Git holds its
 * index lock, and again when anything changed under the reading. Waits at most `holdMs`, then takes what there is.
 * Shape: `result` is missing when the sources still look as `known` says.
 */
export async function readStable(
  paths: readonly string[],
  options: StableOptions,
  known: string | undefined,
): Promise<Sight & { readonly result?: ReadResult }> {
  const deadline = performance.now() + options.holdMs;
  for (;;) {
    const patient = performance.now() < deadline;
    const before = await lookAt(paths);
    if (patient && (await isAnyGitBusy(before.found))) {
      await sleep(RETRY_MS, undefined, { signal: options.signal });
      continue;
    }
    if (before.fingerprint === known) return before;
    if (options.settleMs > 0) {
      await sleep(options.settleMs, undefined, { signal: options.signal });
      if (patient && (await lookAt(paths)).fingerprint !== before.fingerprint) continue;
    }
    const result = await readFound(before.found, options);
    const after = await lookAt(paths);
    if (after.fingerprint === before.fingerprint || !patient) return { ...before, result };
    await sleep(RETRY_MS, undefined, { signal: options.signal });
  }
}
