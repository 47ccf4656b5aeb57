import { expect } from 'chai';
import { GatewayError } from '../../../src/lib/errors.ts';
import { guardStore } from '../../../src/ratelimit/store/guard.ts';
import { createMemoryStore } from '../../../src/ratelimit/store/memory.ts';
import type { Store } from '../../../src/ratelimit/store/store.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { until } from '../../support/index.ts';

const START = 1000;
const change = (delta: number) => ({
  key: 'k',
  start: START,
  length: 100,
  delta,
  isSliding: false,
  isOfPrevious: false,
});

/** A store that is down when told to be. */
function fragile() {
  const inner = createMemoryStore();
  let calls = 0;
  let isDown = false;
  const store: Store = {
    ...inner,
    async apply(changes, now) {
      calls += 1;
      if (isDown) throw new GatewayError('timeout', 'down');
      return inner.apply(changes, now);
    },
  };
  return {
    store,
    calls: () => calls,
    turn: (down: boolean) => {
      isDown = down;
    },
    count: () => inner.apply([change(0)], START)[0]?.after,
  };
}

describe('ratelimit: a store that fails', () => {
  it('is left alone after some failures, goes on locally, and gets what was counted meanwhile', async () => {
    const remote = fragile();
    const guard = guardStore({
      store: remote.store,
      local: createMemoryStore(),
      logger: silentLogger,
      maxFailures: 2,
      retryMs: 30,
    });
    const hit = async (delta: number) => (await guard.apply([change(delta)], START + 1))[0]?.after;
    expect(await hit(10)).to.equal(10);
    remote.turn(true);
    expect(await hit(1), 'the last known count and one').to.equal(11);
    expect(await hit(1)).to.equal(12);
    const asked = remote.calls();
    expect(await hit(5)).to.equal(17);
    expect(await hit(-2)).to.equal(15);
    expect(remote.calls()).to.equal(asked);
    remote.turn(false);
    await until(async () => (await hit(0)) !== undefined && remote.calls() > asked, { what: 'another try' });
    // The two that failed may have been counted there, and are not added again.
    await until(() => remote.count() === 13, { what: () => `13, not ${remote.count()}` });
    expect(await hit(0)).to.equal(13);
    await guard.close();
  });

  it('without local counts is an error, at once', async () => {
    const remote = fragile();
    const guard = guardStore({ store: remote.store, logger: silentLogger, maxFailures: 1, retryMs: 60_000 });
    remote.turn(true);
    const first = await Promise.resolve(guard.apply([change(1)], START)).catch((caught: unknown) => caught);
    expect(first).to.be.instanceOf(GatewayError);
    expect(() => guard.apply([change(1)], START)).to.throw(GatewayError, 'not available');
    expect(remote.calls()).to.equal(1);
    await guard.close();
  });
});

describe('ratelimit: memory', () => {
  it('takes no more buckets than it may', () => {
    const store = createMemoryStore({ maxBuckets: 2 });
    const of = (key: string) => [{ ...change(1), key }];
    store.apply(of('a'), START);
    store.apply(of('b'), START);
    expect(() => store.apply(of('c'), START)).to.throw(GatewayError, 'more than 2 buckets');
    expect(store.apply(of('a'), START)[0]?.after).to.equal(2);
    store.apply(of('a'), START + 1000);
    expect(store.size).to.be.lessThan(3);
    void store.close();
  });
});
