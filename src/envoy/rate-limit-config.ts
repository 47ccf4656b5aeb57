/** The limits of gateways as xDS resources, for rate limit services that get them from the control plane. */
import {
  bucketsOf,
  type GatewayIr,
  type LimitDescriptor,
  type LimitsConfig,
  type NamedBucket,
  type RateLimitPolicy,
} from '../ir/index.ts';
import { type Finding, formatFieldPath } from '../lib/findings.ts';
import type {
  JsonObject,
  RatelimitConfigRatelimitV3RateLimitConfig,
  RatelimitConfigRatelimitV3RateLimitDescriptor,
  RatelimitConfigRatelimitV3RateLimitPolicy,
  RatelimitConfigRatelimitV3RateLimitUnit,
  XdsTypeV3TypedStruct,
} from './schema/index.ts';

/** What the TypedStruct of a domain holds: a LimitsDomain. */
export const LIMITS_TYPE = 'type.googleapis.com/headgate.ratelimit.v1.LimitsDomain';

/** One domain. */
export type LimitsResource =
  | {
      readonly type: 'ratelimit.config.ratelimit.v3.RateLimitConfig';
      readonly name: string;
      readonly message: RatelimitConfigRatelimitV3RateLimitConfig;
    }
  | { readonly type: 'xds.type.v3.TypedStruct'; readonly name: string; readonly message: XdsTypeV3TypedStruct };

/**
 * Limits twice: as RateLimitConfig, which envoyproxy/ratelimit subscribes to, as far as that can say them, and as
 * TypedStruct, which holds all of them for our own service.
 */
export function emitLimits({ domains }: LimitsConfig): LimitsResource[] {
  return [
    ...domains.map(
      ({ domain, descriptors = [] }): LimitsResource => ({
        type: 'ratelimit.config.ratelimit.v3.RateLimitConfig',
        name: domain,
        message: { name: domain, domain, descriptors: descriptors.flatMap(plainDescriptor) },
      }),
    ),
    ...domains.map(
      (domain): LimitsResource => ({
        type: 'xds.type.v3.TypedStruct',
        name: domain.domain,
        message: { type_url: LIMITS_TYPE, value: domain as unknown as JsonObject },
      }),
    ),
  ];
}

/** What is left of a descriptor: nothing where nothing in it can be said. */
function plainDescriptor(descriptor: LimitDescriptor): RatelimitConfigRatelimitV3RateLimitDescriptor[] {
  const { key, value, rate_limit: limit, shadow_mode, quota_mode, needs_refunds } = descriptor;
  const isLimit = limit !== undefined && quota_mode !== true && needs_refunds !== true;
  const descriptors = (descriptor.descriptors ?? []).flatMap(plainDescriptor);
  if (!isLimit && descriptors.length === 0) return [];
  return [
    {
      key,
      ...(value !== undefined && { value }),
      ...(isLimit && { rate_limit: plainLimit(limit) }),
      ...(descriptors.length > 0 && { descriptors }),
      ...(shadow_mode && { shadow_mode: true }),
    },
  ];
}

function plainLimit({ unit = '', requests_per_unit = 0 }: RateLimitPolicy): RatelimitConfigRatelimitV3RateLimitPolicy {
  const named = UNITS[unit];
  return { ...(named && { unit: named }), requests_per_unit };
}

const UNITS: Readonly<Record<string, RatelimitConfigRatelimitV3RateLimitUnit>> = {
  second: 'SECOND',
  minute: 'MINUTE',
  hour: 'HOUR',
  day: 'DAY',
  month: 'MONTH',
  year: 'YEAR',
};

function gapOf({ bucket, isQuota }: NamedBucket): string | undefined {
  if (isQuota) return 'this quota is not enforced, for its configuration has no quota mode';
  if ('reserve' in bucket) return 'this limit is not enforced, for reservations need hits that are given back';
  return bucket.sliding ? 'the sliding window of this limit is a fixed one' : undefined;
}

/** Says which limits envoyproxy/ratelimit enforces less than ours. */
export function rateLimitConfigGaps(gateways: readonly GatewayIr[], level: 'info' | 'warning'): Finding[] {
  return bucketsOf({ gateways }).flatMap((named): Finding[] => {
    const gap = gapOf(named);
    if (!gap) return [];
    const { object, field } = named.bucket.origin;
    const message = `where envoyproxy/ratelimit is the rate limit service, ${gap}`;
    const hint = 'headgate ratelimit enforces all of it';
    return [{ code: 'HG0505', level, message, object, field: formatFieldPath(field), hint }];
  });
}
