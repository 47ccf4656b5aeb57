/**
 * The measured service: the built product's ratelimit room over memory or a Redis, and commands on standard input. Plain
 * JavaScript, so that nothing but the product is in the process.
 */
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

// As `headgate ratelimit` does.
setFlagsFromString('--heap-growing-percent=50');

const [dist = '', url = ''] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(resolve(join(dist, path))).href);
const { createMemoryStore, createRateLimitService, createRedisStore, guardStore } = await load('ratelimit/index.js');
const { createLogger } = await load('telemetry/logger.js');

const logger = createLogger({ level: 'warn', format: 'json', write: (line) => process.stderr.write(line) });
// Long enough for a machine that others use as well.
const redis = url === '' ? undefined : await createRedisStore({ urls: [url], mode: 'single', timeoutMs: 1000, logger });
const model = { key: 'model', rate_limit: { unit: 'year', requests_per_unit: 1_000_000_000 } };
const service = createRateLimitService({
  store: redis ? guardStore({ store: redis, logger }) : createMemoryStore(),
  config: { domains: [{ domain: 'bench', descriptors: [{ key: 'tenant', descriptors: [model] }] }] },
  logger,
  ...(redis ? { separator: '_' } : {}),
});
const { port } = await service.listen({ host: '127.0.0.1', port: 0 });
report({ port });

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.split(' ');
  if (command === 'fill') report(await fill(Number(argument)));
  else if (command === 'store') report(await compareStore(Number(argument)));
  else throw new Error(`unknown command: ${line}`);
}
// Whoever asked is gone.
process.exit();

/** So many buckets, as requests make them. */
async function fill(count) {
  for (let i = 0; i < count; i++) {
    const entries = [
      { key: 'tenant', value: `tenant-${i}` },
      { key: 'model', value: 'gpt-5-mini' },
    ];
    const descriptor = { entries, limit: undefined, hitsAddend: undefined, isNegativeHits: false };
    await service.decide({ domain: 'bench', descriptors: [descriptor], hitsAddend: 1 });
  }
  return { buckets: Number(/^ratelimit_store_buckets (\d+)$/m.exec(service.metrics())?.[1] ?? 0) };
}

/** The store against bare pipelined INCRBY of the same client library, calls a second. */
async function compareStore(count) {
  const { Redis } = await import('ioredis');
  const bare = new Redis(url, { enableAutoPipelining: true });
  await bare.ping();
  const change = { start: 0, length: 3600, delta: 1, isSliding: false, isOfPrevious: false };
  const raw = await perSecond(count, (i) => bare.incrby(`raw_${i % 10_000}_0`, 1));
  const store = await perSecond(count, (i) => redis.apply([{ ...change, key: `own_${i % 10_000}_` }], 0));
  bare.disconnect();
  return { raw, store };
}

async function perSecond(count, call) {
  let next = 0;
  const worker = async () => {
    while (next < count) await call(next++);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: 1000 }, worker));
  return count / ((performance.now() - start) / 1000);
}

function report(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
