import { expect } from 'chai';
import fc from 'fast-check';
import {
  createMemoryStore,
  createRateLimitService,
  createRedisStore,
  guardStore,
  type LimitDescriptor,
  type RateLimitService,
  type RedisStoreOptions,
} from '../../src/ratelimit/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { until } from '../support/index.ts';
import { type RedisServer, startCluster, startRedis, startSentinel } from './redis-servers.ts';

const logger = silentLogger;
const YEAR = 31_536_000;

interface Hits {
  key?: string;
  value?: string;
  hits?: number;
  negative?: boolean;
}

function request(...all: Hits[]) {
  const descriptors = all.map(({ key = 'k', value = 'v', hits = 1, negative = false }) => ({
    entries: [{ key, value }],
    limit: undefined,
    hitsAddend: hits,
    isNegativeHits: negative,
  }));
  return { domain: 'd', descriptors, hitsAddend: 0 };
}

describe('ratelimit: Redis', function () {
  this.timeout(60_000);
  const servers: RedisServer[] = [];
  const services: RateLimitService[] = [];

  interface Setup {
    options: Pick<RedisStoreOptions, 'urls'> & Partial<RedisStoreOptions>;
    limits: readonly LimitDescriptor[];
    failureMode?: 'open' | 'closed' | 'local';
  }

  async function start({ options, limits, failureMode = 'open' }: Setup): Promise<RateLimitService> {
    const store = await createRedisStore({ mode: 'single', logger, timeoutMs: 1000, ...options });
    const service = createRateLimitService({
      store: guardStore({
        store,
        logger,
        retryMs: 50,
        ...(failureMode === 'local' ? { local: createMemoryStore() } : {}),
      }),
      config: { domains: [{ domain: 'd', descriptors: limits }] },
      separator: '_',
      failureMode: failureMode === 'closed' ? 'closed' : 'open',
      logger,
    });
    services.push(service);
    await until(() => service.metrics().includes('ratelimit_redis_ready 1'), { what: 'the connection' });
    // The first call of a cluster's client waits for its slots.
    await until(async () => (await remaining(service)) !== undefined, { what: 'an answer' });
    return service;
  }

  /** What is left, asked without a hit. Undefined: the store did not say. */
  async function remaining(service: RateLimitService, of: Hits = {}): Promise<number | undefined> {
    const { statuses } = await service.decide(request({ ...of, hits: 0 }));
    return statuses[0]?.limit ? statuses[0].remaining : undefined;
  }

  const hourly = (count: number, more: Partial<LimitDescriptor> = {}): LimitDescriptor => ({
    key: 'k',
    rate_limit: { unit: 'year', requests_per_unit: count },
    ...more,
  });

  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close(100)));
    await Promise.all(servers.splice(0).map((server) => server.kill()));
  });

  it('makes replicas agree exactly', async () => {
    const redis = await startRedis();
    servers.push(redis);
    const setup = { options: { urls: [redis.url], timeoutMs: 10_000 }, limits: [hourly(6000)] };
    const replicas = [await start(setup), await start(setup)];
    let passed = 0;
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < 10_000) {
        const replica = replicas[next++ % 2];
        const answer = await replica?.decide(request({}));
        if (answer?.code === 1) passed += 1;
      }
    };
    await Promise.all(Array.from({ length: 200 }, worker));
    expect(passed).to.equal(6000);
    const [key = ''] = (await redis.cli('keys', '*')).split('\n');
    expect(await redis.cli('get', key)).to.equal('10000');
  });

  it('tells its buckets, of one Redis and of all nodes of a cluster', async () => {
    const redis = await startRedis();
    servers.push(redis);
    const cluster = await startCluster();
    servers.push(...cluster);
    const urls = cluster.map(({ url }) => url);
    for (const options of [{ urls: [redis.url] }, { urls, mode: 'cluster' as const }]) {
      const service = await start({ options, limits: [hourly(100)] });
      await service.decide(request({ value: 'a', hits: 60 }));
      await service.decide(request({ value: 'b', hits: 90 }));
      const { budgets, isPartial } = await service.budgets(10);
      expect(budgets.map(({ entries, used, limit }) => ({ entries, used, limit }))).to.deep.equal([
        { entries: [{ key: 'k', value: 'b' }], used: 90, limit: 100 },
        { entries: [{ key: 'k', value: 'a' }], used: 60, limit: 100 },
      ]);
      expect(isPartial).to.equal(false);
    }
  });

  it('has the keys of envoyproxy/ratelimit, which expire', async () => {
    const redis = await startRedis();
    servers.push(redis);
    const limits = [{ key: 'k', rate_limit: { unit: 'day', requests_per_unit: 10 } }];
    const service = await start({ options: { urls: [redis.url] }, limits });
    await service.decide(request({ hits: 3 }));
    const key = await redis.cli('keys', '*');
    expect(key).to.match(/^d_k_v_\d+$/);
    expect(Number(/\d+$/.exec(key)?.[0]) % 86_400).to.equal(0);
    expect(Number(await redis.cli('ttl', key))).to.be.within(86_300, 86_700);
    // What another instance, of whichever kind, has counted counts.
    await redis.cli('incrby', key, '5');
    expect(await remaining(service)).to.equal(2);
  });

  it('takes one round trip for many descriptors, refunds never below zero, slides', async () => {
    const redis = await startRedis();
    servers.push(redis);
    const sliding: LimitDescriptor = {
      key: 's',
      rate_limit: { unit: 'year', requests_per_unit: 100, algorithm: 'sliding' },
    };
    const service = await start({ options: { urls: [redis.url] }, limits: [hourly(100), sliding] });
    await redis.cli('config', 'resetstat');
    const answer = await service.decide(request(...Array.from({ length: 60 }, (_, i) => ({ value: `v${i}` }))));
    expect(answer.statuses.map(({ remaining: left }) => left)).to.deep.equal(Array.from({ length: 60 }, () => 99));
    const stats = await redis.cli('info', 'commandstats');
    expect(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]).to.equal('1');
    await service.decide(request({ hits: 30 }));
    expect((await service.decide(request({ hits: 10, negative: true }))).statuses[0]?.remaining).to.equal(80);
    expect((await service.decide(request({ hits: 5 }, { hits: 400, negative: true }))).statuses[0]?.remaining).to.equal(
      100,
    );
    expect((await service.decide(request({ key: 's', hits: 40 }))).statuses[0]?.remaining).to.equal(60);
    expect((await service.decide(request({ key: 's', hits: 61 }))).code).to.equal(2);
  });

  it('counts as memory does, whatever the changes', async () => {
    const redis = await startRedis();
    servers.push(redis);
    const store = await createRedisStore({ urls: [redis.url], mode: 'single', timeoutMs: 10_000, logger });
    const memory = createMemoryStore();
    await until(() => store.gauges().ratelimit_redis_ready === 1, { what: 'the connection' });
    const start = Math.floor(Date.now() / 1000 / YEAR) * YEAR;
    const change = fc.record({
      key: fc.constantFrom('a', 'b', '}', 'ü\u0000 "'),
      start: fc.constantFrom(start, start + YEAR),
      length: fc.constant(YEAR),
      delta: fc.oneof(fc.integer({ min: -100, max: 100 }), fc.constantFrom(2 ** 50, -(2 ** 50))),
      isSliding: fc.boolean(),
      isOfPrevious: fc.boolean(),
    });
    let round = 0;
    const run = fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { maxLength: 8 }), async (calls) => {
        round += 1;
        for (const call of calls) {
          // Keys of their own for either kind: in Redis the two kinds do not share buckets.
          const own = call.map((one) => ({ ...one, key: `${round}${one.isSliding ? 's' : 'f'}${one.key}` }));
          expect(await store.apply(own, start)).to.deep.equal(memory.apply(own, start));
        }
      }),
      { numRuns: 60, endOnFailure: true },
    );
    await run.finally(() => Promise.all([store.close(), memory.close()]));
  });

  for (const failureMode of ['open', 'closed', 'local'] as const) {
    it(`goes on ${failureMode} while Redis is gone, and with Redis when it is back`, async () => {
      const redis = await startRedis();
      servers.push(redis);
      const service = await start({ options: { urls: [redis.url] }, limits: [hourly(5)], failureMode });
      await service.decide(request({ hits: 3 }));
      await redis.kill();
      const codes: number[] = [];
      for (let i = 0; i < 6; i++) codes.push((await service.decide(request({}))).code);
      const expected = { open: [1, 1, 1, 1, 1, 1], closed: [2, 2, 2, 2, 2, 2], local: [1, 1, 2, 2, 2, 2] };
      expect(codes).to.deep.equal(expected[failureMode]);
      expect(service.metrics()).to.include('ratelimit_store_available 0\n');
      servers.push(await startRedis([], redis.port));
      await until(
        async () =>
          (await remaining(service)) !== undefined && service.metrics().includes('ratelimit_store_available 1\n'),
        {
          what: 'recovery',
        },
      );
    });
  }

  it('does not wait for a Redis that is slow', async () => {
    const redis = await startRedis();
    servers.push(redis);
    const service = await start({
      options: { urls: [redis.url], timeoutMs: 50 },
      limits: [hourly(5)],
      failureMode: 'closed',
    });
    let isAsleep = true;
    const sleeping = redis.cli('debug', 'sleep', '3').then(() => {
      isAsleep = false;
    });
    await until(async () => (await service.decide(request({}))).code === 2, { what: 'a refusal' });
    for (let i = 0; i < 50; i++) await service.decide(request({}));
    expect(isAsleep, 'answered before Redis').to.equal(true);
    await sleeping;
    await until(async () => (await remaining(service)) !== undefined, { what: 'recovery' });
  });

  it('is one store over a cluster', async () => {
    const nodes = await startCluster();
    servers.push(...nodes);
    const setup: Setup = {
      options: { urls: nodes.slice(0, 2).map(({ url }) => url), mode: 'cluster', timeoutMs: 10_000 },
      limits: [hourly(100), { key: 's', rate_limit: { unit: 'year', requests_per_unit: 100, algorithm: 'sliding' } }],
    };
    const replicas = [await start(setup), await start(setup)];
    const many = Array.from({ length: 20 }, (_, i) => [{ value: `v${i}` }, { key: 's', value: `v${i}` }]).flat();
    const rounds = Array.from({ length: 60 }, (_, i) => replicas[i % 2]?.decide(request(...many)));
    const answers = await Promise.all(rounds);
    const least = Math.min(...answers.flatMap((answer) => answer?.statuses.map(({ remaining: left }) => left) ?? []));
    expect(least).to.equal(40);
    const counts = await Promise.all(nodes.map(async ({ cli }) => Number(await cli('dbsize'))));
    expect(Math.min(...counts), 'every node has some').to.be.greaterThan(0);
    expect(counts.reduce((a, b) => a + b)).to.equal(40);
  });

  it('follows a sentinel to the new master', async () => {
    const master = await startRedis();
    const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)]);
    servers.push(master, replica);
    const sentinel = await startSentinel(master);
    servers.push(sentinel);
    const service = await start({
      options: { urls: [sentinel.url], mode: 'sentinel', masterName: 'main' },
      limits: [hourly(100)],
    });
    await service.decide(request({ hits: 10 }));
    expect(await remaining(service)).to.equal(90);
    await until(async () => (await replica.cli('dbsize')) === '1', { what: 'replication' });
    await until(async () => (await sentinel.cli('sentinel', 'replicas', 'main')).includes(String(replica.port)), {
      what: 'the replica to be known',
      timeoutMs: 20_000,
    });
    await master.kill();
    await until(async () => (await remaining(service)) === 90, { what: 'the new master', timeoutMs: 30_000 });
  });

  it('says what is wrong with an address, without repeating it', async () => {
    const failure = await createRedisStore({ urls: ['http://:secret@x'], mode: 'single', logger }).catch(
      (caught: Error) => caught,
    );
    expect((failure as Error).message).to.equal('a Redis URL is redis://HOST:PORT[/DATABASE], with TLS rediss://');
  });
});
