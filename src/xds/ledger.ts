/** The ledger: what every proxy shall have, was sent, accepted and rejected, by type. */
import type { NameSet } from './names.ts';
import type { NodeInfo } from './node.ts';
import type { Variant } from './responses.ts';

/** The last rejection of a type on a stream. */
export interface Rejection {
  readonly version: string;
  /** gRPC code and message of the proxy, without what might be secret. */
  readonly code: number;
  readonly message: string;
  /** ISO 8601. */
  readonly time: string;
  /** Rejections of this type since the stream began. */
  readonly count: number;
  /** Resources of the rejected response that the message names; all of it when it held one resource; else empty. */
  readonly resources: readonly string[];
  /** False once a later version was accepted. */
  readonly standing: boolean;
  /** The message names nothing: which resource it is about is being looked for, and another event follows. */
  readonly searching?: boolean;
}

/** A resource that a proxy rejected, and has not accepted in another version since. */
export interface RejectedResource {
  readonly name: string;
  /** Version that was rejected; empty for a removal. */
  readonly version: string;
  /** Version that the proxy runs instead; absent when it has none. */
  readonly accepted?: string;
  readonly message: string;
  /** ISO 8601, of the last rejection. */
  readonly time: string;
  /** Rejections in a row. */
  readonly count: number;
}

export interface TypeStatus {
  readonly streamId: number;
  readonly variant: Variant;
  readonly typeUrl: string;
  /** Version of the newest snapshot; absent while the node is held. */
  readonly wanted?: string;
  readonly sent?: string;
  readonly acked?: string;
  readonly rejection?: Rejection;
  /** What of it stands, resource by resource. */
  readonly rejected: readonly RejectedResource[];
  /** The proxy runs what it shall run. */
  readonly synced: boolean;
}

export interface NodeStatus {
  readonly node: NodeInfo;
  readonly peer: string;
  /** Snapshot key that `resolve` gave. */
  readonly key?: string;
  /** Version of the snapshot that the node shall have. */
  readonly snapshotVersion?: string;
  /** No snapshot yet: the streams are open and unanswered. */
  readonly waiting: boolean;
  /** Every subscribed type is synced (a node that subscribes to nothing is not). */
  readonly synced: boolean;
  readonly streams: number;
  /** ISO 8601. */
  readonly connectedAt: string;
  readonly types: readonly TypeStatus[];
}

/** Event of an acknowledgement. */
export interface AckEvent {
  readonly node: NodeInfo;
  readonly key: string;
  readonly typeUrl: string;
  readonly version: string;
}

/** Event of an answer, whether it accepts or rejects: how long it took. */
export interface AnswerEvent {
  readonly key: string;
  readonly typeUrl: string;
  readonly seconds: number;
}

/** Event of the end of a stream: for how long it was open. */
export interface StreamEndEvent {
  /** Absent where the node has no configuration, or never said who it is. */
  readonly key?: string;
  readonly variant: Variant;
  readonly seconds: number;
}

/** Event of a rejection. */
export interface NackEvent extends AckEvent {
  readonly rejection: Rejection;
}

export interface NodeEvent {
  readonly kind: 'connected' | 'disconnected';
  readonly node: NodeInfo;
  readonly key?: string;
}

const NAME_CHARACTER = /[A-Za-z0-9_/-]/;

/** The names that a rejection message speaks of, as whole words. */
export function blamedResources(names: NameSet, message: string): readonly string[] {
  const [only] = names.names;
  if (names.names.size === 1 && only !== undefined) return [only];
  return [...names.names].filter((name) => name !== '' && mentions(message, name));
}

function mentions(message: string, name: string): boolean {
  for (let at = message.indexOf(name); at !== -1; at = message.indexOf(name, at + 1)) {
    const before = message[at - 1] ?? ' ';
    const after = message[at + name.length] ?? ' ';
    if (!NAME_CHARACTER.test(before) && !NAME_CHARACTER.test(after)) return true;
  }
  return false;
}
