/** Lists of resource names as they arrive, and sets of names that many streams share. */
import { createHash } from 'node:crypto';
import { createLru } from '../lib/lru.ts';
import { readString, visitFields } from './protobuf.ts';

/** 128 bits over bytes or text: key of what is shared between streams. */
export function fingerprint(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(part);
    hash.update('\u0000');
  }
  return hash.digest('base64url').slice(0, 22);
}

/** Names of a request, still encoded: equal lists have equal keys, so that a known list is never decoded again. */
export interface NameList {
  readonly count: number;
  readonly key: string;
  decode(): string[];
}

export const NO_NAMES: NameList = { count: 0, key: '', decode: () => [] };

/** The elements of one repeated field, collected while a message is read. Valid as long as the bytes of the message are. */
export class RepeatedField {
  count = 0;
  private readonly bytes: Buffer;
  private from = 0;
  private to = 0;
  // Serializers put the elements of a field side by side; other fields may lie between them all the same.
  private pieces: Buffer[] | undefined;
  private knownKey: string | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Adds the element that begins with the tag at `tagStart`. */
  add(tagStart: number, end: number): void {
    if (this.count === 0) this.from = tagStart;
    else if (tagStart !== this.to) {
      this.pieces ??= [];
      this.pieces.push(this.bytes.subarray(this.from, this.to));
      this.from = tagStart;
    }
    this.to = end;
    this.count += 1;
  }

  /** Equal bytes, tags included, are equal lists. */
  get key(): string {
    this.knownKey ??= keyOf(this.encoded());
    return this.knownKey;
  }

  /** Visits the elements in their order. */
  visit(element: (bytes: Buffer, start: number, end: number) => void): void {
    const bytes = this.encoded();
    visitFields(bytes, 0, bytes.length, (_field, start, end) => element(bytes, start, end));
  }

  private encoded(): Buffer {
    const last = this.bytes.subarray(this.from, this.to);
    return this.pieces === undefined ? last : Buffer.concat([...this.pieces, last]);
  }
}

/** A repeated string field. */
export class RepeatedNames extends RepeatedField implements NameList {
  decode(): string[] {
    const names: string[] = [];
    this.visit((bytes, start, end) => names.push(readString(bytes, start, end)));
    return names;
  }
}

const MAX_PLAIN_KEY = 64;
const MAX_SAME_LENGTH = 4;
const MAX_KNOWN_BYTES = 8 * 1024 * 1024;

interface KnownBytes {
  readonly bytes: Buffer;
  readonly key: string;
}

// By length. A fleet repeats the same few lists: comparing bytes is much less work than hashing them.
const knownBytes = createLru<readonly KnownBytes[]>(MAX_KNOWN_BYTES, (list) =>
  list.reduce((sum, { bytes }) => sum + bytes.length, 0),
);

function keyOf(bytes: Buffer): string {
  if (bytes.length <= MAX_PLAIN_KEY) return `=${bytes.toString('latin1')}`;
  const length = String(bytes.length);
  const sameLength = knownBytes.get(length) ?? [];
  const found = sameLength.find((known) => known.bytes.equals(bytes));
  if (found !== undefined) return found.key;
  const added = { bytes: Buffer.from(bytes), key: fingerprint(bytes) };
  knownBytes.set(length, [added, ...sameLength].slice(0, MAX_SAME_LENGTH));
  return added.key;
}

/** A set of names with a key of its content. */
export interface NameSet {
  readonly key: string;
  readonly names: ReadonlySet<string>;
}

export function createNameSet(names: Iterable<string>): NameSet {
  const set = new Set(names);
  return { key: set.size === 0 ? '' : fingerprint(...[...set].sort()), names: set };
}

/** A collection of resources by name. Plain names nest in it; of `xdstp:` names only the directory itself counts. */
export interface Glob {
  readonly prefix: string;
  /** The context parameters. */
  readonly suffix: string;
  readonly nests: boolean;
}

const GLOB = /^(.*\/)\*(\?.*)?$/s;

/** The collection that a name stands for, if it stands for one: `dir/*`, `xdstp://authority/type/dir/*?params`. */
export function globOf(name: string): Glob | undefined {
  const nests = !name.startsWith('xdstp:');
  if (nests && !name.endsWith('/*')) return undefined;
  const [, prefix, suffix = ''] = GLOB.exec(name) ?? [];
  return prefix === undefined ? undefined : { prefix, suffix, nests };
}

/** Whether a resource is of a collection. */
export function inGlob({ prefix, suffix, nests }: Glob, name: string): boolean {
  if (!name.startsWith(prefix) || !name.endsWith(suffix)) return false;
  if (nests) return true;
  const leaf = name.slice(prefix.length, name.length - suffix.length);
  return !leaf.includes('/') && !leaf.includes('?');
}
