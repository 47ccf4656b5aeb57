/**
 * Quotas of backends. The rate limit service is asked about the quotas of all backends of a rule at once, with one that
 * always has room, so that it never refuses for them; the script, behind that filter, takes out the backends without room.
 * At the end the buckets of the backend that was asked last are charged, and what was reserved is given back to all. Which
 * buckets a request means the script notes, since that depends on its model; a bucket that is not noted has no descriptor.
 */
import {
  type BackendIr,
  type BucketEntryIr,
  type BucketIr,
  type GatewayIr,
  type InferenceBackendIr,
  LIMIT_KEY,
  type LimitUnit,
  OPEN_QUOTA,
  type QuotaIr,
  RESERVED_AT_KEY,
  type RouteIr,
} from '../ir/index.ts';
import { reserveFacts, surelyFacts } from './cost-facts.ts';
import { notedHits, refundFormat } from './limit-cel.ts';
import { arrivalEntry, descriptorActions, notedEntry } from './limit-descriptors.ts';
import { luaFilter } from './lua.ts';
import type { QuotaFacts } from './lua-facts.ts';
import type {
  ConfigRouteV3RateLimit,
  ConfigRouteV3RateLimitAction,
  ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
} from './schema/index.ts';

/** What a rule asks about the quotas of its backends. */
export interface RuleQuotas {
  readonly rateLimits: readonly ConfigRouteV3RateLimit[];
  /** What has to be noted of a request. */
  readonly entries: readonly BucketEntryIr[];
  /** By cluster. */
  readonly facts: Readonly<Record<string, readonly QuotaFacts[]>>;
}

/** `model`: the one that all requests of the route ask for, where there is one. */
export function ruleQuotas(
  refs: readonly InferenceBackendIr[],
  model: string | undefined,
  clusterOf: (ref: InferenceBackendIr) => string,
  backends: ReadonlyMap<string, BackendIr>,
): RuleQuotas | undefined {
  const meant = refs.map((ref) => ({ ref, quotas: quotasFor(ref.modelOverride ?? model, backends.get(ref.backend)) }));
  const notes = noteBuckets(meant.flatMap(({ quotas }) => quotas));
  if (notes.size === 0) return undefined;
  const all = [...notes.values()];
  return {
    rateLimits: [
      { ...QUIET, actions: [notedEntry(LIMIT_KEY, OPEN_QUOTA)], hits_addend: { number: 0 } },
      ...all.map(onArrival),
      ...all.flatMap(atEnd),
    ],
    entries: all.flatMap(({ bucket }) => bucket.entries),
    facts: Object.fromEntries(
      meant.map(({ ref, quotas }) => {
        const backend = backends.get(ref.backend)?.displayName ?? '';
        return [clusterOf(ref), quotas.map((quota) => quotaFacts(quota, backend, notes))];
      }),
    ),
  };
}

/** A bucket, under which note the script tells whether a request means it, and what of it the request reserves. */
interface NotedBucket {
  readonly bucket: BucketIr;
  readonly note: string;
  readonly reserved: string | undefined;
}

/** A bucket that several references lead to is there once. */
function noteBuckets(quotas: readonly QuotaIr[]): ReadonlyMap<string, NotedBucket> {
  const notes = new Map<string, NotedBucket>();
  for (const { reserve, buckets } of quotas) {
    let reserved: string | undefined;
    for (const bucket of buckets) {
      const note = notes.get(bucket.name)?.note ?? String(notes.size);
      if (reserve) reserved ??= `reserve/quota/${note}`;
      notes.set(bucket.name, { bucket, note, reserved });
    }
  }
  return notes;
}

/** Of a model that is known one quota can be meant; else all. */
function quotasFor(model: string | undefined, backend: BackendIr | undefined): readonly QuotaIr[] {
  const quotas = backend?.quotas ?? [];
  if (model === undefined) return quotas;
  const own = quotas.find((quota) => quota.model === model) ?? quotas.find((quota) => quota.model === undefined);
  return own ? [own] : [];
}

const SECONDS: Readonly<Record<LimitUnit, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  month: 2_592_000,
  year: 31_536_000,
};

function quotaFacts(
  { model, cost, reserve, buckets }: QuotaIr,
  backend: string,
  notes: ReadonlyMap<string, NotedBucket>,
): QuotaFacts {
  const reserved = notes.get(buckets[0]?.name ?? '')?.reserved;
  return {
    ...surelyFacts({ metadataKey: 'quota', value: cost }),
    ...(model !== undefined && { model }),
    ...(reserve && reserved !== undefined && { reserve: { ...reserveFacts(reserve, reserved), backend } }),
    buckets: buckets.map(({ name, amount, shadow }) => ({
      note: notes.get(name)?.note ?? '',
      name,
      seconds: SECONDS[amount.unit],
      ...(shadow && { shadow: true }),
    })),
  };
}

/** What is left of a bucket of one backend says nothing about the next request: no header tells it. */
const QUIET = { x_ratelimit_option: 'OFF' } as const;

function onArrival(noted: NotedBucket): ConfigRouteV3RateLimit {
  const { reserved } = noted;
  const hits_addend = reserved === undefined ? { number: 0 } : { format: `%CEL(${notedHits(reserved)})%` };
  return { ...QUIET, actions: bucketActions(noted, 'quota'), hits_addend };
}

/** Gives back what the request reserved, whoever served it, and charges the bucket where its backend did. */
function atEnd(noted: NotedBucket): ConfigRouteV3RateLimit[] {
  const { reserved } = noted;
  const common = { ...QUIET, apply_on_stream_done: true };
  const charge: ConfigRouteV3RateLimit = {
    ...common,
    actions: bucketActions(noted, 'charge'),
    hits_addend: { format: `%CEL(${notedHits('@quota')})%` },
  };
  if (reserved === undefined) return [charge];
  const hits_addend = { format: refundFormat(notedHits(reserved)), is_negative_hits: true };
  return [{ ...common, actions: bucketActions(noted, 'quota'), hits_addend }, charge];
}

function bucketActions(
  { bucket, note, reserved }: NotedBucket,
  when: 'quota' | 'charge',
): ConfigRouteV3RateLimitAction[] {
  return [
    notedEntry(LIMIT_KEY, `${when}/${note}`),
    ...descriptorActions(bucket, 'noted').slice(1),
    ...(reserved === undefined ? [] : [arrivalEntry(RESERVED_AT_KEY, 'noted')]),
  ];
}

/** Whether the backends of a route have quotas. */
export function hasQuotas({ action }: Pick<RouteIr, 'action'>, { backends }: GatewayIr): boolean {
  if (action.kind !== 'inference') return false;
  const used = new Set(action.rule.backends.map(({ backend }) => backend));
  return backends.some(({ name, quotas = [] }) => used.has(name) && quotas.some(({ buckets }) => buckets.length > 0));
}

/** The script in its role behind the rate limit filter: it chooses among the backends that have room. */
export function quotaFilter(): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return luaFilter({ role: 'quota' });
}
