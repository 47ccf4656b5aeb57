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
  readonly any: Buffer;
  readonly requires?: readonly ResourceReference[];
  readonly aliases?: readonly string[];
  readonly ttlMs?: number;
  /** When this content was met first, in milliseconds of the epoch. */
  readonly since: number;
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
  const byType = new Map<string, TypeCollector>();
  let last: TypeCollector | undefined;
  let lastUrl = '';
  for (const input of resources) {
    // Resources of a type mostly come one behind the other.
    if (last === undefined || input.typeUrl !== lastUrl) {
      lastUrl = input.typeUrl;
      last = byType.get(lastUrl) ?? new TypeCollector(previous?.types.get(lastUrl)?.resources);
      byType.set(lastUrl, last);
    }
    last.add(input);
  }
  const types = new Map<string, TypeSnapshot>();
  for (const [url, collector] of byType) {
    types.set(url, typeSnapshot(url, collector.finish(), previous?.types.get(url)));
  }
  return assembleSnapshot(types, previous);
}

/**
 * Collects the resources of a type. As long as their names come in the order of before, which they nearly always do, what
 * changed is all that has to be stored: copying a map takes much less than filling one.
 */
class TypeCollector {
  private readonly before: ReadonlyMap<string, EncodedResource>;
  private readonly expected: Iterator<EncodedResource>;
  private readonly changed = new Map<string, EncodedResource>();
  private seen = 0;
  private collected: Map<string, EncodedResource> | undefined;

  constructor(before: ReadonlyMap<string, EncodedResource> = new Map()) {
    this.before = before;
    this.expected = before.values();
  }

  add(input: ResourceInput): void {
    const next = this.collected === undefined ? this.expected.next().value : undefined;
    if (next?.name === input.name) {
      const encoded = encodeResource(input, next);
      if (encoded !== next) this.changed.set(input.name, encoded);
      this.seen += 1;
      return;
    }
    this.collected ??= this.soFar();
    this.collected.set(input.name, encodeResource(input, this.before.get(input.name)));
  }

  finish(): ReadonlyMap<string, EncodedResource> {
    if (this.collected !== undefined) return this.collected;
    return this.changed.size === 0 && this.seen === this.before.size ? this.before : this.soFar();
  }

  private soFar(): Map<string, EncodedResource> {
    const all = this.seen === this.before.size ? new Map(this.before) : new Map([...this.before].slice(0, this.seen));
    for (const [name, resource] of this.changed) all.set(name, resource);
    return all;
  }
}

/** A snapshot of given types; `previous` itself when nothing differs. */
export function assembleSnapshot(types: ReadonlyMap<string, TypeSnapshot>, previous?: Snapshot): Snapshot {
  if (previous !== undefined && previous.types.size === types.size) {
    if ([...types].every(([typeUrl, type]) => previous.types.get(typeUrl) === type)) return previous;
  }
  const parts = [...types.values()].sort((a, b) => compareText(a.typeUrl, b.typeUrl));
  return { version: contentHash(...parts.flatMap((type) => [type.typeUrl, type.version])), types };
}

const NO_ALIASES: readonly string[] = [];

/** A type of given resources; `previous` itself when nothing differs. */
export function typeSnapshot(
  typeUrl: string,
  resources: ReadonlyMap<string, EncodedResource>,
  previous?: TypeSnapshot,
): TypeSnapshot {
  if (previous?.resources === resources) return previous;
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
  const aliases = new Map<string, string>();
  let ttlMs = Number.POSITIVE_INFINITY;
  for (const resource of sorted) {
    for (const alias of resource.aliases ?? NO_ALIASES) aliases.set(alias, resource.name);
    if (resource.ttlMs !== undefined) ttlMs = Math.min(ttlMs, resource.ttlMs);
  }
  return {
    typeUrl,
    version: versionOf(sorted),
    resources,
    ...(aliases.size === 0 ? {} : { aliases }),
    ...(ttlMs === Number.POSITIVE_INFINITY ? {} : { ttlMs }),
  };
}

/** The resource of a name, or of another name that it goes by. */
export function findResource({ resources, aliases }: TypeSnapshot, name: string): EncodedResource | undefined {
  const found = resources.get(name);
  if (found !== undefined || aliases === undefined) return found;
  const target = aliases.get(name);
  return target === undefined ? undefined : resources.get(target);
}

// One text, for a hash takes many small pieces slowly.
function versionOf(sorted: readonly EncodedResource[]): string {
  return contentHash(sorted.map(({ name, version }) => `${name}\u0000${version}`).join('\u0000'));
}

function encodeResource(input: ResourceInput, previous: EncodedResource | undefined): EncodedResource {
  const { name, typeUrl, value, requires, aliases, ttlMs } = input;
  if (previous !== undefined && sameReferences(previous.requires, requires) && sameTerms(previous, input)) {
    // The value is the last part of the Any.
    const head = anyHeadSize(typeUrl, value.length);
    const sameLength = previous.any.length === head + value.length;
    if (sameLength && previous.any.compare(value, 0, value.length, head) === 0) return previous;
  }
  const terms = [...(aliases ?? []), ...(ttlMs === undefined ? [] : [`ttl ${ttlMs}`])];
  return {
    name,
    version: contentHash(value, ...terms),
    any: encodeAny(typeUrl, value),
    since: Date.now(),
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
