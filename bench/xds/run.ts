/**
 * `npm run bench:xds`: Headgate's xDS server and go-control-plane's caches under the same fleet with the same resources.
 * `--large` runs 2,000 clients and other large cases instead; `--case=delta,1000,1000` runs one case only; `--only=headgate` one server.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type Case,
  CHANGES,
  describeCase,
  measure,
  measureStalled,
  measureWithin,
  type Parts,
  type Server,
} from './measure.ts';
import { pinned } from './processes.ts';
import { type Results, renderCase, renderTargets } from './report.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE = fileURLToPath(new URL('baseline', import.meta.url));
const CACHE = join(homedir(), '.cache', 'headgate');
const STALLED_CLIENTS = 200;

const DEFAULT_CASES: readonly Case[] = [
  { variant: 'delta', clients: 1, resources: 100, changes: CHANGES },
  { variant: 'sotw', clients: 1, resources: 100, changes: CHANGES },
  { variant: 'delta', clients: 100, resources: 1000, changes: CHANGES },
  { variant: 'sotw', clients: 100, resources: 1000, changes: CHANGES },
  { variant: 'delta', clients: 1000, resources: 100, changes: CHANGES },
  { variant: 'delta', clients: 1000, resources: 1000, changes: CHANGES },
  { variant: 'sotw', clients: 1000, resources: 1000, changes: ['cluster'] },
  { variant: 'delta', clients: 100, resources: 10_000, changes: ['endpoint'] },
];

const LARGE_CASES: readonly Case[] = [
  { variant: 'delta', clients: 2000, resources: 1000, changes: CHANGES },
  { variant: 'sotw', clients: 2000, resources: 1000, changes: CHANGES },
  { variant: 'sotw', clients: 1000, resources: 100, changes: CHANGES },
  { variant: 'sotw', clients: 100, resources: 10_000, changes: CHANGES },
];

const { values } = parseArgs({
  options: {
    large: { type: 'boolean', default: false },
    case: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    dist: { type: 'string' },
  },
});

await main();

async function main(): Promise<void> {
  const parts = prepare();
  const rounds = Number(values.rounds);
  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`);
  console.log(pinned ? 'server and clients have a core each\n' : 'server and clients share the cores\n');
  const measured: { one: Case; results: Results }[] = [];
  for (const one of chosenCases()) {
    if (values.only !== undefined) {
      console.log(describeCase(one), JSON.stringify(await measure(values.only as Server, one, rounds, parts)));
      continue;
    }
    const results = {
      headgate: await measure('headgate', one, rounds, parts),
      snapshot: await measureWithin('snapshot', one, rounds, parts),
      linear: await measureWithin('linear', one, rounds, parts),
    };
    measured.push({ one, results });
    console.log(renderCase(one, results));
  }
  const stalled = await measureStalled((values.only as Server) ?? 'headgate', STALLED_CLIENTS, 1000, parts);
  if (measured.length === 0) console.log(JSON.stringify(stalled));
  else console.log(renderTargets(measured, { clients: STALLED_CLIENTS, ...stalled }));
}

function chosenCases(): readonly Case[] {
  if (values.case === undefined) return values.large ? LARGE_CASES : DEFAULT_CASES;
  const [variant, clients, resources] = values.case.split(',');
  if (variant !== 'delta' && variant !== 'sotw') throw new Error('--case=delta|sotw,CLIENTS,RESOURCES');
  return [{ variant, clients: Number(clients), resources: Number(resources), changes: CHANGES }];
}

/** Builds what is not built yet: the product, and the Go program once for each version of its source. */
function prepare(): Parts {
  if (values.dist === undefined) execFileSync('node', ['scripts/build.mjs'], { cwd: ROOT, stdio: 'inherit' });
  const hash = createHash('sha256');
  for (const name of readdirSync(SOURCE).sort()) hash.update(readFileSync(join(SOURCE, name)));
  const folder = join(CACHE, `bench-xds-${hash.digest('hex').slice(0, 16)}`);
  const program = join(folder, 'bench-xds');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(program)) {
    const fresh = `${program}.${process.pid}`;
    execFileSync('go', ['build', '-o', fresh, '.'], { cwd: SOURCE, stdio: 'inherit' });
    renameSync(fresh, program);
  }
  return {
    program,
    dist: values.dist ?? join(ROOT, 'dist'),
    resourceFile: (count) => resourceFile(program, folder, count),
  };
}

function resourceFile(program: string, folder: string, count: number): string {
  const file = join(folder, `resources-${count}.jsonl`);
  if (!existsSync(file)) {
    const fresh = `${file}.${process.pid}`;
    execFileSync(program, ['generate', String(count), fresh]);
    renameSync(fresh, file);
  }
  return file;
}
