/** The proxies that are connected: one entry a node, however many streams it has. */
import type { NodeStatus } from './ledger.ts';
import type { NodeInfo } from './node.ts';
import type { Snapshot } from './snapshot.ts';
import type { XdsStream } from './stream.ts';
import type { ResourceState, ResourceStatus } from './stream-status.ts';

/** A connected node. */
export interface NodeRecord {
  node: NodeInfo;
  /** Snapshot key; undefined while `resolve` knows none. */
  key: string | undefined;
  readonly connectedAt: string;
  readonly streams: Set<XdsStream>;
}

export interface Nodes {
  readonly count: number;
  find(node: NodeInfo): NodeRecord | undefined;
  attach(node: NodeInfo, stream: XdsStream): { record: NodeRecord; isNew: boolean };
  /** Returns true when it was the last stream of its node. */
  detach(record: NodeRecord, stream: XdsStream): boolean;
  all(): Iterable<NodeRecord>;
}

/** Creates the registry. Nodes are told apart by cluster and id. */
export function createNodes(): Nodes {
  const records = new Map<string, NodeRecord>();
  const keyOf = (node: NodeInfo): string => `${node.cluster}\u0000${node.id}`;
  return {
    get count() {
      return records.size;
    },
    find: (node) => records.get(keyOf(node)),
    attach(node, stream) {
      const found = records.get(keyOf(node));
      const record = found ?? { node, key: undefined, connectedAt: new Date().toISOString(), streams: new Set() };
      records.set(keyOf(node), record);
      // A restarted proxy may be another version while the stream of the old one still lingers.
      record.node = node;
      record.streams.add(stream);
      return { record, isNew: found === undefined };
    },
    detach(record, stream) {
      record.streams.delete(stream);
      if (record.streams.size > 0 || records.get(keyOf(record.node)) !== record) return false;
      return records.delete(keyOf(record.node));
    },
    all: () => records.values(),
  };
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
