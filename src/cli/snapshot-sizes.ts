import type { Snapshot } from '../xds/index.ts';
import type { CompiledView } from './revisions.ts';

/** What a proxy of a Gateway gets of one type. */
export interface SnapshotSize {
  readonly gateway: string;
  /** Name of the message, without its package. */
  readonly type: string;
  readonly resources: number;
  readonly bytes: number;
}

const known = new WeakMap<Snapshot, readonly Omit<SnapshotSize, 'gateway'>[]>();

/** Sizes by Gateway and type; of Envoys that get different forms, the larger one. */
export function snapshotSizes(views: Iterable<CompiledView>): SnapshotSize[] {
  const largest = new Map<string, SnapshotSize>();
  for (const { gateway, snapshot } of views) {
    for (const size of sizesOf(snapshot)) {
      const key = `${gateway} ${size.type}`;
      if (size.bytes >= (largest.get(key)?.bytes ?? 0)) largest.set(key, { gateway, ...size });
    }
  }
  return [...largest.values()];
}

function sizesOf(snapshot: Snapshot): readonly Omit<SnapshotSize, 'gateway'>[] {
  const found = known.get(snapshot);
  if (found) return found;
  const sizes = [...snapshot.types.values()].map(({ typeUrl, resources }) => {
    let bytes = 0;
    for (const { any } of resources.values()) bytes += any.length;
    return { type: typeUrl.replace(/^.*\./, ''), resources: resources.size, bytes };
  });
  known.set(snapshot, sizes);
  return sizes;
}
