/** Decides requests: limits, buckets, statuses. Source: envoyproxy/ratelimit, src/service/ratelimit.go. */
import { LIMITS_DOMAIN, type LimitsConfig } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { Asked } from './asked.ts';
import { type Budgets, readBudgets } from './budgets.ts';
import { createLookup, type FindLimit } from './find-limit.ts';
import { asGivenBack, onceGivenUp, takenBack } from './given-up.ts';
import { compileLimits } from './limit-tree.ts';
import { validateLimits } from './limits-config.ts';
import { RESERVED, responseMetadata } from './metadata.ts';
import { planChanges } from './plan.ts';
import { overallCode, type Verdict } from './quota.ts';
import { takeReservation } from './reservation.ts';
import { createReserved } from './reserved.ts';
import { countHits, type Statistics } from './statistics.ts';
import { type BucketChange, type BucketCount, type Store, slidingUse } from './store/store.ts';
import { CODE, type HeaderValue, type RateLimitRequest, type RateLimitResponse, type Status } from './wire.ts';

export interface LimiterOptions {
  readonly store: Store;
  readonly statistics: Statistics;
  readonly config: LimitsConfig;
  /** In front of every key. Default none. */
  readonly keyPrefix?: string;
  /** Default: keeps keys apart whatever their text; `_` shares buckets with envoyproxy/ratelimit. */
  readonly separator?: string;
  /** Every limit is in shadow mode. */
  readonly shadow?: boolean;
  /** Every limit is in quota mode. */
  readonly quota?: boolean;
  /** Answers say in dynamic metadata what passed. */
  readonly dynamicMetadata?: boolean;
  /** `x-ratelimit-limit`, `-remaining` and `-reset` of the tightest limit in answers. */
  readonly headers?: boolean;
  /** What a store that fails means: `open` lets pass (the default), `closed` refuses what has a limit. */
  readonly failureMode?: 'open' | 'closed';
  /** Unix time in seconds. */
  readonly clock?: () => number;
}

export interface Limiter {
  /**
   * `onGivenUp` gets what to do when the asker gives the request up: then nothing of it stays reserved. Errors: GatewayError
   * `invalid_input` for what is no valid request; what the store says.
   */
  decide(
    request: RateLimitRequest,
    onGivenUp?: (act: () => void) => void,
  ): RateLimitResponse | Promise<RateLimitResponse>;
  /** Replaces all limits at once; requests that are under way keep theirs. Errors: GatewayError `invalid_input`. */
  replaceConfig(config: LimitsConfig): void;
  /** The `max` buckets with the least left. Errors: what the store says. */
  budgets(max: number): Promise<Budgets>;
}

/** The separator that no descriptor of a valid request can hold by accident: keys stay apart. */
const UNIT_SEPARATOR = '\u001f';
const UNLIMITED: Status = { code: CODE.ok, limit: undefined, remaining: 0xffff_ffff, resetSeconds: 0 };
const NO_LIMIT: Status = { code: CODE.ok, limit: undefined, remaining: 0, resetSeconds: 0 };

