/** What is reserved and not settled yet: of the requests that this instance has seen, to be shown and not to be decided by. */
import type { Asked } from './asked.ts';
import { windowStart } from './units.ts';

export interface Reserved {
  /** Takes note of a request: one that gives back is a settlement, one that does not reserves. */
  note(asked: readonly Asked[], now: number): void;
  /** Hits that are reserved in a bucket. `key`: without its window; windows of different lengths may begin together. */
  of(key: string, start: number, length: number): number;
}

interface Window {
  readonly end: number;
  readonly hits: Map<string, number>;
}

function windowId(start: number, length: number): string {
  return `${start} ${length}`;
}

/** What an aborted stream leaves goes with its window. */
export function createReserved(): Reserved {
  const windows = new Map<string, Window>();

  function add(key: string, start: number, length: number, hits: number): void {
    const id = windowId(start, length);
    const window = windows.get(id) ?? { end: start + length, hits: new Map<string, number>() };
    windows.set(id, window);
    const next = (window.hits.get(key) ?? 0) + hits;
    if (next > 0) window.hits.set(key, next);
    else window.hits.delete(key);
  }

  function expire(now: number): void {
    for (const [id, { end }] of windows) if (end <= now) windows.delete(id);
  }

  return {
    note(asked, now) {
      const reserving = asked.filter(({ reservedAt, found, hits }) => reservedAt !== undefined && found && hits > 0);
      if (reserving.length === 0) return;
      expire(now);
      const settled = new Set(
        reserving.filter(({ descriptor }) => descriptor.isNegativeHits).map(({ found }) => found?.key),
      );
      for (const { found, reservedAt = now, hits, descriptor } of reserving) {
        if (!found) continue;
        const { key, limit } = found;
        const start = windowStart(reservedAt, limit.windowSeconds);
        if (descriptor.isNegativeHits) add(key, start, limit.windowSeconds, -hits);
        else if (!settled.has(key)) add(key, start, limit.windowSeconds, hits);
      }
    },
    of: (key, start, length) => windows.get(windowId(start, length))?.hits.get(key) ?? 0,
  };
}
