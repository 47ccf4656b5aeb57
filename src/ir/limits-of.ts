import { sortedBy } from '../lib/compare.ts';
import type { GatewayIr, Ir } from './gateway.ts';
import type { BucketEntryIr, BucketIr, LimitIr, QuotaIr } from './limits.ts';
import type { LimitDescriptor, LimitsConfig } from './limits-config.ts';

/** Everything that gateways limit is one domain: a limit is told apart by the first entry of its descriptors. */
export const LIMITS_DOMAIN = 'headgate';
/** Key of the first entry; its value is the name of the bucket. */
export const LIMIT_KEY = 'limit';
/** Key of an entry that stands for a condition; its value is the place of the condition among the entries. */
export const MATCH_KEY = 'match';
/** Key of an entry that is no part of the bucket: when a reservation was made, as Unix time in seconds. */
export const RESERVED_AT_KEY = 'headgate_reserved_at';
/** Key of an entry that is no part of the bucket: hits are given back. For an Envoy that cannot say so otherwise. */
export const GIVES_BACK_KEY = 'headgate_gives_back';
/** In the dynamic metadata of an answer: what the request wanted to reserve is reserved. */
export const RESERVED_MARK = 'headgate_reserved';
/** A bucket that always has room: with it, a request is never refused for its quotas by the service alone. */
export const OPEN_QUOTA = 'quota/open';

/** A bucket of the Ir. `isQuota`: of a QuotaPolicy; whether it lets pass is decided where backends are chosen. */
export interface NamedBucket {
  readonly bucket: BucketIr;
  readonly isQuota: boolean;
}

/** All buckets of the Ir that the rate limit service keeps, in order of name. */
export function bucketsOf({ gateways }: Pick<Ir, 'gateways'>): readonly NamedBucket[] {
  const found = new Map<string, NamedBucket>();
  for (const gateway of gateways) {
    for (const bucket of limitsOfGateway(gateway)) found.set(bucket.name, { bucket, isQuota: false });
    for (const quota of quotasOfGateway(gateway)) {
      for (const bucket of quota.buckets) found.set(bucket.name, { bucket, isQuota: true });
    }
  }
  return sortedBy([...found.values()], ({ bucket }) => bucket.name);
}

/** The limits that the rate limit service of a revision has to know: of the same Ir as the Envoys' configuration. */
export function limitsOf(ir: Ir): LimitsConfig {
  const buckets = bucketsOf(ir);
  if (buckets.length === 0) return { domains: [] };
  const descriptors = buckets.map(bucketDescriptor);
  if (buckets.some(({ isQuota }) => isQuota)) descriptors.push(openQuota());
  return { domains: [{ domain: LIMITS_DOMAIN, descriptors }] };
}

/**
 * The limits of two revisions at once, for while some Envoys have the one and some the other: all descriptors of both;
 * where both limit the same descriptor, `next` says how much.
 */
export function unionOfLimits(previous: LimitsConfig, next: LimitsConfig): LimitsConfig {
  const domains = new Map(previous.domains.map((domain) => [domain.domain, domain]));
  for (const domain of next.domains) {
    const old = domains.get(domain.domain);
    const descriptors = unionOfDescriptors(old?.descriptors ?? [], domain.descriptors ?? []);
    domains.set(domain.domain, { ...old, ...domain, descriptors });
  }
  return { domains: [...domains.values()] };
}

function unionOfDescriptors(previous: readonly LimitDescriptor[], next: readonly LimitDescriptor[]): LimitDescriptor[] {
  const id = ({ key, value = '' }: LimitDescriptor): string => JSON.stringify([key, value]);
  const union = new Map(next.map((descriptor) => [id(descriptor), descriptor]));
  for (const old of previous) {
    const now = union.get(id(old));
    if (now === undefined) {
      union.set(id(old), old);
      continue;
    }
    const children = unionOfDescriptors(old.descriptors ?? [], now.descriptors ?? []);
    // A branch that limits nothing itself any more goes on limiting what it did.
    const own = now.rate_limit === undefined ? { ...old, ...now } : now;
    const { descriptors: _descriptors, ...leaf } = own;
    union.set(id(old), children.length === 0 ? leaf : { ...leaf, descriptors: children });
  }
  return [...union.values()];
}

/** What the descriptor entry of a condition or of a client is called; the value of a client's is not known here. */
export function entryKey(entry: BucketEntryIr, index: number): { readonly key: string; readonly value?: string } {
  if (entry.kind === 'header' || entry.kind === 'query') return { key: entry.name };
  // Envoy's own name for it.
  if (entry.kind === 'address') return { key: 'remote_address' };
  return { key: MATCH_KEY, value: String(index) };
}

/** All rules of a gateway that are limited, each limit once. */
function limitsOfGateway(gateway: GatewayIr): LimitIr[] {
  const found = new Map<string, LimitIr>();
  for (const { chains } of gateway.listeners) {
    for (const { hosts } of chains) {
      for (const { routes } of hosts) {
        for (const { limits } of routes) for (const limit of limits?.global ?? []) found.set(limit.name, limit);
      }
    }
  }
  return [...found.values()];
}

function quotasOfGateway({ backends }: GatewayIr): readonly QuotaIr[] {
  return backends.flatMap(({ quotas }) => quotas ?? []);
}

function bucketDescriptor({ bucket, isQuota }: NamedBucket): LimitDescriptor {
  const { name, entries, amount, shadow, sliding } = bucket;
  const path = [{ key: LIMIT_KEY, value: name }, ...entries.map(entryKey)];
  const leaf = {
    rate_limit: {
      unit: amount.unit,
      requests_per_unit: amount.requests,
      ...(sliding && { algorithm: 'sliding' as const }),
    },
    ...(shadow && { shadow_mode: true }),
    ...('reserve' in bucket && { needs_refunds: true }),
    ...(isQuota && { quota_mode: true, metadata: { room: { [name]: true } } }),
  };
  return path.reduceRight<LimitDescriptor | undefined>(
    (child, entry) => ({ ...entry, ...(child ? { descriptors: [child] } : leaf) }),
    undefined,
  ) as LimitDescriptor;
}

function openQuota(): LimitDescriptor {
  return {
    key: LIMIT_KEY,
    value: OPEN_QUOTA,
    quota_mode: true,
    rate_limit: { unit: 'second', requests_per_unit: 0xffff_ffff },
  };
}
