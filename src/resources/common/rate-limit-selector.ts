import { bool, choice, list, object, optional, type Static, text } from '../schema.ts';
import { HttpMethod } from './scalars.ts';

/** A condition on a header or query parameter; `Distinct` counts each value on its own. */
export const RateLimitHeaderMatch = object({
  invert: bool({ default: false }),
  name: text({ maxLength: 256, minLength: 1 }),
  type: choice(['Exact', 'RegularExpression', 'Distinct'], { default: 'Exact' }),
  value: optional(text({ maxLength: 1024 })),
});
export type RateLimitHeaderMatch = Static<typeof RateLimitHeaderMatch>;

/** Which requests a rate limit counts; all conditions must hold. */
export const RateLimitSelector = object(
  {
    headers: optional(list(RateLimitHeaderMatch, { maxItems: 64 })),
    methods: optional(list(object({ invert: bool({ default: false }), value: HttpMethod }))),
    path: optional(
      object({
        invert: bool({ default: false }),
        type: choice(['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' }),
        value: text({ maxLength: 1024, default: '/' }),
      }),
    ),
    queryParams: optional(list(RateLimitHeaderMatch, { maxItems: 16 })),
    sourceCIDR: optional(
      object({
        invert: bool({ default: false }),
        type: choice(['Exact', 'Distinct'], { default: 'Exact' }),
        value: text({ maxLength: 256, minLength: 1 }),
      }),
    ),
  },
  {
    rules: [
      {
        rule: 'has(self.headers) || has(self.methods) || has(self.path) || has(self.sourceCIDR) || has(self.queryParams)',
        message: 'a selector needs headers, methods, path, sourceCIDR or queryParams',
      },
    ],
  },
);
export type RateLimitSelector = Static<typeof RateLimitSelector>;
