/** Lists of resource names as they arrive, and sets of names that many streams share. */
import { createHash } from 'node:crypto';
import { readString } from './protobuf.ts';

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

const NO_NAMES: NameList = { count: 0, key: '', decode: () => [] };

/** Collects one repeated field while a message is read. */
export interface SpanCollector {
  add(start: number, end: number): void;
  readonly count: number;
  key(): string;
  spans(): readonly number[];
}

export function collectSpans(bytes: Buffer): SpanCollector {
  const spans: number[] = [];
  return {
    add(start, end) {
      spans.push(start, end);
    },
    get count() {
      return spans.length / 2;
    },
    key() {
      const first = spans[0];
      const last = spans.at(-1);
      if (first === undefined || last === undefined) return '';
      // Positions and bytes together say exactly how the list decodes. Serializers put the elements of a field side by
      // side; whatever else lies between them only makes the key differ.
      const positions = Uint32Array.from(spans, (offset) => offset - first);
      return fingerprint(new Uint8Array(positions.buffer), bytes.subarray(first, last));
    },
    spans: () => spans,
  };
}

/** The names of a collected repeated string field. Valid as long as `bytes` is. */
export function nameList(bytes: Buffer, collected: SpanCollector): NameList {
  if (collected.count === 0) return NO_NAMES;
  let key: string | undefined;
  return {
    count: collected.count,
    get key() {
      key ??= collected.key();
      return key;
    },
    decode() {
      const spans = collected.spans();
      const names: string[] = [];
      for (let i = 0; i < spans.length; i += 2) names.push(readString(bytes, spans[i] ?? 0, spans[i + 1] ?? 0));
      return names;
    },
  };
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
