/**
 * `npm run bench:ratelimit`: the rate limit service over memory and over Redis, and a service in Go that answers OK to
 * everything (noop-go), under the same load in turns, each server on one core; and what limits cost a whole request. `--rounds=N`, `--seconds=N`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { cpus, homedir, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../../test/support/ports.ts';
import { pinned, type Subject, startSubject } from '../xds/processes.ts';
import { printThroughEnvoy } from './through-envoy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE = fileURLToPath(new URL('noop-go', import.meta.url));
const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url));
const CACHE = join(homedir(), '.cache', 'headgate');
const BUCKETS = 1_000_000;
const MAX_MEGABYTES = 300;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' } },
});

/** Shape: a second; milliseconds; microseconds of CPU a decision. */
interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
}

await main();

async function main(): Promise<void> {
  const program = prepare();
  const folder = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
  const redis = await startRedis(folder);
  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`);
  console.log(
    `load average ${loadavg()[0]?.toFixed(1)}${pinned ? ', servers on one core, the load on the other' : ''}\n`,
  );
  const servers: Readonly<Record<string, Subject>> = {
    'no-op in Go': await startSubject(0, program, ['serve']),
    memory: await startSubject(0, process.execPath, [SERVER, join(ROOT, 'dist')]),
    Redis: await startSubject(0, process.execPath, [SERVER, join(ROOT, 'dist'), redis.url]),
  };
  try {
    for (const descriptors of [1, 4]) printLoads(descriptors, await measureLoads(program, servers, descriptors));
    await printStore(servers.Redis);
    await printMemory();
    console.log('');
    await printThroughEnvoy(join(ROOT, 'dist', 'cli', 'main.js'), folder, Number(values.rounds));
  } finally {
    for (const server of Object.values(servers)) await server.stop();
    redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In turns, so that what else the machine does hits all alike; medians. */
async function measureLoads(program: string, servers: Readonly<Record<string, Subject>>, descriptors: number) {
  const all = new Map(Object.keys(servers).map((name) => [name, [] as Load[]]));
  for (const server of Object.values(servers)) await drive(program, server, descriptors, 1);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, server] of Object.entries(servers)) {
      all.get(name)?.push(await drive(program, server, descriptors, Number(values.seconds)));
    }
  }
  return new Map([...all].map(([name, loads]) => [name, medianOf(loads)]));
}

async function drive(program: string, server: Subject, descriptors: number, seconds: number): Promise<Load> {
  const address = `127.0.0.1:${server.ready.port}`;
  const before = server.cpuMs();
  const text = await run(program, [
    'load',
    '-address',
    address,
    '-descriptors',
    String(descriptors),
    '-duration',
    `${seconds}s`,
  ]);
  const seen = JSON.parse(text) as Record<'perSecond' | 'p50Ms' | 'p99Ms' | 'count' | 'over' | 'failed', number>;
  if (seen.failed > 0 || seen.over > 0) throw new Error(`wrong answers: ${text}`);
  const { perSecond, p50Ms, p99Ms, count } = seen;
  return { perSecond, p50Ms, p99Ms, cpuUs: ((server.cpuMs() - before) * 1000) / count };
}

function run(program: string, args: readonly string[]): Promise<string> {
  const [command, rest] = pinned ? ['taskset', ['-c', '1', program, ...args]] : [program, [...args]];
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`the load ended with ${code}`))));
  });
}

function medianOf(loads: readonly Load[]): Load {
  const median = (field: keyof Load): number =>
    loads.map((one) => one[field]).sort((a, b) => a - b)[loads.length >> 1] ?? 0;
  return { perSecond: median('perSecond'), p50Ms: median('p50Ms'), p99Ms: median('p99Ms'), cpuUs: median('cpuUs') };
}

function printLoads(descriptors: number, loads: ReadonlyMap<string, Load>): void {
  const base = loads.get('no-op in Go');
  console.log(`128 requests at once on 4 connections, ${descriptors} descriptor${descriptors === 1 ? '' : 's'} each\n`);
  console.log('| service | decisions/s | of no-op | CPU us | of no-op | p50 ms | p99 ms |');
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const [name, { perSecond, p50Ms, p99Ms, cpuUs }] of loads) {
    const [rate, cpu] = [perSecond / (base?.perSecond ?? 1), cpuUs / (base?.cpuUs ?? 1)];
    console.log(
      `| ${name} | ${Math.round(perSecond)} | ${rate.toFixed(2)} | ${cpuUs.toFixed(1)} | ${cpu.toFixed(2)} | ${p50Ms.toFixed(2)} | ${p99Ms.toFixed(2)} |`,
    );
  }
  const rate = (loads.get('memory')?.perSecond ?? 0) / (base?.perSecond ?? 1);
  console.log(`\ntarget: memory at least 0.5 of the no-op: ${rate >= 0.5 ? 'holds' : 'MISSED'}\n`);
}

async function printStore(server: Subject | undefined): Promise<void> {
  const { raw = 0, store = 0 } = (await server?.ask('store 200000')) ?? {};
  const ratio = store / raw;
  console.log(
    `Redis store: ${Math.round(store)} calls/s, bare pipelined INCRBY ${Math.round(raw)}/s: ${ratio.toFixed(2)}`,
  );
  console.log(`target: at least 0.5: ${ratio >= 0.5 ? 'holds' : 'MISSED'}\n`);
}

async function printMemory(): Promise<void> {
  const server = await startSubject(0, process.execPath, [SERVER, join(ROOT, 'dist')]);
  const empty = server.memory().now;
  const { buckets = 0 } = await server.ask(`fill ${BUCKETS}`);
  await sleep(2000);
  const { now, peak } = server.memory();
  await server.stop();
  if (buckets !== BUCKETS) throw new Error(`${buckets} buckets instead of ${BUCKETS}`);
  console.log(
    `memory: ${empty.toFixed(0)} MB without buckets, ${now.toFixed(0)} MB with 1,000,000, at most ${peak.toFixed(0)} MB`,
  );
  console.log(`target: at most ${MAX_MEGABYTES} MB: ${peak <= MAX_MEGABYTES ? 'holds' : 'MISSED'}`);
}

async function startRedis(folder: string): Promise<{ url: string; stop: () => void }> {
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder], {
    stdio: 'ignore',
  });
  await sleep(500);
  if (child.exitCode !== null) throw new Error('redis-server has ended');
  return { url: `redis://127.0.0.1:${port}`, stop: () => void child.kill('SIGKILL') };
}

/** Builds what is not built yet: the product, and the Go program once for each version of its source. */
function prepare(): string {
  execFileSync('node', ['scripts/build.mjs'], { cwd: ROOT, stdio: 'inherit' });
  const hash = createHash('sha256');
  for (const name of readdirSync(SOURCE).sort()) hash.update(readFileSync(join(SOURCE, name)));
  const folder = join(CACHE, `bench-ratelimit-${hash.digest('hex').slice(0, 16)}`);
  const program = join(folder, 'bench-ratelimit');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(program)) {
    const fresh = `${program}.${process.pid}`;
    execFileSync('go', ['build', '-o', fresh, '.'], { cwd: SOURCE, stdio: 'inherit' });
    renameSync(fresh, program);
  }
  return program;
}
