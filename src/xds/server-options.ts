/** What an xDS server is given, and what it offers. */
import type { Logger } from '../telemetry/logger.ts';
import type { AckEvent, AnswerEvent, NackEvent, NodeEvent, NodeStatus, StreamEndEvent } from './ledger.ts';
import type { NodeInfo } from './node.ts';
import type { NodeConfig } from './node-config.ts';
import type { RolloutOptions, RolloutStatus } from './rollout.ts';
import type { EncodedResource, Snapshot } from './snapshot.ts';
import type { ResourceStatus } from './stream-status.ts';
import type { PeerIdentity, TlsSource } from './tls.ts';
import type { Withheld } from './verdicts.ts';

/** How to serve. */
export interface XdsServerOptions {
  /** Snapshot key of a node; undefined holds it: its streams stay open without an answer. */
  readonly resolve: (node: NodeInfo) => string | undefined;
  readonly logger: Logger;
  /** Present: the port speaks TLS alone. */
  readonly tls?: TlsSource;
  /** Why a client of the TLS port may not be that node; undefined lets it in. Asked once a stream, and by `reauthorize`. */
  readonly authorize?: (peer: PeerIdentity, node: NodeInfo) => string | undefined;
  readonly onRefusal?: (event: { readonly node: NodeInfo }) => void;
  readonly onAnswer?: (event: AnswerEvent) => void;
  readonly onStreamEnd?: (event: StreamEndEvent) => void;
  readonly onAck?: (event: AckEvent) => void;
  readonly onNack?: (event: NackEvent) => void;
  readonly onNodeChange?: (event: NodeEvent) => void;
  /** How long a client that does not answer holds up what depends on its answer. Default 5 s. */
  readonly ackTimeoutMs?: number;
  /**
   * How long an Envoy that comes back may take until it asks for its clusters, which it does when none is warming. Until
   * then it gets no routes. Default 40 s: it gives up waiting for endpoints after 15 s, and for secrets 15 s later.
   */
  readonly warmingMs?: number;
  /** How long clusters, endpoints and secrets stay after a snapshot dropped them (linger.ts). Default 0. */
  readonly lingerMs?: number;
  /** Whether what proxies reject is kept from all proxies of the key (accepted.ts). Default no. */
  readonly lastAccepted?: boolean;
  /** How long a rejection waits for what other proxies say. Default 250 ms. */
  readonly settleMs?: number;
  /** Present: changes go to a share of the nodes first (rollout.ts). */
  readonly rollout?: RolloutOptions;
  /** Most proxies of a key get another snapshot. */
  readonly onPublish?: (key: string) => void;
  /** What is withheld has changed. */
  readonly onWithheld?: () => void;
  readonly limits?: {
    /** Largest request. Default 256 MiB: a reconnecting delta client repeats every name and version it holds. */
    readonly maxReceiveBytes?: number;
    /** Types that one stream may ask for. Default 64. */
    readonly maxTypesPerStream?: number;
    /** Names that one request may list, and one stream may subscribe to of a type. Default 1,000,000. */
    readonly maxNames?: number;
    /** Streams of one node. Default 64: those of a proxy that was cut off linger until they are noticed. */
    readonly maxStreamsPerNode?: number;
    /** Streams of one connection; what is more waits for others to end. Default 1024. */
    readonly maxStreamsPerConnection?: number;
    /** Streams of all nodes. Default 50,000. */
    readonly maxStreams?: number;
    /** Nodes that are connected. Default 20,000. */
    readonly maxNodes?: number;
    /** A client that reads nothing of what it was sent, or asks for nothing, for so long is cut off. Default 60 s. */
    readonly stuckMs?: number;
    /** Assembled responses that are kept to be shared. Default 64 MiB. */
    readonly maxSharedBytes?: number;
  };
  /** HTTP/2 pings, so that dead proxies are noticed. Default every 30 s, 10 s to answer. */
  readonly keepalive?: { readonly intervalMs: number; readonly timeoutMs: number };
  /**
   * Connections are told to go after `maxMs`, a tenth more or less, and cut off `graceMs` later: proxies come back to
   * whichever replica has room, and get only what changed. Default 1 h, 30 s.
   */
  readonly connectionAge?: { readonly maxMs: number; readonly graceMs: number };
}

/** A served snapshot, for another process to go on with. */
export interface SavedSnapshot {
  readonly key: string;
  readonly snapshot: Snapshot;
  readonly accepted: readonly EncodedResource[];
}

/** A server with a lifetime. */
export interface XdsServer {
  /**
   * May be called again for another address; `plaintext` has it without TLS, for proxies of the same host.
   * Errors: GatewayError `port_in_use`, `unavailable`.
   */
  listen(
    address: { host: string; port: number },
    how?: { readonly plaintext?: boolean },
  ): Promise<{ host: string; port: number }>;
  /**
   * The port of REST, with the same TLS and `authorize`. Who asks there is no part of the ledger.
   * Errors: GatewayError `port_in_use`, `unavailable`.
   */
  listenRest(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  setSnapshot(key: string, snapshot: Snapshot): void;
  /** What proxies get, and what of it some proxy accepted. */
  saved(): SavedSnapshot[];
  /** Begins with what an earlier process saved of a key. */
  restore(saved: SavedSnapshot): void;
  /** Its nodes are held: they keep what they have. */
  deleteSnapshot(key: string): void;
  /** Asks `authorize` again for every stream, and ends those that it refuses now. */
  reauthorize(): void;
  /** Asks `resolve` again for every node. */
  reresolve(): void;
  nodes(): NodeStatus[];
  /** What snapshots have and proxies do not get, because proxies rejected it. */
  withheld(): Withheld[];
  /** What is withheld, and what stopped at a rejection, gets another chance. */
  retry(): void;
  /** Snapshots that only a share of the nodes has so far. */
  rollouts(): RolloutStatus[];
  /** What connected nodes of that id have, resource by resource. */
  resources(nodeId: string): ResourceStatus[];
  /** What a connected node has; of several with that id the first, or the one of that cluster. */
  configOf(nodeId: string, cluster?: string): NodeConfig | undefined;
  /** Ends all streams with UNAVAILABLE, spread over at most half of the time, then closes. */
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;

export const DEFAULTS = {
  ackTimeoutMs: 5000,
  warmingMs: 40_000,
  lingerMs: 0,
  settleMs: 250,
  maxReceiveBytes: 256 * MIB,
  maxSharedBytes: 64 * MIB,
  maxTypesPerStream: 64,
  maxNames: 1_000_000,
  maxStreamsPerNode: 64,
  maxStreamsPerConnection: 1024,
  maxStreams: 50_000,
  maxNodes: 20_000,
  stuckMs: 60_000,
  keepalive: { intervalMs: 30_000, timeoutMs: 10_000 },
  connectionAge: { maxMs: 3_600_000, graceMs: 30_000 },
} as const;
