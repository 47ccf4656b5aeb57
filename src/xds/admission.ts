/** Who may be which node, and how many there may be. */
import { GatewayError } from '../lib/errors.ts';
import type { Caller } from '../lib/http2/streams.ts';
import { type Call, peerAddress } from './grpc.ts';
import type { NodeInfo } from './node.ts';
import type { NodeRecord, Nodes } from './nodes.ts';
import type { XdsServerOptions } from './server-options.ts';
import { peerIdentity } from './tls.ts';

export interface AdmissionLimits {
  readonly maxNodes: number;
  readonly maxStreamsPerNode: number;
}

export interface Admission {
  /** Errors: GatewayError `permission_denied`, `limit_exceeded`. */
  admit(call: Call, node: NodeInfo): void;
  /** The same for a node that is there already, or never will be. Errors: GatewayError `permission_denied`. */
  admitPeer(caller: Caller, node: NodeInfo): void;
  /** The nodes that a client of the status service may see: those that it may be. */
  visible(caller: Caller): Iterable<NodeRecord>;
}

/** Creates the gate in front of `nodes`. */
export function createAdmission(options: XdsServerOptions, limits: AdmissionLimits, nodes: Nodes): Admission {
  const { authorize, logger } = options;

  /** On a port with TLS: whether the client may be that node. Plaintext is for loopback, where nothing tells clients apart. */
  function admitPeer({ socket }: Caller, node: NodeInfo): void {
    const peer = authorize && peerIdentity(socket);
    const refusal = peer && authorize?.(peer, node);
    if (refusal === undefined) return;
    const { id, cluster } = node;
    logger.warn({ node: id, cluster, peer: peerAddress(socket), names: peer?.names }, `node refused: ${refusal}`);
    options.onRefusal?.({ node });
    throw new GatewayError('permission_denied', refusal);
  }

  function limitNodes(node: NodeInfo): void {
    const known = nodes.find(node);
    if (known === undefined && nodes.count >= limits.maxNodes) {
      throw new GatewayError('limit_exceeded', `more than ${limits.maxNodes} nodes`);
    }
    if (known !== undefined && known.streams.size >= limits.maxStreamsPerNode) {
      throw new GatewayError('limit_exceeded', `more than ${limits.maxStreamsPerNode} streams of one node`);
    }
  }

  return {
    admitPeer,
    admit(call, node) {
      admitPeer(call, node);
      limitNodes(node);
    },
    *visible(caller) {
      const peer = authorize && peerIdentity(caller.socket);
      for (const record of nodes.all()) {
        if (peer === undefined || authorize?.(peer, record.node) === undefined) yield record;
      }
    },
  };
}
