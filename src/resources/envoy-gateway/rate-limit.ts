import { RateLimitSelector } from '../common/rate-limit-selector.ts';
import { bool, choice, int64, list, object, optional, type Static, text } from '../schema.ts';

/** What a request costs: a number, or a value of dynamic metadata. */
export const RateLimitCostValue = object(
  {
    from: choice(['Number', 'Metadata']),
    metadata: optional(object({ key: text(), namespace: text() })),
    number: optional(int64()),
  },
  { rules: [{ rule: '!(has(self.number) && has(self.metadata))', message: 'number and metadata exclude each other' }] },
);
export type RateLimitCostValue = Static<typeof RateLimitCostValue>;

/** Envoy Gateway's definition calls it 32 bits wide and allows more; Kubernetes 1.36 refuses every limit for that. */
const LimitedRequests = int64({ minimum: 1, maximum: 4294967295 });

/** A limit for the requests that its selectors match. */
export const RateLimitRule = object({
  clientSelectors: optional(list(RateLimitSelector, { maxItems: 8 })),
  cost: optional(object({ request: optional(RateLimitCostValue), response: optional(RateLimitCostValue) })),
  limit: object({
    // Of a newer Envoy Gateway than the definitions at hand.
    fromMetadata: optional(object({ key: text(), namespace: text() })),
    requests: LimitedRequests,
    unit: choice(['Second', 'Minute', 'Hour', 'Day', 'Month', 'Year']),
  }),
  shadowMode: optional(bool()),
  shared: optional(bool()),
  xRateLimitHeaders: optional(choice(['Off', 'DraftVersion03'])),
});
export type RateLimitRule = Static<typeof RateLimitRule>;

/** Rate limits, shared by all proxies or local to each. */
export const RateLimit = object({
  global: optional(object({ rules: list(RateLimitRule, { maxItems: 256 }) })),
  local: optional(
    object({
      rules: optional(
        list(RateLimitRule, {
          maxItems: 16,
          rules: [
            {
              rule: 'self.all(r, !has(r.cost) || !has(r.cost.response))',
              message: 'a local rate limit has no response cost',
            },
          ],
        }),
      ),
    }),
  ),
  type: optional(choice(['Global', 'Local'])),
});
export type RateLimit = Static<typeof RateLimit>;
