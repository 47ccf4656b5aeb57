import { expect } from 'chai';
import type { LimitDescriptor, RateLimitPolicy } from '../../../src/ir/index.ts';
import { GIVES_BACK_KEY, RESERVED_AT_KEY } from '../../../src/ir/index.ts';
import { createLimiter } from '../../../src/ratelimit/limiter.ts';
import { createStatistics } from '../../../src/ratelimit/statistics.ts';
import { createMemoryStore } from '../../../src/ratelimit/store/memory.ts';
import { slidingUse } from '../../../src/ratelimit/store/store.ts';
import { unitByName, windowStart } from '../../../src/ratelimit/units.ts';
import type { RateLimitResponse } from '../../../src/ratelimit/wire.ts';

const START = 1_700_000_040;

function limiterOf(policy: RateLimitPolicy) {
  let now = START;
  const store = createMemoryStore();
  const statistics = createStatistics();
  const limiter = createLimiter({
    store,
    statistics,
    config: { domains: [{ domain: 'd', descriptors: [{ key: 'k', rate_limit: policy }] }] },
    clock: () => now,
  });
  interface Hits {
    hits: number;
    at?: number;
  }
  return {
    store,
    statistics,
    wait: (seconds: number) => {
      now += seconds;
    },
    /** Hits below zero are given back. Shape: what is left, and whether it passes. */
    ask: (...all: Hits[]) => {
      const descriptors = all.map(({ hits, at }) => ({
        entries: [{ key: 'k', value: 'v' }, ...(at === undefined ? [] : [{ key: RESERVED_AT_KEY, value: String(at) }])],
        limit: undefined,
        hitsAddend: Math.abs(hits),
        isNegativeHits: hits < 0,
      }));
      const { code, statuses } = limiter.decide({ domain: 'd', descriptors, hitsAddend: 0 }) as RateLimitResponse;
      return [code === 1 ? 'ok' : 'over', statuses[0]?.remaining];
    },
  };
}

