/** What differs between what a client holds and what it shall hold, and the set in between for make-before-break. */
import { createLru, type Lru } from '../lib/lru.ts';
import { fingerprint } from './names.ts';
import { assembleSnapshot, type EncodedResource, type Snapshot, type TypeSnapshot, typeSnapshot } from './snapshot.ts';
import { outlivesItsUsers } from './types.ts';
import type { InitialVersions } from './wire.ts';

/** What a client was last told of a type: a whole type snapshot, or names and versions from an earlier stream. */
export interface Known {
  readonly version: string;
  readonly resources: ReadonlyMap<string, { readonly version: string; readonly aliases?: readonly string[] }>;
  readonly aliases?: ReadonlyMap<string, string>;
}

export const NOTHING_KNOWN: Known = { version: '', resources: new Map() };

export interface TypeDiff {
  /** New or different, as they are now. */
  readonly upserts: readonly EncodedResource[];
  readonly removed: readonly string[];
}

export interface Diffs {
  between(known: Known, to: TypeSnapshot): TypeDiff;
  /** `to`, and with it everything of `from` that `to` drops and that something else may still name. */
  bridge(from: Snapshot, to: Snapshot): Snapshot;
  /** `to`, and with it what a client holds besides and is not told yet to drop. */
  keeping(known: Known, to: TypeSnapshot): Known;
  /** What a client says it holds when it comes back, shared by all clients that say the same. */
  known(versions: InitialVersions): Known;
}

// Resources that the memo may keep references to; beyond it the longest unused are computed anew.
const MAX_KEPT = 100_000;

const NO_RESOURCES: ReadonlyMap<string, EncodedResource> = new Map();
const EMPTY_VERSION = typeSnapshot('', NO_RESOURCES).version;

/** A type of which a snapshot holds nothing. */
export function emptyType(typeUrl: string): TypeSnapshot {
  return { typeUrl, version: EMPTY_VERSION, resources: NO_RESOURCES };
}

/** Creates the memo of differences: each is computed once for all streams that make the same step. */
export function createDiffs(): Diffs {
  const diffs: Lru<TypeDiff> = createLru(MAX_KEPT, ({ upserts, removed }) => 1 + upserts.length + removed.length);
  const bridges: Lru<Snapshot> = createLru(16);
  const knowns: Lru<Known> = createLru(MAX_KEPT, ({ resources }) => 1 + resources.size);
  return {
    between: (known, to) => diffs.take(`${to.typeUrl} ${known.version} ${to.version}`, () => computeDiff(known, to)),
    bridge: (from, to) => bridges.take(`${from.version} ${to.version}`, () => computeBridge(from, to)),
    keeping: (known, to) => knowns.take(`${known.version} and ${to.version}`, () => computeKeeping(known, to)),
    known: (versions) =>
      knowns.take(versions.key, () => {
        const resources = new Map<string, { version: string }>();
        for (const [name, version] of versions.decode()) resources.set(name, { version });
        return { version: `client ${fingerprint(versions.key)}`, resources };
      }),
  };
}

function computeDiff(known: Known, to: TypeSnapshot): TypeDiff {
  const upserts: EncodedResource[] = [];
  const removed: string[] = [];
  for (const resource of to.resources.values()) {
    if (known.resources.get(resource.name)?.version !== resource.version) upserts.push(resource);
  }
  for (const name of known.resources.keys()) if (!to.resources.has(name)) removed.push(name);
  return { upserts, removed };
}

function computeKeeping(known: Known, to: TypeSnapshot): Known {
  const kept = [...known.resources].filter(([name]) => !to.resources.has(name));
  if (kept.length === 0) return to;
  const parts = kept.map(([name, { version }]) => `${name} ${version}`).sort();
  return { version: `${to.version} and ${fingerprint(...parts)}`, resources: new Map([...kept, ...to.resources]) };
}

function computeBridge(from: Snapshot, to: Snapshot): Snapshot {
  const types = new Map(to.types);
  for (const [typeUrl, old] of from.types) {
    if (!outlivesItsUsers(typeUrl)) continue;
    const next = to.types.get(typeUrl);
    const dropped = [...old.resources.values()].filter((resource) => next?.resources.has(resource.name) !== true);
    if (dropped.length === 0) continue;
    const merged = new Map(next?.resources ?? NO_RESOURCES);
    for (const resource of dropped) merged.set(resource.name, resource);
    types.set(typeUrl, typeSnapshot(typeUrl, merged));
  }
  return assembleSnapshot(types, to);
}
