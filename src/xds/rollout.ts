/**
 * Which snapshot a node shall have. With a rollout a new one goes to a share of the nodes of its key first, and to the
 * rest once all of these have accepted it and some time has passed. A rejection stops it: the rest keep what they have
 * until another snapshot is wanted.
 */
import { contentHash } from '../lib/hash.ts';
import type { NodeRecord } from './nodes.ts';
import type { Snapshot } from './snapshot.ts';
import { isOfLimits, TYPE } from './types.ts';

export interface RolloutOptions {
  /** Of the nodes, above 0 and below 1; at least one of them. */
  readonly share: number;
  readonly pauseMs: number;
}

/** A snapshot on its way. */
export interface RolloutStatus {
  readonly key: string;
  readonly phase: 'trying' | 'pausing' | 'stopped';
  /** Versions of snapshots. */
  readonly from: string;
  readonly to: string;
  /** How many nodes shall have the new one, of how many. */
  readonly nodes: number;
  readonly of: number;
}

export interface Rollouts {
  /** A key has another snapshot. */
  publish(key: string, snapshot: Snapshot): void;
  /** The source of a key's snapshots has changed: what was stopped gets another chance. */
  renew(key: string, version: string): void;
  /** What was stopped goes on. */
  resume(): void;
  delete(key: string): boolean;
  goal(record: NodeRecord): Snapshot | undefined;
  /** What most nodes of each key shall have. */
  settled(): Iterable<readonly [key: string, snapshot: Snapshot]>;
  /** A node has answered, or has come or gone. */
  noteProgress(record: NodeRecord): void;
  noteRejection(record: NodeRecord): void;
  list(): RolloutStatus[];
  close(): void;
}

export interface RolloutHooks {
  readonly rollout: RolloutOptions | undefined;
  readonly nodes: () => Iterable<NodeRecord>;
  /** Gives a node what `goal` says now. */
  readonly steer: (record: NodeRecord) => void;
  readonly isSynced: (record: NodeRecord) => boolean;
  /** Most nodes of a key get another snapshot. */
  readonly onSettled: (key: string) => void;
}

interface Entry {
  stable: Snapshot;
  next: Snapshot | undefined;
  /** Nodes up to this rank shall have `next`. */
  limit: string;
  stopped: boolean;
  source: string;
  pause: NodeJS.Timeout | undefined;
  look: NodeJS.Timeout | undefined;
}

/** Answers of many nodes come together; one look after them is enough. */
const LOOK_MS = 20;