describe('ratelimit: windows', () => {
  it('begin at multiples of their unit, as those of envoyproxy/ratelimit', () => {
    const startOf = (unit: string) => windowStart(1_700_000_040.9, unitByName(unit)?.seconds ?? 0);
    expect(startOf('SECOND')).to.equal(1_700_000_040);
    expect(startOf('minute')).to.equal(1_700_000_040);
    expect(startOf('hour')).to.equal(1_699_999_200);
    expect(startOf('day')).to.equal(1_699_920_000);
    expect(startOf('week')).to.equal(1_699_488_000);
    expect(startOf('month')).to.equal(1_697_760_000);
    expect(startOf('year')).to.equal(1_671_408_000);
    expect(unitByName('unknown')).to.equal(undefined);
  });

  it('end exactly, and forget', () => {
    const { ask, wait } = limiterOf({ unit: 'minute', requests_per_unit: 3 });
    expect(ask({ hits: 3 })).to.deep.equal(['ok', 0]);
    expect(ask({ hits: 1 })).to.deep.equal(['over', 0]);
    wait(59.999);
    expect(ask({ hits: 1 })).to.deep.equal(['over', 0]);
    wait(0.001);
    expect(ask({ hits: 1 })).to.deep.equal(['ok', 2]);
  });

  it('let twice the limit pass in a moment across an edge', () => {
    const passed = (policy: RateLimitPolicy): number => {
      const { ask, wait } = limiterOf(policy);
      wait(59.9);
      let count = 0;
      while (ask({ hits: 1 })[0] === 'ok') count++;
      wait(0.2);
      while (ask({ hits: 1 })[0] === 'ok') count++;
      return count;
    };
    const policy: RateLimitPolicy = { unit: 'minute', requests_per_unit: 1000 };
    expect(passed(policy)).to.equal(2000);
    // A tenth of a second of the window before has left by then.
    expect(passed({ ...policy, algorithm: 'sliding' })).to.be.within(1000, 1002);
  });

  it('slide, where asked: no burst at the edge', () => {
    const { ask, wait } = limiterOf({ unit: 'minute', requests_per_unit: 100, algorithm: 'sliding' });
    wait(30);
    expect(ask({ hits: 100 })).to.deep.equal(['ok', 0]);
    wait(30);
    expect(ask({ hits: 1 }), 'a window later').to.deep.equal(['over', 0]);
    wait(30);
    expect(ask({ hits: 49 }), 'half of the window before counts').to.deep.equal(['ok', 0]);
    wait(60);
    expect(ask({ hits: 0 })).to.deep.equal(['ok', 75]);
  });

  it('of slides are off by less than the count of the window before', () => {
    for (const elapsed of [0, 0.25, 0.5, 0.999]) {
      const use = slidingUse(100, 10, elapsed);
      expect(use).to.be.within(10, 110);
    }
    expect(slidingUse(100, 0, 0.25)).to.equal(75);
  });

  it('take a refund of their own reservation alone', () => {
    const { ask, wait, statistics } = limiterOf({ unit: 'minute', requests_per_unit: 100 });
    const at = START + 50.5;
    wait(50.5);
    expect(ask({ hits: 40, at })).to.deep.equal(['ok', 60]);
    wait(5);
    expect(ask({ hits: 10, at }, { hits: -40, at }), 'same window').to.deep.equal(['ok', 90]);
    expect(ask({ hits: 40, at })).to.deep.equal(['ok', 50]);
    wait(10);
    expect(ask({ hits: 20 }), 'next window').to.deep.equal(['ok', 80]);
    expect(ask({ hits: 10, at }, { hits: -40, at }), 'dropped').to.deep.equal(['ok', 80]);
    expect(statistics.service.refundsDropped).to.equal(30);
    expect(ask({ hits: 55, at }, { hits: -40, at }), 'what is above the reservation').to.deep.equal(['ok', 65]);
  });

  it('of a check are those of the reservation although clocks differ', () => {
    for (const skew of [-1.5, 1.5]) {
      const { ask, wait } = limiterOf({ unit: 'minute', requests_per_unit: 100 });
      wait(60);
      const at = START + 60 + skew;
      // What others used in both windows must not be given back.
      ask({ hits: 10, at: START + 59 });
      ask({ hits: 10, at: START + 61 });
      ask({ hits: 30, at });
      expect(ask({ hits: -30, at })[1], `${skew} s`).to.equal(90);
      wait(1);
      expect(ask({ hits: 0 })[1]).to.equal(90);
    }
  });

  it('that slide take refunds of the window before', () => {
    const { ask, wait } = limiterOf({ unit: 'minute', requests_per_unit: 100, algorithm: 'sliding' });
    const at = START + 30;
    wait(30);
    expect(ask({ hits: 80, at })).to.deep.equal(['ok', 20]);
    wait(45);
    expect(ask({ hits: 0 })).to.deep.equal(['ok', 40]);
    expect(ask({ hits: 0, at }, { hits: -80, at })).to.deep.equal(['ok', 100]);
  });

  it('that slide let what is reserved fade, and take nothing back when it has', () => {
    const { ask, wait, statistics } = limiterOf({ unit: 'minute', requests_per_unit: 10, algorithm: 'sliding' });
    const at = START;
    for (let i = 0; i < 10; i++) ask({ hits: 1, at });
    expect(ask({ hits: 1, at }), 'eleven at once').to.deep.equal(['over', 0]);
    wait(90);
    expect(ask({ hits: 0 }), 'half of the eleven are forgotten').to.deep.equal(['ok', 4]);
    wait(30);
    ask({ hits: 4 });
    for (let i = 0; i < 11; i++) ask({ hits: 0, at }, { hits: -1, at });
    expect(ask({ hits: 0 })).to.deep.equal(['ok', 6]);
    expect(statistics.service.refundsDropped).to.equal(11);
  });

  it('of a limit that a request brings slide where those of the configured one do, and refuse nothing in its shadow', () => {
    const decide = (descriptor: LimitDescriptor) => {
      let now = START;
      const limiter = createLimiter({
        store: createMemoryStore(),
        statistics: createStatistics(),
        config: { domains: [{ domain: 'd', descriptors: [descriptor] }] },
        clock: () => now,
      });
      const limit = { requestsPerUnit: 10, unit: 2, multiplier: 0 };
      const ask = (hits: number): [number, number | undefined] => {
        const entries = [{ key: 'k', value: 'v' }];
        const descriptors = [{ entries, limit, hitsAddend: hits, isNegativeHits: false }];
        const { code, statuses } = limiter.decide({ domain: 'd', descriptors, hitsAddend: 0 }) as RateLimitResponse;
        return [code, statuses[0]?.remaining];
      };
      const first = ask(11);
      now += 60;
      return [first, ask(0)];
    };
    const configured = { unit: 'hour', requests_per_unit: 1000 };
    const [ok, over] = [1, 2];
    expect(decide({ key: 'k', rate_limit: configured })).to.deep.equal([
      [over, 0],
      [ok, 10],
    ]);
    expect(decide({ key: 'k', rate_limit: { ...configured, algorithm: 'sliding' } })).to.deep.equal([
      [over, 0],
      [over, 0],
    ]);
    expect(decide({ key: 'k', rate_limit: configured, shadow_mode: true })[0]).to.deep.equal([ok, 0]);
    expect(decide({ key: 'other', rate_limit: configured })[0], 'without a configured one').to.deep.equal([over, 0]);
  });

  it('take what an entry gives back, where an Envoy has no negative hits', () => {
    const limiter = createLimiter({
      store: createMemoryStore(),
      statistics: createStatistics(),
      config: {
        domains: [{ domain: 'd', descriptors: [{ key: 'k', rate_limit: { unit: 'hour', requests_per_unit: 10 } }] }],
      },
      clock: () => START,
    });
    const ask = (hits: number, ...more: string[]): number | undefined => {
      const entries = ['k', RESERVED_AT_KEY, ...more].map((key) => ({ key, value: key === 'k' ? 'v' : String(START) }));
      const descriptors = [{ entries, limit: undefined, hitsAddend: hits, isNegativeHits: false }];
      return (limiter.decide({ domain: 'd', descriptors, hitsAddend: 0 }) as RateLimitResponse).statuses[0]?.remaining;
    };
    expect(ask(4)).to.equal(6);
    expect(ask(3, GIVES_BACK_KEY)).to.equal(9);
    expect(ask(30, GIVES_BACK_KEY), 'never below zero').to.equal(10);
  });

  it('are overrun by parallel streams by no more than they use above their reservations', () => {
    const { ask } = limiterOf({ unit: 'hour', requests_per_unit: 1000 });
    const at = START;
    const used = Array.from({ length: 50 }, (_, i) => 60 + i);
    const admitted = used.filter(() => ask({ hits: 80, at })[0] === 'ok');
    expect(admitted.length).to.equal(12);
    let charged = 0;
    let above = 0;
    for (const hits of admitted) {
      ask({ hits, at }, { hits: -80, at });
      charged += hits;
      above += Math.max(0, hits - 80);
    }
    expect(charged).to.be.at.most(1000 + above);
    // Those that were refused settle too: nothing used, all given back.
    for (let i = admitted.length; i < 50; i++) ask({ hits: 0, at }, { hits: -80, at });
    expect(ask({ hits: 0 })[1]).to.equal(1000 - charged);
  });

  it('leave memory when they are over', () => {
    const { ask, wait, store } = limiterOf({ unit: 'second', requests_per_unit: 3 });
    for (let i = 0; i < 50; i++) {
      ask({ hits: 1 });
      wait(1);
    }
    expect(store.size).to.be.lessThan(10);
  });
});