export function createLimiter(options: LimiterOptions): Limiter {
  const { store, statistics, clock = () => Date.now() / 1000 } = options;
  const keyPrefix = options.keyPrefix ?? '';
  const separator = options.separator ?? UNIT_SEPARATOR;
  const reserved = createReserved();
  let findLimit = load(options.config);

  function load(config: LimitsConfig): FindLimit {
    const problems = validateLimits(config);
    if (problems.length > 0) {
      statistics.service.configErrors += 1;
      throw new GatewayError('invalid_input', problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
    }
    statistics.service.configLoads += 1;
    return createLookup({
      tree: compileLimits(config, statistics),
      statistics,
      keyPrefix,
      separator,
    });
  }

  function respond(
    request: RateLimitRequest,
    asked: readonly Asked[],
    statuses: readonly Status[],
    isReserved: boolean,
  ): RateLimitResponse {
    const verdict = overallCode(asked, statuses, options.quota === true);
    let { code } = verdict;
    if (code === CODE.overLimit && options.shadow === true) {
      code = CODE.ok;
      statistics.service.globalShadow += 1;
    }
    if (code === CODE.overLimit) statistics.service.overLimit += 1;
    return {
      code,
      statuses,
      responseHeaders: options.headers === true ? tightestHeaders(asked, statuses) : [],
      dynamicMetadata: tellsRoom(request, verdict)
        ? responseMetadata(request, asked, verdict, isReserved)
        : isReserved
          ? RESERVED
          : undefined,
    };
  }

  /** What a gateway asks about quotas it asks to choose a backend by. */
  function tellsRoom({ domain }: RateLimitRequest, { hasQuota }: Verdict): boolean {
    return options.dynamicMetadata === true || (hasQuota && domain === LIMITS_DOMAIN);
  }

  /** Without a count. A limit in shadow mode refuses nothing. */
  function statusOfFailure({ found, unlimited }: Asked): Status {
    if (unlimited) return UNLIMITED;
    if (!found || options.failureMode !== 'closed' || found.limit.shadow) return NO_LIMIT;
    return { code: CODE.overLimit, limit: found.limit.encoded, remaining: 0, resetSeconds: 1 };
  }

  function takeBack(asked: readonly Asked[], changes: readonly BucketChange[]): void {
    for (const { delta } of changes) statistics.service.refunds -= delta;
    reserved.note(asGivenBack(asked), clock());
    const done = store.apply(changes, clock());
    if (!(done instanceof Promise)) return;
    done.catch(() => {
      statistics.service.storeFailures += 1;
    });
  }

  return {
    decide(request, onGivenUp) {
      statistics.service.requests += 1;
      const asked = readDescriptors(request, findLimit);
      const now = clock();
      const plan = planChanges(asked, now, statistics.service);
      const back = onGivenUp && takenBack(asked, plan);
      const givenUp = back && back.length > 0 ? onceGivenUp(onGivenUp, () => takeBack(asked, back)) : undefined;
      const finish = (counts: readonly BucketCount[]): RateLimitResponse => {
        const statuses = asked.map((one, i) => statusOf(one, counts[plan.changeOf[i] ?? -1], now));
        const isReserved = asked.some(({ reservedAt }) => reservedAt !== undefined);
        if (isReserved) reserved.note(asked, now);
        givenUp?.counted();
        return respond(request, asked, statuses, isReserved);
      };
      if (plan.changes.length === 0) return finish([]);
      const surrender = (caught: unknown): RateLimitResponse => {
        // Bugs are not the store's.
        if (!(caught instanceof GatewayError)) throw caught;
        statistics.service.storeFailures += 1;
        return respond(request, asked, asked.map(statusOfFailure), false);
      };
      try {
        const counts = store.apply(plan.changes, now);
        return counts instanceof Promise ? counts.then(finish, surrender) : finish(counts);
      } catch (caught) {
        return surrender(caught);
      }
    },
    replaceConfig(config) {
      findLimit = load(config);
    },
    budgets: (max) => readBudgets({ store, findLimit, reserved, keyPrefix, separator, now: clock(), max }),
  };
}

function readDescriptors(request: RateLimitRequest, findLimit: FindLimit): Asked[] {
  const { domain, descriptors, hitsAddend } = request;
  if (domain === '') throw new GatewayError('invalid_input', 'rate limit domain must not be empty');
  if (descriptors.length === 0) throw new GatewayError('invalid_input', 'rate limit descriptor list must not be empty');
  const replaced = new Set<string>();
  const asked = descriptors.map((original): Asked => {
    const { descriptor, reservedAt } = takeReservation(original);
    if (descriptor.entries.length === 0) {
      throw new GatewayError('invalid_input', 'rate limit descriptor entry list must not be empty');
    }
    const found = findLimit(domain, descriptor);
    for (const name of found?.limit.replaces ?? []) replaced.add(name);
    const unlimited = found?.limit.unlimited === true;
    const hits = descriptor.hitsAddend ?? (hitsAddend === 0 ? 1 : hitsAddend);
    return { descriptor, reservedAt, found: unlimited ? undefined : found, unlimited, hits };
  });
  if (replaced.size > 0) {
    for (const one of asked) if (one.found && replaced.has(one.found.limit.name)) one.found = undefined;
  }
  return asked;
}

function statusOf({ found, unlimited, hits, descriptor }: Asked, count: BucketCount | undefined, now: number): Status {
  if (unlimited) return UNLIMITED;
  if (!found || !count) return NO_LIMIT;
  const { limit, stats } = found;
  const elapsed = now - Math.floor(now / limit.windowSeconds) * limit.windowSeconds;
  const share = elapsed / limit.windowSeconds;
  const isSliding = limit.algorithm === 'sliding';
  const before = isSliding ? slidingUse(count.previousBefore, count.before, share) : count.before;
  const after = isSliding ? slidingUse(count.previousAfter, count.after, share) : count.after;
  const isRefund = descriptor.isNegativeHits;
  // A question without hits asks for room: a full bucket has none.
  const isOver = !isRefund && (hits === 0 ? after >= limit.requestsPerUnit : after > limit.requestsPerUnit);
  if (!isRefund) countHits(stats, hits, before, after, limit.requestsPerUnit);
  if (isOver && limit.shadow) stats.shadowMode += Math.max(1, hits);
  return {
    code: isOver && !limit.shadow ? CODE.overLimit : CODE.ok,
    limit: limit.encoded,
    remaining: Math.max(0, limit.requestsPerUnit - after),
    resetSeconds: Math.ceil(limit.windowSeconds - elapsed),
  };
}

/** Of the limit with the least left; one that is over goes before all. */
function tightestHeaders(asked: readonly Asked[], statuses: readonly Status[]): HeaderValue[] {
  let tightest = -1;
  statuses.forEach((status, i) => {
    const best = statuses[tightest];
    if (status.limit && (!best || status.remaining < best.remaining || status.code > best.code)) tightest = i;
  });
  const status = statuses[tightest];
  const limit = asked[tightest]?.found?.limit;
  if (!status || !limit) return [];
  return [
    { key: 'x-ratelimit-limit', value: String(limit.requestsPerUnit) },
    { key: 'x-ratelimit-remaining', value: String(status.remaining) },
    { key: 'x-ratelimit-reset', value: String(status.resetSeconds) },
  ];
}
