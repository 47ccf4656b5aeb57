/** The limits that the rate limit service has to know, in step with what Envoys are given. */
import { type LimitsConfig, unionOfLimits } from '../ir/index.ts';

export interface LimitsFeedOptions {
  /** Gets all limits that some Envoy may use, before any Envoy gets routes with new ones. */
  readonly apply: (limits: LimitsConfig) => void;
  /** Whether all Envoys that are connected have what is served now, and nothing is kept from any. */
  readonly isSettled: () => boolean;
  /** Limits of old revisions are kept until Envoys have been settled for so long. Default 1 h. */
  readonly keepMs?: number;
  readonly pollMs?: number;
}

export interface LimitsFeed {
  /** Takes the limits of a revision in, next to the older ones. Errors: what `apply` throws; then all stays as it was. */
  use(next: LimitsConfig): void;
  /** All limits that some Envoy may use. */
  readonly limits: LimitsConfig;
  close(): void;
}

const KEEP_MS = 3_600_000;
const POLL_MS = 5000;
const NONE: LimitsConfig = { domains: [] };

/**
 * A limit that the service does not know lets everything pass. So an Envoy that has older routes, since it rejected new
 * ones, waits for its share of a rollout or has lost its control plane, must find their limits still there: old limits go
 * late, when all Envoys have been seen with new routes for a long time.
 */
export function createLimitsFeed(options: LimitsFeedOptions): LimitsFeed {
  const { apply, isSettled, keepMs = KEEP_MS, pollMs = POLL_MS } = options;
  let current = NONE;
  let older: readonly OldLimits[] = [];
  let all = NONE;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const now = performance.now();
    if (isSettled()) older = older.map(({ limits, leftAt = now }) => ({ limits, leftAt }));
    const kept = older.filter(({ leftAt = now }) => now - leftAt < keepMs);
    if (kept.length === older.length) return;
    older = kept;
    all = unionOf([...older.map(({ limits }) => limits), current]);
    apply(all);
    if (older.length === 0) stop();
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    use(next) {
      const union = unionOfLimits(all, next);
      apply(union);
      if (current.domains.length > 0) older = [...older, { limits: current }];
      current = next;
      all = union;
      if (older.length > 0) timer ??= setInterval(look, pollMs).unref();
    },
    get limits() {
      return all;
    },
    close: stop,
  };
}

/** `leftAt`: when all Envoys were seen with newer ones. */
interface OldLimits {
  readonly limits: LimitsConfig;
  readonly leftAt?: number;
}

function unionOf(generations: readonly LimitsConfig[]): LimitsConfig {
  return generations.reduce(unionOfLimits, NONE);
}
