/** The configuration as it is looked up: one tree a domain. Source: envoyproxy/ratelimit, src/config/config_impl.go. */
import type { Algorithm, LimitDescriptor, LimitsConfig } from '../ir/index.ts';
import type { LimitStats, Statistics } from './statistics.ts';
import { unitByName } from './units.ts';
import { encodeLimit } from './wire.ts';

/** A limit, ready to be applied. */
export interface Limit {
  readonly requestsPerUnit: number;
  readonly windowSeconds: number;
  readonly unlimited: boolean;
  readonly algorithm: Algorithm;
  readonly shadow: boolean;
  readonly quota: boolean;
  readonly name: string;
  readonly replaces: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** RateLimitResponse.RateLimit, encoded once. */
  readonly encoded: Buffer;
  readonly stats: LimitStats;
  /** Statistics by the values of the request. */
  readonly detailed: boolean;
}

export interface LimitNode {
  /** Text of the key and value as configured, for statistics: `key`, `key_value`. */
  readonly label: string;
  readonly limit: Limit | undefined;
  readonly children: ReadonlyMap<string, KeyNodes> | undefined;
  readonly valueToMetric: boolean;
  /** The value that stands for all that match, where they share a bucket. */
  readonly sharedValue: string | undefined;
}

/** The nodes of one key. */
export interface KeyNodes {
  readonly exact: ReadonlyMap<string, LimitNode>;
  /** In the order of the configuration. */
  readonly wild: readonly { readonly parts: readonly string[]; readonly node: LimitNode }[];
  readonly any: LimitNode | undefined;
}

export interface LimitTree {
  readonly domains: ReadonlyMap<string, ReadonlyMap<string, KeyNodes>>;
  /** Some path has `value_to_metric`, so statistics have to follow the values of requests. */
  readonly hasValueMetrics: boolean;
}

/** Builds the tree of a configuration that `validateLimits` has nothing against. */
export function compileLimits(config: LimitsConfig, statistics: Statistics): LimitTree {
  const build = { statistics, hasValueMetrics: false };
  const domains = new Map(
    config.domains.map(({ domain, descriptors = [] }) => [domain, compileKeys(descriptors, domain, '', build)]),
  );
  return { domains, hasValueMetrics: build.hasValueMetrics };
}

interface Build {
  readonly statistics: Statistics;
  hasValueMetrics: boolean;
}

interface GrowingKeyNodes {
  readonly exact: Map<string, LimitNode>;
  readonly wild: KeyNodes['wild'][number][];
  any: LimitNode | undefined;
}

function compileKeys(
  descriptors: readonly LimitDescriptor[],
  domain: string,
  parent: string,
  build: Build,
): ReadonlyMap<string, KeyNodes> {
  const keys = new Map<string, GrowingKeyNodes>();
  for (const descriptor of descriptors) {
    const { key, value = '' } = descriptor;
    const nodes: GrowingKeyNodes = keys.get(key) ?? { exact: new Map(), wild: [], any: undefined };
    keys.set(key, nodes);
    const node = compileNode(descriptor, domain, parent, build);
    if (value === '') nodes.any = node;
    else if (value.includes('*')) nodes.wild.push({ parts: value.split('*'), node });
    // A value with a star can also be met as it is written.
    if (value !== '') nodes.exact.set(value, node);
  }
  return keys;
}

function compileNode(descriptor: LimitDescriptor, domain: string, parent: string, build: Build): LimitNode {
  const { key, value = '', descriptors = [], rate_limit: policy } = descriptor;
  const label = value === '' ? key : `${key}_${value}`;
  const path = parent === '' ? label : `${parent}.${label}`;
  if (descriptor.value_to_metric === true) build.hasValueMetrics = true;
  return {
    label,
    limit: policy ? compileLimit(descriptor, build.statistics.of(domain, path)) : undefined,
    children: descriptors.length === 0 ? undefined : compileKeys(descriptors, domain, path, build),
    valueToMetric: descriptor.value_to_metric === true,
    sharedValue: descriptor.share_threshold === true ? value : undefined,
  };
}

function compileLimit(descriptor: LimitDescriptor, stats: LimitStats): Limit {
  const policy = descriptor.rate_limit ?? {};
  const unit = policy.unit === undefined ? undefined : unitByName(policy.unit);
  const requestsPerUnit = policy.requests_per_unit ?? 0;
  const multiplier = policy.unit_multiplier ?? 1;
  const name = policy.name ?? '';
  return {
    requestsPerUnit,
    windowSeconds: (unit?.seconds ?? 1) * multiplier,
    unlimited: policy.unlimited === true,
    algorithm: policy.algorithm ?? 'fixed',
    shadow: descriptor.shadow_mode === true,
    quota: descriptor.quota_mode === true,
    name,
    replaces: (policy.replaces ?? []).map((other) => other.name),
    metadata: descriptor.metadata,
    encoded: encodeLimit({ requestsPerUnit, unit: unit?.number ?? 0, name, multiplier }),
    stats,
    detailed: descriptor.detailed_metric === true,
  };
}

/** Whether a value matches a pattern that was split at its stars. */
export function matchesParts(value: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const part = parts[i] ?? '';
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.length - last.length >= at && value.endsWith(last);
}
