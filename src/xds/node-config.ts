/** What one node has, by the ledger: what it accepted, what is on its way, and what it does not get. */
import type { Acceptance } from './accepted.ts';
import type { RejectedResource } from './ledger.ts';
import type { NodeInfo } from './node.ts';
import { type NodeRecord, nodeResources } from './nodes.ts';
import type { EncodedResource } from './snapshot.ts';
import type { ResourceStatus } from './stream-status.ts';
import type { RejectedForm } from './verdicts.ts';

export interface NodeResource {
  readonly typeUrl: string;
  readonly name: string;
  /** What the node accepted; absent when it accepted none, or one of which only the version is known here. */
  readonly active?: EncodedResource;
  /** What it shall have instead, and has neither accepted nor rejected yet. */
  readonly pending?: EncodedResource;
  readonly rejected?: RejectedForm;
}

export interface NodeConfig {
  readonly node: NodeInfo;
  readonly key?: string;
  /** ISO 8601. */
  readonly connectedAt: string;
  /** What the node accepted last of each type. */
  readonly versions: ReadonlyMap<string, string>;
  readonly resources: readonly NodeResource[];
}

/** With what is kept from all nodes of the same key, because one of them rejected it. */
export function nodeConfig(record: NodeRecord, acceptance: Acceptance | undefined): NodeConfig {
  const { node, key, connectedAt } = record;
  const types = [...record.streams].flatMap((stream) => stream.status());
  const rejected = new Map<string, RejectedForm>();
  for (const form of (key === undefined ? undefined : acceptance?.rejectedOf(key)) ?? []) {
    rejected.set(`${form.typeUrl} ${form.name}`, form);
  }
  const resources = nodeResources(record).map((status) => {
    const id = `${status.typeUrl} ${status.name}`;
    const resource = nodeResource(status, rejected.get(id));
    rejected.delete(id);
    return resource;
  });
  const kept = [...rejected.values()].map((form) => ({ typeUrl: form.typeUrl, name: form.name, rejected: form }));
  return {
    node,
    ...(key === undefined ? {} : { key }),
    connectedAt,
    versions: new Map(types.flatMap(({ typeUrl, acked }) => (acked === undefined ? [] : [[typeUrl, acked]]))),
    resources: [...resources, ...kept],
  };
}

function nodeResource(status: ResourceStatus, withheld: RejectedForm | undefined): NodeResource {
  const { typeUrl, name, state, wanted, held, rejected } = status;
  const isPending = state === 'STALE' || state === 'NOT_SENT';
  const failure = rejected === undefined ? withheld : rejectedForm(status, rejected, withheld);
  return {
    typeUrl,
    name,
    ...(held && { active: held }),
    ...(isPending && wanted && { pending: wanted }),
    ...(failure && { rejected: failure }),
  };
}

function rejectedForm(
  { typeUrl, name, wanted }: ResourceStatus,
  { version, message, time }: RejectedResource,
  withheld: RejectedForm | undefined,
): RejectedForm {
  const resource = [wanted, withheld?.resource].find((form) => form?.version === version);
  return { typeUrl, name, version, message, time, ...(resource && { resource }) };
}
