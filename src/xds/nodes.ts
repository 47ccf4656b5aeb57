/** The proxies that are connected: one entry a node, however many streams it has. */
import { createLru } from '../lib/lru.ts';
import type { NodeStatus } from './ledger.ts';
import type { NodeInfo } from './node.ts';
import type { Held } from './removals.ts';
import type { Snapshot } from './snapshot.ts';
import type { XdsStream } from './stream.ts';
import type { ResourceState, ResourceStatus } from './stream-status.ts';
import { typeOrder } from './types.ts';

/** A connected node. */
export interface NodeRecord {
  node: NodeInfo;
  /** Snapshot key; undefined while `resolve` knows none. */
  key: string | undefined;
  readonly connectedAt: string;
  readonly streams: Set<XdsStream>;
  /** What the last stream that ended had been given. */
  held: Held | undefined;
}

export interface Nodes {
  readonly count: number;
  find(node: NodeInfo): NodeRecord | undefined;
  attach(node: NodeInfo, stream: XdsStream): { record: NodeRecord; isNew: boolean };
  /** Returns true when it was the last stream of its node. */
  detach(record: NodeRecord, stream: XdsStream): boolean;
  all(): Iterable<NodeRecord>;
}

// Later the client is not the one that went, or a client that has nothing any more.
const REMEMBERED_MS = 300_000;
const MAX_REMEMBERED = 10_000;

/** Creates the registry. Nodes are told apart by cluster and id; a service and a proxy are never one. */
export function createNodes(): Nodes {
  const records = new Map<string, NodeRecord>();
  const departed = createLru<{ held: Held | undefined; until: number }>(MAX_REMEMBERED);
  const keyOf = (node: NodeInfo): string => `${node.cluster}\u0000${node.id}\u0000${node.service ?? ''}`;
  return {
    get count() {
      return records.size;
    },
    find: (node) => records.get(keyOf(node)),
    attach(node, stream) {
      const found = records.get(keyOf(node));
      const record = found ?? newRecord(node, departed.get(keyOf(node)));
      records.set(keyOf(node), record);
      // A restarted proxy may be another version while the stream of the old one still lingers.
      record.node = node;
      record.streams.add(stream);
      return { record, isNew: found === undefined };
    },
    detach(record, stream) {
      record.streams.delete(stream);
      record.held = stream.held ?? record.held;
      if (record.streams.size > 0 || records.get(keyOf(record.node)) !== record) return false;
      departed.set(keyOf(record.node), { held: record.held, until: performance.now() + REMEMBERED_MS });
      return records.delete(keyOf(record.node));
    },
    all: () => records.values(),
  };
}

/** A node that has no streams yet. */
export function newRecord(
  node: NodeInfo,
  before?: { readonly held: Held | undefined; readonly until: number },
): NodeRecord {
  const held = before !== undefined && before.until > performance.now() ? before.held : undefined;
  return { node, key: undefined, connectedAt: new Date().toISOString(), streams: new Set(), held };
}

/** What a node was given on an earlier stream of that kind, or one that is about to be noticed as gone. */
export function heldBefore(record: NodeRecord, stream: XdsStream): Held | undefined {
  const others = [...record.streams].filter((other) => other !== stream && other.fixedType === stream.fixedType);
  return others.findLast((other) => other.held !== undefined)?.held ?? record.held;
}

/** The streams of other types, where a node has one stream a type: the newest of each. */
export function siblingsOf(record: NodeRecord, stream: XdsStream): readonly XdsStream[] {
  const newest = new Map<string, XdsStream>();
  for (const other of record.streams) {
    const { fixedType } = other;
    if (fixedType !== undefined && fixedType !== stream.fixedType) newest.set(fixedType, other);
  }
  return inOrder([...newest.values()]);
}

/** In the order in which types are sent. */
export function inOrder(streams: readonly XdsStream[]): readonly XdsStream[] {
  if (streams.length < 2) return streams;
  return streams.toSorted((a, b) => typeOrder(a.fixedType ?? '') - typeOrder(b.fixedType ?? ''));
}

/** The status of a node. */
export function nodeStatus(record: NodeRecord, snapshot: Snapshot | undefined): NodeStatus {
  const types = [...record.streams].flatMap((stream) => stream.status());
  const [stream] = record.streams;
  return {
    node: record.node,
    peer: stream?.transport.peer ?? '',
    ...(record.key === undefined ? {} : { key: record.key }),
    ...(snapshot === undefined ? {} : { snapshotVersion: snapshot.version }),
    waiting: snapshot === undefined,
    synced: types.length > 0 && types.every((type) => type.synced),
    streams: record.streams.size,
    connectedAt: record.connectedAt,
    types,
  };
}

// What is worst is what a node is in, where several of its streams have the same resource.
const SEVERITY: readonly ResourceState[] = ['ERROR', 'NOT_SENT', 'STALE', 'SYNCED', 'MISSING'];

/** Every resource of a node, from all its streams. */
export function nodeResources(record: NodeRecord): ResourceStatus[] {
  const found = new Map<string, ResourceStatus>();
  for (const resource of [...record.streams].flatMap((stream) => stream.resources())) {
    const key = `${resource.typeUrl} ${resource.name}`;
    const other = found.get(key);
    const worse = other === undefined || SEVERITY.indexOf(resource.state) < SEVERITY.indexOf(other.state);
    if (worse) found.set(key, resource);
  }
  return [...found.values()];
}
