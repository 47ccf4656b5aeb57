/**
 * Runs the tests, and with --checks the static checks beside them, and closes with `N passed, N failed`.
 *
 *   node scripts/test.mjs [--checks] [--fast] [LANE...]
 *
 * A lane is one process; the lanes of a stage run at the same time. --fast leaves out what needs Envoy, Redis or
 * Kubernetes. A check counts as one test, and so does what goes wrong with a lane as a whole: it breaks, runs no test,
 * takes too long, leaves something running, or skips tests. Exits 1 on any failure and when nothing ran.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const LANE_LIMIT_MS = 20 * 60_000;
/** How long the process of a lane may live on after its last test. */
const LINGER_MS = 10_000;

/** Lanes by the folders of test/ that they run; folders that are not named run in the lane `rest`. */
const STAGES = [
  { fast: true, lanes: { unit: ['unit'], rest: [] } },
  { fast: false, lanes: { envoy: ['envoy'], kube: ['kube', 'cli', 'ratelimit'] } },
];

const CHECKS = [
  { name: 'types', command: 'tsc', args: ['-p', 'tsconfig.json'] },
  {
    name: 'format and lint',
    command: 'biome',
    args: ['ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=30', '.'],
  },
  { name: 'dead code', command: 'knip', args: ['--no-progress', '--no-config-hints'] },
];

/**
 * @typedef {{ passed: number, failed: number }} Counts
 * @typedef {{ status: number | null, text: string, problem?: string }} Ended
 */

/** Processes that run, to be ended with this one. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** @param {import('node:child_process').ChildProcess} child */
function killGroup(child) {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

for (const [signal, code] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])) {
  process.once(signal, () => {
    for (const child of running) killGroup(child);
    process.exit(code);
  });
}

/**
 * Runs a command to its end, or until `isOver` gives a reason to end it.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @param {() => string | undefined} [isOver]
 * @returns {Promise<Ended>}
 */
function run(command, args, env = {}, isOver = () => undefined) {
  return new Promise((resolve) => {
    // A group of its own: mocha starts a second process, and both have to end.
    const child = spawn(command, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    running.add(child);
    let text = '';
    /** @type {string | undefined} */
    let problem;
    const watch = setInterval(() => {
      problem ??= isOver();
      if (problem !== undefined) killGroup(child);
    }, 500);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
    }
    child.on('error', (error) => {
      text += error.message;
    });
    child.on('close', (status) => {
      clearInterval(watch);
      running.delete(child);
      resolve({ status, text, ...(problem === undefined ? {} : { problem }) });
    });
  });
}

/** @returns {Promise<Counts>} */
async function runChecks() {
  const total = { passed: 0, failed: 0 };
  for (const { name, command, args } of CHECKS) {
    const { status, text } = await run(join(root, 'node_modules', '.bin', command), args);
    total[status === 0 ? 'passed' : 'failed'] += 1;
    console.log(`check: ${name}: ${status === 0 ? 'passed' : 'failed'}${status === 0 ? '' : `\n${text.trimEnd()}`}`);
  }
  return total;
}

/**
 * @param {string} name
 * @param {string[]} files
 * @param {string} folder for the counts
 * @returns {Promise<Counts>}
 */
async function runLane(name, files, folder) {
  const started = Date.now();
  const countsFile = join(folder, `${name}.json`);
  let countedAt = 0;
  const isOver = () => {
    if (countedAt === 0 && existsSync(countsFile)) countedAt = Date.now();
    if (countedAt > 0 && Date.now() - countedAt > LINGER_MS) return 'something was left running after the last test';
    return Date.now() - started > LANE_LIMIT_MS ? `it took more than ${LANE_LIMIT_MS / 60_000} minutes` : undefined;
  };
  console.log(`${name}: running ${files.length} files`);
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const reporter = join(root, 'scripts', 'mocha-reporter.cjs');
  const args = [mocha, '--forbid-pending', '--reporter', reporter, ...files];
  const { status, text, problem } = await run(process.execPath, args, { HEADGATE_TEST_COUNTS: countsFile }, isOver);
  const counts = existsSync(countsFile)
    ? JSON.parse(readFileSync(countsFile, 'utf8'))
    : { passed: 0, failed: 0, pending: 0 };
  const problems = problem === undefined ? [] : [problem];
  if (counts.passed + counts.failed === 0) problems.push('no test ran');
  if (counts.pending > 0) problems.push(`${counts.pending} tests are pending`);
  if (status !== 0 && counts.failed === 0 && problems.length === 0) problems.push(`it ended with ${status}`);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed in ${seconds} s`);
  console.log(text.trimEnd());
  for (const one of problems) console.log(`${name}: ${one}`);
  return { passed: counts.passed, failed: counts.failed + problems.length };
}

/** Test files by the lane that runs them. */
function filesByLane() {
  const named = new Map(
    STAGES.flatMap(({ lanes }) => Object.entries(lanes)).flatMap(([lane, folders]) =>
      folders.map((folder) => [folder, lane]),
    ),
  );
  /** @type {Map<string, string[]>} */
  const lanes = new Map();
  for (const entry of readdirSync(join(root, 'test'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.test.ts')) continue;
    const file = relative(root, join(entry.parentPath ?? entry.path, entry.name));
    const lane = named.get(file.split('/')[1] ?? '') ?? 'rest';
    lanes.set(lane, [...(lanes.get(lane) ?? []), file].sort());
  }
  return lanes;
}

/** Builds the Kubernetes API of the lane `kube`: minutes on a new machine, so it starts beside the lanes before it. */
async function buildKubeApi() {
  const { status, text } = await run('bash', [join(root, 'test', 'kube', 'env', 'kube-apiserver.sh')]);
  // The lane itself says so again: it runs the same script.
  if (status !== 0) console.log(`kube: the Kubernetes API cannot be built\n${text.trimEnd()}`);
}

/** @param {string[]} args */
async function main(args) {
  const wanted = args.filter((arg) => !arg.startsWith('--'));
  const files = filesByLane();
  const folder = mkdtempSync(join(tmpdir(), 'headgate-tests-'));
  /** @type {Counts[]} */
  const results = [];
  try {
    /** @param {string} lane */
    const isChosen = (lane) => files.has(lane) && (wanted.length === 0 || wanted.includes(lane));
    const stages = STAGES.filter(({ fast }) => fast || !args.includes('--fast'));
    const usesKube = stages.some(({ lanes }) => Object.keys(lanes).some((lane) => lane === 'kube' && isChosen(lane)));
    const kubeApi = usesKube ? buildKubeApi() : Promise.resolve();
    for (const { fast, lanes } of stages) {
      const chosen = Object.keys(lanes).filter(isChosen);
      const work = chosen.map(async (lane) => {
        if (lane === 'kube') await kubeApi;
        return runLane(lane, files.get(lane) ?? [], folder);
      });
      if (fast && args.includes('--checks')) work.push(runChecks());
      results.push(...(await Promise.all(work)));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  /** @param {keyof Counts} key */
  const sum = (key) => results.reduce((total, counts) => total + counts[key], 0);
  const passed = sum('passed');
  const failed = sum('failed') + (passed + sum('failed') === 0 ? 1 : 0);
  if (failed > 0) process.exitCode = 1;
  console.log(`${passed} passed, ${failed} failed`);
}

await main(process.argv.slice(2));
