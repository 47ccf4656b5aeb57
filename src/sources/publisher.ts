import { canonicalJson } from '../lib/hash.ts';
import type { ObjectSet } from '../resources/index.ts';
import type { ReadResult } from './read.ts';

/** Keeps the latest result and tells listeners of changes. */
export interface Publisher {
  readonly current: ReadResult | undefined;
  readonly lastGood: ObjectSet | undefined;
  onChange(listener: (result: ReadResult) => void): () => void;
  /** The first result is no change. */
  publish(result: ReadResult): void;
}

function isSame(a: ReadResult, b: ReadResult): boolean {
  if (a.ok && b.ok) return a.set.revision.hash === b.set.revision.hash;
  if (!a.ok && !b.ok) {
    const sameRest = a.readable?.revision.hash === b.readable?.revision.hash;
    return sameRest && canonicalJson(a.findings) === canonicalJson(b.findings);
  }
  return false;
}

export function createPublisher(): Publisher {
  const listeners = new Set<(result: ReadResult) => void>();
  let current: ReadResult | undefined;
  let lastGood: ObjectSet | undefined;
  return {
    get current() {
      return current;
    },
    get lastGood() {
      return lastGood;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    publish(result) {
      const before = current;
      current = result;
      if (result.ok) lastGood = result.set;
      if (before === undefined || isSame(before, result)) return;
      // Apart from each other and from the source: one that throws is a bug of its own.
      for (const listener of listeners) queueMicrotask(() => listener(result));
    },
  };
}
