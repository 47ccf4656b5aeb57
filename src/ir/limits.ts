import type { CostIr } from './cost.ts';
import type { OriginIr } from './origin.ts';

export type LimitUnit = 'second' | 'minute' | 'hour' | 'day' | 'month' | 'year';

/**
 * A bucket, or one for each client where an entry tells clients apart. What checks it and what charges it are made from
 * this one description, so they always mean the same bucket.
 */
export interface BucketIr {
  /** Unique among all buckets of the Ir, and the value of the first descriptor entry (`limits-of.ts`). */
  readonly name: string;
  readonly origin: OriginIr;
  /** All must hold for a request to meet the bucket; those that tell clients apart make a bucket for each. */
  readonly entries: readonly BucketEntryIr[];
  readonly amount: { readonly requests: number; readonly unit: LimitUnit };
  /** Counted, but nothing is refused. */
  readonly shadow: boolean;
  /** A sliding window instead of a fixed one. */
  readonly sliding?: true;
}

/** A condition on a request (`*_match`), or what tells clients apart. Names of headers are lower case. */
export type BucketEntryIr =
  /** `header` may be `:method`. `regex` is RE2 and matches the whole value. A header that is absent never matches, unless inverted. */
  | {
      readonly kind: 'header_match' | 'query_match';
      readonly name: string;
      readonly type: 'exact' | 'regex';
      readonly value: string;
      readonly invert: boolean;
    }
  /** On the path without its query; `prefix` matches the beginning of the text. */
  | {
      readonly kind: 'path_match';
      readonly type: 'exact' | 'prefix' | 'regex';
      readonly value: string;
      readonly invert: boolean;
    }
  | { readonly kind: 'address_match'; readonly cidr: string; readonly invert: boolean }
  | { readonly kind: 'header' | 'query'; readonly name: string }
  | { readonly kind: 'address' };

export interface MetadataKeyIr {
  readonly namespace: string;
  readonly key: string;
}

/** What a request counts for. */
export type HitsIr =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'metadata'; readonly metadata: MetadataKeyIr };

/** A rule of a BackendTrafficPolicy that the rate limit service enforces. */
export interface LimitIr extends BucketIr {
  /** Where a request may carry another limit than `amount`: a struct `{requests_per_unit, unit}`. */
  readonly override?: MetadataKeyIr;
  /** On arrival; 0 only asks for room. */
  readonly request: HitsIr;
  /** When the stream has ended. */
  readonly response?: HitsIr;
  /** Taken on arrival and given back at the end, when `response` is charged. */
  readonly reserve?: ReserveIr;
  readonly hideHeaders?: true;
}

/** An estimate of what a request will cost, in the unit of the cost that is charged at its end. */
export type ReserveIr =
  | { readonly kind: 'number'; readonly number: number }
  /**
   * `cost` computed with estimated counts: the prompt's by its size and, with `output`, the answer's as the request limits
   * it, or `output` tokens where it does not.
   */
  | { readonly kind: 'estimate'; readonly cost: CostIr['value']; readonly output?: number };

/** A rule that each Envoy enforces by itself: a token bucket. */
export interface LocalLimitIr {
  readonly name: string;
  readonly entries: readonly BucketEntryIr[];
  readonly amount: { readonly requests: number; readonly unit: LimitUnit };
  /** What a request counts for. */
  readonly hits: number;
}

/** What one backend may be used for; of a QuotaPolicy. */
export interface QuotaIr {
  /** The model it is about, as the backend is asked for it. Absent: all models without a quota of their own. */
  readonly model?: string;
  readonly cost: CostIr['value'];
  /** Taken on arrival at all backends that could serve, and given back at the end. */
  readonly reserve?: ReserveIr;
  /** All that match are charged; one with room is enough. */
  readonly buckets: readonly BucketIr[];
}
