/** From a descriptor of a request to the limit it meets and the key of its bucket. */

import { GatewayError } from '../lib/errors.ts';
import { type KeyNodes, type Limit, type LimitNode, type LimitTree, matchesParts } from './limit-tree.ts';
import type { LimitStats, Statistics } from './statistics.ts';
import { unitByNumber } from './units.ts';
import { type Descriptor, type Entry, encodeLimit } from './wire.ts';

/** A limit and where its bucket is. */
export interface FoundLimit {
  readonly limit: Limit;
  /** Of the bucket, without its window. */
  readonly key: string;
  readonly stats: LimitStats;
}

export interface LookupOptions {
  readonly tree: LimitTree;
  readonly statistics: Statistics;
  readonly keyPrefix: string;
  /** Between the parts of a key. `_` is that of envoyproxy/ratelimit; a character that no text has keeps keys apart. */
  readonly separator: string;
}

/** Most different limits of requests that are kept ready. */
const MAX_OVERRIDES = 1000;

type NodesByKey = ReadonlyMap<string, KeyNodes>;

/** Creates the lookup of one configuration. Errors: the lookup throws GatewayError `invalid_input` for a unit it does not know. */
export function createLookup({ tree, statistics, keyPrefix, separator }: LookupOptions) {
  const overrides = new Map<string, Limit>();

  /** What a request brings is a number and a unit; how it counts is said by the limit in whose place it is. */
  function overrideOf(domain: string, wanted: NonNullable<Descriptor['limit']>, own: Limit | undefined): Limit {
    const { requestsPerUnit, unit: number, multiplier } = wanted;
    const { algorithm = 'fixed', shadow = false } = own ?? {};
    const identity = `${requestsPerUnit} ${number} ${multiplier} ${algorithm} ${shadow} ${domain}`;
    const known = overrides.get(identity);
    if (known) return known;
    const unit = unitByNumber(number);
    if (!unit) throw new GatewayError('invalid_input', `the limit of a descriptor has the unknown unit ${number}`);
    const limit: Limit = {
      requestsPerUnit,
      windowSeconds: unit.seconds * Math.max(1, multiplier),
      unlimited: false,
      algorithm,
      shadow,
      quota: false,
      name: '',
      replaces: [],
      metadata: undefined,
      encoded: encodeLimit({ requestsPerUnit, unit: unit.number, name: '', multiplier: Math.max(1, multiplier) }),
      stats: statistics.of(domain, 'override'),
      detailed: false,
    };
    if (overrides.size >= MAX_OVERRIDES) overrides.clear();
    overrides.set(identity, limit);
    return limit;
  }

  /** Of the bucket. With a path, values that share a bucket are one. */
  function keyOf(domain: string, entries: readonly Entry[], path: readonly LimitNode[] = []): string {
    let key = keyPrefix + domain + separator;
    for (let i = 0; i < entries.length; i++) {
      const { key: name = '', value = '' } = entries[i] ?? {};
      key += name + separator + (path[i]?.sharedValue ?? value) + separator;
    }
    return key;
  }

  return function findLimit(domain: string, { entries, limit: wanted }: Descriptor): FoundLimit | undefined {
    const nodes = tree.domains.get(domain);
    if (nodes === undefined) return undefined;
    const path = findPath(nodes, entries);
    // Only the limit of the same depth counts: one above is of descriptors that are shorter.
    const limit = path?.at(-1)?.limit;
    if (wanted) {
      const override = overrideOf(domain, wanted, limit);
      return { limit: override, key: keyOf(domain, entries), stats: override.stats };
    }
    if (!path || !limit) return undefined;
    const follows = limit.detailed || (tree.hasValueMetrics && path.some(({ valueToMetric }) => valueToMetric));
    const stats = follows ? statistics.of(domain, statsPath(path, entries, limit.detailed)) : limit.stats;
    return { limit, key: keyOf(domain, entries, path), stats };
  };
}

/** The node of each entry; undefined where there is none for one of them. */
function findPath(first: NodesByKey, entries: readonly Entry[]): LimitNode[] | undefined {
  let nodes: NodesByKey | undefined = first;
  const path: LimitNode[] = [];
  for (const entry of entries) {
    const node: LimitNode | undefined = nodes && findNode(nodes, entry);
    if (!node) return undefined;
    path.push(node);
    nodes = node.children;
  }
  return path;
}

export type FindLimit = ReturnType<typeof createLookup>;

function findNode(nodes: NodesByKey, { key, value }: Entry): LimitNode | undefined {
  const ofKey = nodes.get(key);
  if (!ofKey) return undefined;
  const exact = ofKey.exact.get(value);
  if (exact) return exact;
  for (const { parts, node } of ofKey.wild) if (matchesParts(value, parts)) return node;
  return ofKey.any;
}

function statsPath(path: readonly LimitNode[], entries: readonly Entry[], isDetailed: boolean): string {
  return path
    .map(({ label, valueToMetric, sharedValue }, i) => {
      const { key = '', value = '' } = entries[i] ?? {};
      if (sharedValue !== undefined || (!isDetailed && !valueToMetric)) return label;
      return value === '' ? key : `${key}_${value}`;
    })
    .join('.');
}
