/**
 * The limits a rate limit service is given: the shape of envoyproxy/ratelimit's RateLimitConfig and its YAML files, and
 * extensions.
 */

/** `fixed`: windows that begin at multiples of the unit. `sliding`: all of this window and a share of the one before. */
export type Algorithm = 'fixed' | 'sliding';

/** A limit. Source: ratelimit.config.ratelimit.v3.RateLimitPolicy; `unit_multiplier` and `algorithm` are extensions. */
export interface RateLimitPolicy {
  /** second, minute, hour, day, week, month or year, in any case. Absent only when unlimited. */
  readonly unit?: string;
  readonly requests_per_unit?: number;
  readonly unlimited?: boolean;
  readonly name?: string;
  readonly replaces?: readonly { readonly name: string }[];
  readonly unit_multiplier?: number;
  readonly algorithm?: Algorithm;
}

/** A node of a tree. Source: ratelimit.config.ratelimit.v3.RateLimitDescriptor. */
export interface LimitDescriptor {
  readonly key: string;
  /** `*` in it stands for any text. Absent or empty: any value, each with a bucket of its own. */
  readonly value?: string;
  readonly rate_limit?: RateLimitPolicy;
  readonly descriptors?: readonly LimitDescriptor[];
  readonly shadow_mode?: boolean;
  readonly quota_mode?: boolean;
  /** Reservations are given back as negative hits: a service that does not know these would add them. */
  readonly needs_refunds?: boolean;
  /** Statistics by the values of requests; without it by the descriptors of this configuration. */
  readonly detailed_metric?: boolean;
  readonly value_to_metric?: boolean;
  /** All values that a `*` stands for share one bucket. */
  readonly share_threshold?: boolean;
  /** Goes into the dynamic metadata of responses that this descriptor lets pass. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface LimitsDomain {
  readonly name?: string;
  readonly domain: string;
  readonly descriptors?: readonly LimitDescriptor[];
}

/** Everything that a service limits, replaced as one. */
export interface LimitsConfig {
  readonly domains: readonly LimitsDomain[];
}
