import { expect } from 'chai';
import { type LimitDescriptor, RESERVED_AT_KEY } from '../../../src/ir/index.ts';
import { createLimiter } from '../../../src/ratelimit/limiter.ts';
import { createStatistics } from '../../../src/ratelimit/statistics.ts';
import { createMemoryStore } from '../../../src/ratelimit/store/memory.ts';

const START = 1_700_000_040;

const LIMITS: readonly LimitDescriptor[] = [
  {
    key: 'limit',
    value: 'minute',
    descriptors: [{ key: 'tenant', rate_limit: { unit: 'minute', requests_per_unit: 100 } }],
  },
  {
    key: 'limit',
    value: 'keys',
    descriptors: [{ key: 'x-api-key', rate_limit: { unit: 'hour', requests_per_unit: 50 } }],
  },
  { key: 'limit', value: 'slide', rate_limit: { unit: 'minute', requests_per_unit: 10, algorithm: 'sliding' } },
  { key: 'limit', value: 'day', rate_limit: { unit: 'day', requests_per_unit: 100 } },
  { key: 'limit', value: 'free', rate_limit: { unlimited: true } },
];

function setup(start = START) {
  let now = start;
  const limiter = createLimiter({
    store: createMemoryStore(),
    statistics: createStatistics(),
    config: { domains: [{ domain: 'd', descriptors: LIMITS }] },
    keyPrefix: 'p:',
    clock: () => now,
  });
  const charge = (limit: string, entry: [string, string] | undefined, ...hits: number[]) => {
    const rest = entry ? [{ key: entry[0], value: entry[1] }] : [];
    const isReserved = hits.length > 1 || limit === 'minute' || limit === 'day';
    const reservedAt = isReserved ? [{ key: RESERVED_AT_KEY, value: String(start) }] : [];
    return limiter.decide({
      domain: 'd',
      descriptors: hits.map((count) => ({
        entries: [{ key: 'limit', value: limit }, ...rest, ...reservedAt],
        limit: undefined,
        hitsAddend: Math.abs(count),
        isNegativeHits: count < 0,
      })),
      hitsAddend: 0,
    });
  };
  const wait = (seconds: number): void => {
    now += seconds;
  };
  return { limiter, charge, wait };
}

describe('ratelimit: budgets', () => {
  it('tell who has used how much of what, the least left first', async () => {
    const { limiter, charge } = setup();
    charge('minute', ['tenant', 'a'], 30);
    charge('minute', ['tenant', 'b'], 95);
    charge('slide', undefined, 1);
    charge('free', undefined, 7);
    const { budgets, isPartial } = await limiter.budgets(10);
    expect(isPartial).to.equal(false);
    expect(
      budgets.map(({ entries, used, limit }) => [entries.map(({ value }) => value).join('/'), used, limit]),
    ).to.deep.equal([
      ['minute/b', 95, 100],
      ['slide', 1, 10],
      ['minute/a', 30, 100],
    ]);
    expect(budgets[0]).to.include({ domain: 'd', windowSeconds: 60, resetSeconds: 60, shadow: false });
    expect((await limiter.budgets(1)).isPartial).to.equal(true);
  });

  it('tell what is reserved in windows of different lengths that begin together', async () => {
    const { limiter, charge } = setup(19_000 * 86_400);
    charge('minute', ['tenant', 'a'], 60);
    charge('day', undefined, 70);
    const { budgets } = await limiter.budgets(10);
    expect(budgets.map(({ reserved }) => reserved)).to.deep.equal([70, 60]);
  });

  it('tell what is reserved until it is settled', async () => {
    const { limiter, charge } = setup();
    const tenant: [string, string] = ['tenant', 'a'];
    charge('minute', tenant, 40);
    charge('minute', tenant, 20);
    const held = (await limiter.budgets(10)).budgets[0];
    expect(held).to.include({ used: 60, reserved: 60 });
    charge('minute', tenant, 25, -40);
    expect((await limiter.budgets(10)).budgets[0]).to.include({ used: 45, reserved: 20 });
    charge('minute', tenant, 0, -20);
    expect((await limiter.budgets(10)).budgets[0]).to.include({ used: 25, reserved: 0 });
  });

  it('forget with their window, and keep what a sliding one still counts', async () => {
    const { limiter, charge, wait } = setup();
    charge('minute', ['tenant', 'a'], 30);
    charge('slide', undefined, 8);
    wait(90);
    const { budgets } = await limiter.budgets(10);
    expect(budgets.map(({ entries, used }) => [entries[0]?.value, used])).to.deep.equal([['slide', 4]]);
  });

  it('never show what proves who a client is', async () => {
    const { limiter, charge } = setup();
    charge('keys', ['x-api-key', 'sk-very-secret'], 1);
    const { budgets } = await limiter.budgets(10);
    expect(budgets).to.have.lengthOf(1);
    expect(JSON.stringify(budgets)).to.include('sha256:').and.not.to.include('sk-very-secret');
  });
});
