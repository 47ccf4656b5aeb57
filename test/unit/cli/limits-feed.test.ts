import { expect } from 'chai';
import { createLimitsFeed, type LimitsFeed } from '../../../src/cli/limits-feed.ts';
import type { LimitsConfig } from '../../../src/ir/index.ts';
import { until } from '../../support/index.ts';

/** Limits by the name of the bucket, in requests an hour. */
function limits(buckets: Readonly<Record<string, number>>): LimitsConfig {
  const descriptors = Object.entries(buckets).map(([value, requests_per_unit]) => ({
    key: 'limit',
    value,
    rate_limit: { unit: 'hour', requests_per_unit },
  }));
  return { domains: [{ domain: 'd', descriptors }] };
}

function named({ domains }: LimitsConfig): Record<string, number | undefined> {
  const all = domains.flatMap(({ descriptors = [] }) => descriptors);
  const pairs = all.map(({ value = '', rate_limit }) => [value, rate_limit?.requests_per_unit] as const);
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('limits feed', () => {
  const feeds: LimitsFeed[] = [];
  afterEach(() => {
    for (const feed of feeds.splice(0)) feed.close();
  });

  function start(keepMs: number) {
    const state = { isSettled: false, refuses: false };
    const applied: Record<string, number | undefined>[] = [];
    const feed = createLimitsFeed({
      apply(all) {
        if (state.refuses) throw new Error('no such unit');
        applied.push(named(all));
      },
      isSettled: () => state.isSettled,
      keepMs,
      pollMs: 5,
    });
    feeds.push(feed);
    return { feed, state, applied };
  }
  const polls = () => new Promise((resolve) => setTimeout(resolve, 60));

  it('gives limits of the newest revision beside the older ones, and the newest number of each', () => {
    const { feed, applied } = start(1_000_000);
    feed.use(limits({ a: 1, b: 2 }));
    feed.use(limits({ b: 3, c: 4 }));
    expect(applied).to.deep.equal([
      { a: 1, b: 2 },
      { a: 1, b: 3, c: 4 },
    ]);
    expect(named(feed.limits)).to.deep.equal({ a: 1, b: 3, c: 4 });
  });

  it('keeps old ones while an Envoy may have old routes, however long, and for a while after that', async () => {
    const { feed, state, applied } = start(40);
    feed.use(limits({ a: 1 }));
    feed.use(limits({ b: 1 }));
    await polls();
    expect(named(feed.limits), 'not settled').to.deep.equal({ a: 1, b: 1 });
    state.isSettled = true;
    await until(() => applied.length === 3, { what: 'old limits to go' });
    expect(applied.at(-1)).to.deep.equal({ b: 1 });
    await polls();
    expect(applied.length, 'nothing more to say').to.equal(3);
  });

  it('begins the while of each revision when its successor has been seen everywhere', async () => {
    const { feed, state, applied } = start(1);
    feed.use(limits({ a: 1 }));
    state.isSettled = true;
    feed.use(limits({ b: 1 }));
    await until(() => applied.length === 3, { what: 'the first to go' });
    state.isSettled = false;
    feed.use(limits({ c: 1 }));
    await polls();
    expect(named(feed.limits)).to.deep.equal({ b: 1, c: 1 });
  });

  it('does not forget a limit that comes back before its while is over', async () => {
    const { feed, state, applied } = start(30);
    feed.use(limits({ a: 1 }));
    feed.use(limits({}));
    feed.use(limits({ a: 7 }));
    state.isSettled = true;
    await until(() => applied.length === 4, { what: 'old limits to go' });
    expect(named(feed.limits)).to.deep.equal({ a: 7 });
  });

  it('stays as it was when limits cannot be used', () => {
    const { feed, state } = start(1_000_000);
    feed.use(limits({ a: 1 }));
    state.refuses = true;
    expect(() => feed.use(limits({ b: 1 }))).to.throw('no such unit');
    expect(named(feed.limits)).to.deep.equal({ a: 1 });
    state.refuses = false;
    feed.use(limits({ c: 1 }));
    expect(named(feed.limits)).to.deep.equal({ a: 1, c: 1 });
  });
});
