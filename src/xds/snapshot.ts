/**
 * Snapshots: all resources that one group of proxies shall have, each encoded once. Versions are hashes of content, so
 * equal content has equal versions on every replica and after every restart.
 */
import { compareText } from '../lib/compare.ts';
import { contentHash } from '../lib/hash.ts';
import { anyHeadSize, encodeAny } from './wire.ts';

/** A resource that another one names. */
export interface ResourceReference {
  readonly typeUrl: string;
  readonly name: string;
}

export interface ResourceInput {
  readonly typeUrl: string;
  readonly name: string;
  /** The encoded message, without its Any. */
  readonly value: Uint8Array;
  /** What a proxy needs before it can use this resource: the assignment of a cluster, the routes of a listener, secrets. */
  readonly requires?: readonly ResourceReference[];
}

export interface EncodedResource {
  readonly name: string;
  /** Content hash. */
  readonly version: string;
  /** The bytes of a google.protobuf.Any, shared by all nodes and streams. */
  readonly any: Uint8Array;
  readonly requires?: readonly ResourceReference[];
}

export interface TypeSnapshot {
  readonly typeUrl: string;
  /** Hash over the sorted names and versions. */
  readonly version: string;
  readonly resources: ReadonlyMap<string, EncodedResource>;
}

export interface Snapshot {
  readonly version: string;
  readonly types: ReadonlyMap<string, TypeSnapshot>;
}

/**
 * Encodes a snapshot. What equals a resource, a type or all of `previous` is taken over from it as the same object. Of
 * two resources with one type and name the later one counts.
 */
export function createSnapshot(resources: Iterable<ResourceInput>, previous?: Snapshot): Snapshot {
  const byType = new Map<string, Map<string, EncodedResource>>();
  for (const input of resources) {
    let type = byType.get(input.typeUrl);
    if (type === undefined) {
      type = new Map();
      byType.set(input.typeUrl, type);
    }
    type.set(input.name, encodeResource(input, previous?.types.get(input.typeUrl)?.resources.get(input.name)));
  }
  const types = new Map<string, TypeSnapshot>();
  for (const [typeUrl, encoded] of byType)
    types.set(typeUrl, typeSnapshot(typeUrl, encoded, previous?.types.get(typeUrl)));
  return assembleSnapshot(types, previous);
}

/** A snapshot of given types; `previous` itself when nothing differs. */
export function assembleSnapshot(types: ReadonlyMap<string, TypeSnapshot>, previous?: Snapshot): Snapshot {
  if (previous !== undefined && previous.types.size === types.size) {
    if ([...types].every(([typeUrl, type]) => previous.types.get(typeUrl) === type)) return previous;
  }
  const parts = [...types.values()].sort((a, b) => compareText(a.typeUrl, b.typeUrl));
  return { version: contentHash(...parts.flatMap((type) => [type.typeUrl, type.version])), types };
}

/** A type of given resources; `previous` itself when nothing differs. */
export function typeSnapshot(
  typeUrl: string,
  resources: ReadonlyMap<string, EncodedResource>,
  previous?: TypeSnapshot,
): TypeSnapshot {
  if (previous !== undefined && previous.resources.size === resources.size) {
    let equal = true;
    for (const [name, resource] of resources) {
      if (previous.resources.get(name) !== resource) {
        equal = false;
        break;
      }
    }
    if (equal) return previous;
  }
  const sorted = [...resources.values()].sort((a, b) => compareText(a.name, b.name));
  return { typeUrl, version: contentHash(...sorted.flatMap((r) => [r.name, r.version])), resources };
}

function encodeResource(input: ResourceInput, previous: EncodedResource | undefined): EncodedResource {
  if (previous !== undefined && sameReferences(previous.requires, input.requires)) {
    // The value is the last part of the Any.
    const head = anyHeadSize(input.typeUrl, input.value.length);
    const sameLength = previous.any.length === head + input.value.length;
    if (sameLength && Buffer.compare(previous.any.subarray(head), input.value) === 0) return previous;
  }
  return {
    name: input.name,
    version: contentHash(input.value),
    any: encodeAny(input.typeUrl, input.value),
    ...(input.requires === undefined ? {} : { requires: input.requires }),
  };
}

function sameReferences(a: readonly ResourceReference[] = [], b: readonly ResourceReference[] = []): boolean {
  return a.length === b.length && a.every((ref, i) => ref.typeUrl === b[i]?.typeUrl && ref.name === b[i]?.name);
}
