/**
 * The xDS room. In: snapshots of encoded resources by key, and a function from node to key. Out: the same to every
 * proxy over ADS or per-type streams (SotW and delta), in an order that breaks nothing, and a ledger of who accepted or
 * rejected what. Must not know: policy, AI, YAML, files; a resource is a type URL, a name and bytes.
 */

export type {
  AckEvent,
  AnswerEvent,
  NackEvent,
  NodeEvent,
  NodeStatus,
  RejectedResource,
  Rejection,
  StreamEndEvent,
  TypeStatus,
} from './ledger.ts';
export type { NodeExtension, NodeInfo } from './node.ts';
export type { NodeConfig, NodeResource } from './node-config.ts';
export type { RolloutOptions, RolloutStatus } from './rollout.ts';
export { createXdsServer } from './server.ts';
export type { SavedSnapshot, XdsServer, XdsServerOptions } from './server-options.ts';
export {
  assembleSnapshot,
  createSnapshot,
  type EncodedResource,
  type ResourceInput,
  type ResourceReference,
  type Snapshot,
  type TypeSnapshot,
  typeSnapshot,
} from './snapshot.ts';
export type { ResourceState, ResourceStatus } from './stream-status.ts';
export { checkTlsMaterial, type PeerIdentity, type TlsMaterial, type TlsSource } from './tls.ts';
export { TYPE } from './types.ts';
export type { RejectedForm, Withheld } from './verdicts.ts';
