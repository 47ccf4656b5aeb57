/** What an xDS server is given, and what it offers. */
import type { Logger } from '../telemetry/logger.ts';
import type { AckEvent, NackEvent, NodeEvent, NodeStatus } from './ledger.ts';
import type { NodeInfo } from './node.ts';
import type { Snapshot } from './snapshot.ts';
import type { ResourceStatus } from './stream-status.ts';
import type { PeerIdentity, TlsSource } from './tls.ts';

/** How to serve. */
export interface XdsServerOptions {
  /** Snapshot key of a node; undefined holds it: its streams stay open without an answer. */
  readonly resolve: (node: NodeInfo) => string | undefined;
  readonly logger: Logger;
  /** Present: the port speaks TLS alone. */
  readonly tls?: TlsSource;
  /** Why a client of the TLS port may not be that node; undefined lets it in. Asked once a stream. */
  readonly authorize?: (peer: PeerIdentity, node: NodeInfo) => string | undefined;
  readonly onRefusal?: (event: { readonly node: NodeInfo }) => void;
  readonly onAck?: (event: AckEvent) => void;
  readonly onNack?: (event: NackEvent) => void;
  readonly onNodeChange?: (event: NodeEvent) => void;
  /** How long a client that does not answer holds up what depends on its answer. Default 5 s. */
  readonly ackTimeoutMs?: number;
  /** How long clusters, endpoints and secrets stay after a snapshot dropped them (linger.ts). Default 0. */
  readonly lingerMs?: number;
  readonly limits?: {
    /** Largest request. Default 256 MiB: a reconnecting delta client repeats every name and version it holds. */
    readonly maxReceiveBytes?: number;
    /** Types that one stream may ask for. Default 64. */
    readonly maxTypesPerStream?: number;
    /** Assembled responses that are kept to be shared. Default 64 MiB. */
    readonly maxSharedBytes?: number;
  };
  /** HTTP/2 pings, so that dead proxies are noticed. Default every 30 s, 10 s to answer. */
  readonly keepalive?: { readonly intervalMs: number; readonly timeoutMs: number };
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
  setSnapshot(key: string, snapshot: Snapshot): void;
  /** Its nodes are held: they keep what they have. */
  deleteSnapshot(key: string): void;
  /** Asks `resolve` again for every node. */
  reresolve(): void;
  nodes(): NodeStatus[];
  /** What connected nodes of that id have, resource by resource. */
  resources(nodeId: string): ResourceStatus[];
  /** Ends all streams with UNAVAILABLE, spread over at most half of the time, then closes. */
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;

export const DEFAULTS = {
  ackTimeoutMs: 5000,
  lingerMs: 0,
  maxReceiveBytes: 256 * MIB,
  maxSharedBytes: 64 * MIB,
  maxTypesPerStream: 64,
  keepalive: { intervalMs: 30_000, timeoutMs: 10_000 },
} as const;