export function createRollouts({ rollout, nodes, steer, isSynced, onSettled }: RolloutHooks): Rollouts {
  const entries = new Map<string, Entry>();
  const ofKey = (key: string): NodeRecord[] => [...nodes()].filter((record) => record.key === key);
  const first = (key: string, entry: Entry): NodeRecord[] =>
    ofKey(key).filter((record) => rankOf(record) <= entry.limit);

  function settle(key: string, entry: Entry, snapshot: Snapshot): void {
    clearTimeout(entry.pause);
    clearTimeout(entry.look);
    Object.assign(entry, { stable: snapshot, next: undefined, stopped: false, pause: undefined, look: undefined });
    onSettled(key);
    for (const record of ofKey(key)) steer(record);
  }

  /** The nodes of the lowest ranks: the same ones each time, as long as they are there. */
  function choose(key: string, entry: Entry, share: number): boolean {
    const ranks = ofKey(key).map(rankOf).sort();
    const limit = ranks[Math.max(1, Math.ceil(ranks.length * share)) - 1];
    if (limit === undefined) return false;
    entry.limit = limit;
    return true;
  }

  function tryOut(key: string, entry: Entry, next: Snapshot, { share }: RolloutOptions): void {
    entry.next = next;
    clearTimeout(entry.pause);
    entry.pause = undefined;
    // With nobody to try it there is nothing to wait for.
    if (first(key, entry).length === 0 && !choose(key, entry, share)) settle(key, entry, next);
    else for (const record of first(key, entry)) steer(record);
    lookSoon(key, entry);
  }

  function lookSoon(key: string, entry: Entry): void {
    if (entry.next === undefined || entry.look !== undefined) return;
    entry.look = setTimeout(() => {
      entry.look = undefined;
      look(key, entry);
    }, LOOK_MS);
    entry.look.unref();
  }

  function look(key: string, entry: Entry): void {
    const { next } = entry;
    if (rollout === undefined || next === undefined) return;
    const trying = first(key, entry);
    if (trying.length === 0) tryOut(key, entry, next, rollout);
    else if (entry.stopped || !trying.every(isSynced)) {
      clearTimeout(entry.pause);
      entry.pause = undefined;
    } else if (entry.pause === undefined) {
      entry.pause = setTimeout(() => settle(key, entry, next), rollout.pauseMs);
      entry.pause.unref();
    }
  }

  function isTrying(record: NodeRecord): Entry | undefined {
    const entry = record.key === undefined ? undefined : entries.get(record.key);
    return entry?.next !== undefined && rankOf(record) <= entry.limit ? entry : undefined;
  }

  return {
    publish(key, snapshot) {
      const entry = entries.get(key);
      if (entry === undefined) {
        entries.set(key, newEntry(snapshot));
        onSettled(key);
        for (const record of ofKey(key)) steer(record);
      } else if ((entry.next ?? entry.stable).version !== snapshot.version) {
        const direct = rollout === undefined || changesAtOnce(entry.stable, snapshot);
        if (direct) settle(key, entry, snapshot);
        else tryOut(key, entry, snapshot, rollout);
      }
    },
    renew(key, version) {
      const entry = entries.get(key);
      if (entry === undefined || entry.source === version) return;
      entry.source = version;
      entry.stopped = false;
      // It may be what is tried already, such as what is left without the rejected part.
      lookSoon(key, entry);
    },
    resume() {
      for (const [key, entry] of entries) {
        entry.stopped = false;
        lookSoon(key, entry);
      }
    },
    delete(key) {
      const entry = entries.get(key);
      clearTimeout(entry?.pause);
      clearTimeout(entry?.look);
      return entries.delete(key);
    },
    goal(record) {
      if (record.key === undefined) return undefined;
      return isTrying(record)?.next ?? entries.get(record.key)?.stable;
    },
    *settled() {
      for (const [key, { stable }] of entries) yield [key, stable];
    },
    noteProgress(record) {
      const entry = record.key === undefined ? undefined : entries.get(record.key);
      if (record.key !== undefined && entry?.next !== undefined) lookSoon(record.key, entry);
    },
    noteRejection(record) {
      const entry = isTrying(record);
      if (record.key === undefined || entry === undefined) return;
      entry.stopped = true;
      lookSoon(record.key, entry);
    },
    list: () =>
      [...entries].flatMap(([key, entry]): RolloutStatus[] => {
        if (entry.next === undefined) return [];
        const phase = entry.stopped ? 'stopped' : entry.pause === undefined ? 'trying' : 'pausing';
        const counts = { nodes: first(key, entry).length, of: ofKey(key).length };
        return [{ key, phase, from: entry.stable.version, to: entry.next.version, ...counts }];
      }),
    close() {
      for (const { pause, look: timer } of entries.values()) {
        clearTimeout(pause);
        clearTimeout(timer);
      }
    },
  };
}

function newEntry(stable: Snapshot): Entry {
  return { stable, next: undefined, limit: '', stopped: false, source: '', pause: undefined, look: undefined };
}

const ranks = new WeakMap<NodeRecord, string>();

/** The same for a node whenever it connects, and spread evenly. */
function rankOf(record: NodeRecord): string {
  const known = ranks.get(record);
  if (known !== undefined) return known;
  const rank = contentHash(record.node.cluster, record.node.id);
  ranks.set(record, rank);
  return rank;
}

/**
 * Where requests go within clusters does not wait: endpoints that are gone are gone. Nor do limits, of which services
 * that share buckets have to know the same.
 */
function changesAtOnce(from: Snapshot, to: Snapshot): boolean {
  const others = (snapshot: Snapshot): string =>
    [...snapshot.types.values()]
      .filter(({ typeUrl, resources }) => typeUrl !== TYPE.endpoints && !isOfLimits(typeUrl) && resources.size > 0)
      .map(({ typeUrl, version }) => `${typeUrl} ${version}`)
      .sort()
      .join();
  return others(from) === others(to);
}
