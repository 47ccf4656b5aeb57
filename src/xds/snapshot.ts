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
  /** Other names that it may be asked for by, as the hosts of a virtual host (delta alone). */
  readonly aliases?: readonly string[];
  /** For how long a proxy may use it without hearing of it again. Only for proxies that know of this. */
  readonly ttlMs?: number;
}

export interface EncodedResource {
  readonly name: string;
  /** Content hash. */
  readonly version: string;
  /** The bytes of a google.protobuf.Any, shared by all nodes and streams. */
  readonly any: Uint8Array;
  readonly requires?: readonly ResourceReference[];
  readonly aliases?: readonly string[];
  readonly ttlMs?: number;
}

export interface TypeSnapshot {
  readonly typeUrl: string;
  /** Hash over the sorted names and versions. */
  readonly version: string;
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** Names of resources by the other names they go by; present where there are any. */
  readonly aliases?: ReadonlyMap<string, string>;
  /** The shortest time after which a resource must be spoken of again; present where there is one. */
  readonly ttlMs?: number;
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
  const version = contentHash(...sorted.flatMap((r) => [r.name, r.version]));
  const aliases = sorted.flatMap((r) => (r.aliases ?? []).map((alias) => [alias, r.name] as const));
  const ttls = sorted.flatMap((r) => r.ttlMs ?? []);
  return {
    typeUrl,
    version,
    resources,
    ...(aliases.length === 0 ? {} : { aliases: new Map(aliases) }),
    ...(ttls.length === 0 ? {} : { ttlMs: ttls.reduce((a, b) => Math.min(a, b)) }),
  };
}

/** The resource of a name, or of another name that it goes by. */
export function findResource({ resources, aliases }: TypeSnapshot, name: string): EncodedResource | undefined {
  const found = resources.get(name);
  if (found !== undefined || aliases === undefined) return found;
  const target = aliases.get(name);
  return target === undefined ? undefined : resources.get(target);
}

function encodeResource(input: ResourceInput, previous: EncodedResource | undefined): EncodedResource {
  const { name, typeUrl, value, requires, aliases, ttlMs } = input;
  if (previous !== undefined && sameReferences(previous.requires, requires) && sameTerms(previous, input)) {
    // The value is the last part of the Any.
    const head = anyHeadSize(typeUrl, value.length);
    const sameLength = previous.any.length === head + value.length;
    if (sameLength && Buffer.compare(previous.any.subarray(head), value) === 0) return previous;
  }
  const terms = [...(aliases ?? []), ...(ttlMs === undefined ? [] : [`ttl ${ttlMs}`])];
  return {
    name,
    version: contentHash(value, ...terms),
    any: encodeAny(typeUrl, value),
    ...(requires === undefined ? {} : { requires }),
    ...(aliases === undefined ? {} : { aliases }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  };
}

function sameTerms(a: EncodedResource, { aliases = [], ttlMs }: ResourceInput): boolean {
  const before = a.aliases ?? [];
  return a.ttlMs === ttlMs && before.length === aliases.length && before.every((alias, i) => alias === aliases[i]);
}

function sameReferences(a: readonly ResourceReference[] = [], b: readonly ResourceReference[] = []): boolean {
  return a.length === b.length && a.every((ref, i) => ref.typeUrl === b[i]?.typeUrl && ref.name === b[i]?.name);
}
