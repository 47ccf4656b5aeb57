/** QuotaPolicies in few words, and what is used of their buckets. */
import { expect } from 'chai';
import type { RateLimitService } from '../../../src/ratelimit/index.ts';
import { object } from '../support/objects.ts';

type Fields = Readonly<Record<string, unknown>>;

const AI = 'aigateway.envoyproxy.io';

/** The policy of one backend, under its name. */
export function quotaPolicy(backend: string, spec: Fields, metadata: Fields = {}): Fields {
  const targetRefs = [{ group: AI, kind: 'AIServiceBackend', name: backend }];
  return object(`${AI}/v1alpha1`, 'QuotaPolicy', backend, { spec: { targetRefs, ...spec } }, metadata);
}

export const perDay = (limit: number): Fields => ({ limit, duration: '1d' });

export const modelQuota = (modelName: string, limit: number, quota: Fields = {}): Fields => ({
  modelName,
  quota: { defaultBucket: perDay(limit), ...quota },
});

/** A bucket for each `x-tenant`. */
export const tenantRule = (limit: number, more: Fields = {}): Fields => ({
  clientSelectors: [{ headers: [{ name: 'x-tenant', type: 'Distinct' }] }],
  quota: perDay(limit),
  ...more,
});

/** What is used of a backend's bucket, of one tenant where tenants have their own. */
export async function quotaUse(
  { budgets }: Pick<RateLimitService, 'budgets'>,
  backend: string,
  bucket: string,
  tenant?: string,
): Promise<{ readonly used: number; readonly reserved: number }> {
  const name = `AIServiceBackend/default/${backend}/QuotaPolicy/default/${backend}/${bucket}`;
  const found = (await budgets(10_000)).budgets
    .filter(({ entries }) => entries[0]?.value === name)
    .filter(({ entries }) => tenant === undefined || entries.some(({ value }) => value === tenant));
  const sum = (of: 'used' | 'reserved') => found.reduce((total, budget) => total + budget[of], 0);
  return { used: sum('used'), reserved: sum('reserved') };
}

/** Waits until exactly so much is used: what an answer cost is charged after it. */
export async function untilQuotaUsed(
  amount: number,
  service: Pick<RateLimitService, 'budgets'>,
  ...of: readonly [backend: string, bucket: string, tenant?: string]
): Promise<void> {
  const started = performance.now();
  for (;;) {
    const { used } = await quotaUse(service, ...of);
    if (used === amount) return;
    if (performance.now() - started > 5000) expect(used, of.join(' ')).to.equal(amount);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
