/**
 * `npm run bench:start [-- --runs N]`: a warm `headgate run` (built, Envoy in the cache) from its launch to its first
 * answered request, against a bare Envoy with the same configuration in a file, in turns. Method: bench/README.md.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { translateRevision } from '../src/cli/revisions.ts';
import { capabilitiesOf, compileGateway, DEFAULT_COMPILE_OPTIONS, NEWEST_ENVOY } from '../src/envoy/index.ts';
import { findEnvoy } from '../src/local/index.ts';
import { DEFAULT_POLICY_OPTIONS } from '../src/policy/index.ts';
import { readSources } from '../src/sources/index.ts';
import { policyYaml } from '../test/envoy/gitops/policy.ts';
import { type Fake, startOpenAi } from '../test/fakes/index.ts';
import { freePort, inlineStatic, postJson, spawnChild, stopChild, tempDir } from '../test/support/index.ts';

const ROOT = join(import.meta.dirname, '..');
const TARGET_MS = 3000;

/** Milliseconds from the launch to each phase, in order. */
type Phases = Record<string, number>;

/** What `run` says on its way, as it says it. */
const SIGNS: Readonly<Record<string, string>> = {
  'source read, revision served': '"msg":"serving revision"',
  'xDS listens': '"msg":"listening"',
  'Envoy asks for its configuration': '"msg":"proxy connected"',
  'Envoy is live': 'serves http://',
};

async function measureRun(policy: string, port: number): Promise<Phases> {
  const ports = await Promise.all(['xds', 'admin', 'envoy', 'sentinel', 'limits'].map(() => freePort()));
  const [xds, admin, envoy, sentinel, limits] = ports;
  const flags = ['--xds-address', `:${xds}`, '--admin-address', `:${admin}`, '--envoy-admin-address', `:${envoy}`];
  const command = [
    join(ROOT, 'dist', 'cli', 'main.js'),
    'run',
    policy,
    ...flags,
    '--sentinel-port',
    `${sentinel}`,
    '--ratelimit-address',
    `:${limits}`,
  ];
  const launched = performance.now();
  const child = spawnChild(process.execPath, [...command, '--log-format', 'json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const phases: Phases = {};
  const watch = (text: string): void => {
    for (const [phase, sign] of Object.entries(SIGNS)) {
      if (phases[phase] === undefined && text.includes(sign)) phases[phase] = performance.now() - launched;
    }
  };
  child.stdout?.setEncoding('utf8').on('data', watch);
  child.stderr?.setEncoding('utf8').on('data', watch);
  phases['first answer'] = await firstAnswer(port, launched, child);
  // What came with the answer is read after it.
  await sleep(100);
  await stopChild(child);
  return phases;
}

async function measureBare(binary: string, bootstrap: object, port: number): Promise<Phases> {
  const path = join(tempDir('bench'), 'bootstrap.json');
  writeFileSync(path, JSON.stringify(bootstrap));
  const launched = performance.now();
  const child = spawnChild(binary, ['-c', path, '--disable-hot-restart', '-l', 'off'], { stdio: 'ignore' });
  const phases = { 'first answer': await firstAnswer(port, launched, child) };
  await stopChild(child);
  return phases;
}

function measureNode(): number {
  const launched = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - launched;
}

async function firstAnswer(port: number, launched: number, child: ChildProcess): Promise<number> {
  const body = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };
  while (child.exitCode === null && performance.now() - launched < 60_000) {
    const status = await postJson(port, '/v1/chat/completions', body).then(
      (answer) => answer.status,
      () => undefined,
    );
    if (status === 200) return performance.now() - launched;
    await sleep(5);
  }
  throw new Error('there was no answer');
}

/** The same gateway as one file. */
async function staticBootstrap(yaml: string): Promise<object> {
  const result = await readSources(['-'], { env: {}, stdin: async () => yaml });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  const revision = translateRevision(result.set, DEFAULT_POLICY_OPTIONS);
  const [gateway] = revision.ir.gateways;
  if (gateway === undefined) throw new Error('there is no gateway');
  const options = { ...DEFAULT_COMPILE_OPTIONS, sentinelPort: await freePort() };
  const { resources } = compileGateway(gateway, revision.secrets, capabilitiesOf(NEWEST_ENVOY), options);
  const of = (type: string) =>
    resources.filter((resource) => resource.type === type).map(({ message }) => message as Record<string, unknown>);
  return inlineStatic({
    listeners: of('listener'),
    routes: of('route'),
    clusters: of('cluster'),
    endpoints: of('endpoints'),
    secrets: of('secret'),
  });
}

function policyFor(fake: Fake, port: number): string {
  const providers = new Map([
    ['p', { ports: [fake.port] }],
    ['q', { ports: [fake.port] }],
  ]);
  return policyYaml({ port, providers, models: new Map([['m', [{ provider: 'p' }, { provider: 'q', priority: 1 }]]]) });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const { values } = parseArgs({ options: { runs: { type: 'string', default: '7' } } });
const runs = Number(values.runs);
if (spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { stdio: 'inherit' }).status !== 0)
  process.exit(1);
const fake = await startOpenAi({ name: 'provider' });
const port = await freePort();
const yaml = policyFor(fake, port);
const policy = join(tempDir('bench'), 'policy.yaml');
writeFileSync(policy, yaml);
const { path: binary } = await findEnvoy();
const bootstrap = await staticBootstrap(yaml);

const ours: Phases[] = [];
const bare: Phases[] = [];
const node: number[] = [];
// The first of each warms the disk's cache and does not count.
for (let i = 0; i <= runs; i++) {
  const measured = [await measureRun(policy, port), await measureBare(binary, bootstrap, port)] as const;
  const alone = measureNode();
  if (i === 0) continue;
  ours.push(measured[0]);
  bare.push(measured[1]);
  node.push(alone);
}
await fake.close();

const phase = (list: readonly Phases[], name: string): number =>
  median(list.map((phases) => phases[name] ?? Number.NaN));
const total = phase(ours, 'first answer');
const alone = phase(bare, 'first answer');
console.log(`medians of ${runs} runs, in ms since the launch`);
console.log(`${'Node alone (node -e 0)'.padEnd(36)}${median(node).toFixed(0).padStart(6)}`);
for (const name of [...Object.keys(SIGNS), 'first answer']) {
  console.log(`${name.padEnd(36)}${phase(ours, name).toFixed(0).padStart(6)}`);
}
console.log(`${'bare Envoy, first answer'.padEnd(36)}${alone.toFixed(0).padStart(6)}`);
console.log(
  `ratio ${(total / alone).toFixed(2)}, ${(total - alone).toFixed(0)} ms more; target under ${TARGET_MS} ms: ${total < TARGET_MS ? 'met' : 'missed'}`,
);
if (total >= TARGET_MS) process.exitCode = 1;
