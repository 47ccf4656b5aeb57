/**
 * Quotas of backends. The rate limit service is asked about the quotas of all backends of a rule at once, with one that
 * always has room, so that it never refuses for them; the script, behind that filter, takes out the backends without room.
 * At the end the buckets of the backend that was asked last are charged. Which buckets a request means the script notes,
 * since that depends on its model; a bucket that is not noted has no descriptor.
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
  type RouteIr,
} from '../ir/index.ts';
import { costFacts } from './cost-facts.ts';
import { notedHits } from './limit-cel.ts';
import { descriptorActions, notedEntry } from './limit-descriptors.ts';
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

export function ruleQuotas(
  refs: readonly InferenceBackendIr[],
  clusterOf: (ref: InferenceBackendIr) => string,
  backends: ReadonlyMap<string, BackendIr>,
): RuleQuotas | undefined {
  const notes = new Map<string, { readonly bucket: BucketIr; readonly note: string }>();
  const noteOf = (bucket: BucketIr): string => {
    const known = notes.get(bucket.name) ?? { bucket, note: String(notes.size) };
    notes.set(bucket.name, known);
    return known.note;
  };
  const facts = Object.fromEntries(
    refs.map((ref) => [
      clusterOf(ref),
      quotasFor(ref, backends.get(ref.backend)).map((quota) => quotaFacts(quota, noteOf)),
    ]),
  );
  if (notes.size === 0) return undefined;
  const all = [...notes.values()];
  return {
    rateLimits: [
      question([notedEntry(LIMIT_KEY, OPEN_QUOTA)]),
      ...all.map(({ bucket, note }) => question(bucketActions(bucket, `quota/${note}`))),
      ...all.map(({ bucket, note }) => ({
        actions: bucketActions(bucket, `charge/${note}`),
        hits_addend: { format: `%CEL(${notedHits('@quota')})%` },
        apply_on_stream_done: true,
        x_ratelimit_option: 'OFF' as const,
      })),
    ],
    entries: all.flatMap(({ bucket }) => bucket.entries),
    facts,
  };
}

/** Of a reference that sets the model one quota can be meant; of others, all. */
function quotasFor({ modelOverride }: InferenceBackendIr, backend: BackendIr | undefined): readonly QuotaIr[] {
  const quotas = backend?.quotas ?? [];
  if (modelOverride === undefined) return quotas;
  const own = quotas.find(({ model }) => model === modelOverride) ?? quotas.find(({ model }) => model === undefined);
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

function quotaFacts({ model, cost, buckets }: QuotaIr, noteOf: (bucket: BucketIr) => string): QuotaFacts {
  const [facts] = costFacts({ metadataKey: 'quota', value: cost });
  return {
    ...(facts ?? { key: 'quota' }),
    ...(model !== undefined && { model }),
    buckets: buckets.map((bucket) => ({
      note: noteOf(bucket),
      name: bucket.name,
      seconds: SECONDS[bucket.amount.unit],
      ...(bucket.shadow && { shadow: true }),
    })),
  };
}

function bucketActions(bucket: BucketIr, note: string): ConfigRouteV3RateLimitAction[] {
  return [notedEntry(LIMIT_KEY, note), ...descriptorActions(bucket, 'noted').slice(1)];
}

/** What is left of a bucket of one backend says nothing about the next request: no header tells it. */
function question(actions: readonly ConfigRouteV3RateLimitAction[]): ConfigRouteV3RateLimit {
  return { actions, hits_addend: { number: 0 }, x_ratelimit_option: 'OFF' };
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
