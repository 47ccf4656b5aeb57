/** Reads the buckets of a Redis for people: bounded, and in pieces so small that requests do not wait for it. */
import { readStoredKey } from './redis-script.ts';
import type { StoredBucket } from './store.ts';

/** What is used of a client of one Redis. */
export interface RedisNode {
  scan(cursor: string, match: 'MATCH', pattern: string, count: 'COUNT', size: number): Promise<[string, string[]]>;
  get(key: string): Promise<string | null>;
}

const PIECE = 1000;
/** Of one node; the keys of others may be many. */
const MAX_SCANS = 500;

/** Buckets whose keys begin with a prefix, in no order. */
export async function listBuckets(nodes: readonly RedisNode[], prefix: string, max: number): Promise<StoredBucket[]> {
  const found: StoredBucket[] = [];
  const literal = prefix.replace(/[\\*?[\]]/g, '\\$&');
  for (const node of nodes) {
    let cursor = '0';
    for (let i = 0; i < MAX_SCANS && found.length < max; i++) {
      const [next, keys] = await node.scan(cursor, 'MATCH', prefix === '' ? '*' : `*${literal}*`, 'COUNT', PIECE);
      found.push(...(await readCounts(node, keys, prefix)));
      cursor = next;
      if (cursor === '0') break;
    }
  }
  // SCAN may tell a key twice.
  const unique = new Map(found.map((bucket) => [`${bucket.start} ${bucket.key}`, bucket]));
  return [...unique.values()].slice(0, max);
}

async function readCounts(node: RedisNode, stored: readonly string[], prefix: string): Promise<StoredBucket[]> {
  const buckets = stored.flatMap((text) => {
    const read = readStoredKey(text);
    return read?.key.startsWith(prefix) ? [{ ...read, text }] : [];
  });
  // A key of another type is an error of its own, and no bucket.
  const values = await Promise.all(buckets.map(({ text }) => node.get(text).catch(() => null)));
  return buckets.flatMap(({ key, start }, i) => {
    const count = Number(values[i] ?? Number.NaN);
    return Number.isSafeInteger(count) && count > 0 ? [{ key, start, count }] : [];
  });
}
