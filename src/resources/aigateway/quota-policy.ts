import { RateLimitSelector } from '../common/rate-limit-selector.ts';
import { LocalObjectReference } from '../common/references.ts';
import { ConditionStatus } from '../common/status.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { bool, choice, integer, list, object, optional, type Static, text, variant } from '../schema.ts';
import { AIGATEWAY_GROUP, DIRECT_POLICY } from './names.ts';

/** An amount per time. */
export const QuotaValue = object({
  duration: choice(['1s', '1m', '1h', '1d'], { description: 'The time.' }),
  limit: integer({ description: 'The amount.' }),
});
export type QuotaValue = Static<typeof QuotaValue>;

const costExpression = optional(
  text({ description: 'CEL expression of what a request costs; its total tokens unless set.' }),
);

/** A bucket of its own for some clients. */
export const QuotaRule = object({
  clientSelectors: optional(
    list(RateLimitSelector, { maxItems: 8, description: 'Which requests the bucket is for; all must match.' }),
  ),
  quota: variant(QuotaValue, { description: 'Size of the bucket.' }),
  shadowMode: optional(bool({ description: 'Count, but never refuse.' })),
});
export type QuotaRule = Static<typeof QuotaRule>;

/** Buckets of one model. */
export const QuotaDefinition = object({
  bucketRules: optional(list(QuotaRule, { description: 'Buckets for some clients.' })),
  costExpression,
  defaultBucket: optional(variant(QuotaValue, { description: 'Bucket of all requests.' })),
  mode: choice(['Shared'], {
    default: 'Shared',
    description: 'Every bucket that matches is charged; one that has room is enough to pass.',
  }),
});
export type QuotaDefinition = Static<typeof QuotaDefinition>;

/** What a QuotaPolicy says. */
export const QuotaPolicySpec = object(
  {
    perModelQuotas: optional(
      list(
        object({
          modelName: text({ minLength: 1, description: 'Model as the provider is asked for it.' }),
          quota: variant(QuotaDefinition, { description: 'Its buckets.' }),
        }),
        { maxItems: 128, description: 'Quotas a model.' },
      ),
    ),
    serviceQuota: optional(
      object(
        { costExpression, quota: variant(QuotaValue, { description: 'Size of the bucket.' }) },
        { description: 'Quota of the whole service.' },
      ),
    ),
    targetRefs: optional(
      list(LocalObjectReference, {
        maxItems: 16,
        description: 'AIServiceBackends of the same namespace.',
        rules: [
          {
            rule: "self.all(ref, ref.group == 'aigateway.envoyproxy.io' && ref.kind == 'AIServiceBackend')",
            message: 'a target must be an AIServiceBackend',
          },
        ],
      }),
    ),
  },
  { default: {} },
);
export type QuotaPolicySpec = Static<typeof QuotaPolicySpec>;

/** How much of a service may be used. */
export const quotaPolicyKind = defineKind({
  group: AIGATEWAY_GROUP,
  versions: ['v1alpha1'],
  kind: 'QuotaPolicy',
  plural: 'quotapolicies',
  schema: object({ spec: QuotaPolicySpec, status: optional(ConditionStatus) }),
  crdLabels: DIRECT_POLICY,
});
export type QuotaPolicy = ObjectOf<typeof quotaPolicyKind>;
