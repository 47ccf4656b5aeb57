/** The real Envoy under a test: started, asked through its admin interface, stopped. */
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findEnvoy } from '../../src/local/envoy-binary.ts';
import { type ClientResponse, request } from './client.ts';
import { spawnChild, stopChild } from './processes.ts';
import { tempDir } from './temp.ts';
import { until } from './until.ts';

/** How to start. */
export interface EnvoyOptions {
  /** The whole bootstrap in ProtoJSON; without `admin` it gets one on a free port. */
  readonly bootstrap: Readonly<Record<string, unknown>>;
  /** Default: the pinned version. */
  readonly version?: string;
  /** Workers; default 1, so that what is kept per worker is kept once. */
  readonly concurrency?: number;
  /** `admin` returns as soon as the admin interface answers, before listeners are there; default `live`. */
  readonly waitFor?: 'live' | 'admin';
  readonly logLevel?: string;
  readonly args?: readonly string[];
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A line of Envoy's log that says warning or worse. */
const ALARM = /\[(warning|error|critical)\]/;

/** A running Envoy. */
export class EnvoyProcess {
  readonly adminPort: number;
  /** Lines of standard error, newest last. */
  readonly log: string[];
  /** Lines of standard output: access logs. */
  readonly stdout: string[];
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, adminPort: number, log: string[], stdout: string[]) {
    this.#child = child;
    this.adminPort = adminPort;
    this.log = log;
    this.stdout = stdout;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Lines of level warning and above. */
  get warnings(): string[] {
    return this.log.filter((line) => ALARM.test(line));
  }

  /** Asks the admin interface. */
  admin(path: string, method: 'GET' | 'POST' = 'GET'): Promise<ClientResponse> {
    return request({ port: this.adminPort, path, method });
  }

  /** The configuration in effect, endpoints included. */
  async configDump(query = 'include_eds'): Promise<{ readonly configs: readonly Record<string, unknown>[] }> {
    const response = await this.admin(`/config_dump${query === '' ? '' : `?${query}`}`);
    return response.json as { configs: Record<string, unknown>[] };
  }

  /** Counters and gauges whose name matches. */
  async stats(filter = ''): Promise<Record<string, number>> {
    const response = await this.admin(`/stats?format=json&filter=${encodeURIComponent(filter)}`);
    const { stats } = response.json as { stats: { name?: string; value?: number }[] };
    const values: Record<string, number> = {};
    for (const { name, value } of stats) if (name !== undefined && value !== undefined) values[name] = value;
    return values;
  }

  /** One counter or gauge; 0 when Envoy does not have it. */
  async stat(name: string): Promise<number> {
    return (await this.stats(`^${name.replaceAll('.', '\\.')}$`))[name] ?? 0;
  }

  /** Every `update_rejected` counter that is not zero: empty when Envoy took all it was given. */
  async rejectedUpdates(): Promise<Record<string, number>> {
    const all = await this.stats('update_rejected$');
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value > 0));
  }

  /** The state of clusters and their hosts. */
  async clusters(): Promise<readonly Record<string, unknown>[]> {
    const { cluster_statuses: statuses } = (await this.admin('/clusters?format=json')).json as {
      cluster_statuses?: Record<string, unknown>[];
    };
    return statuses ?? [];
  }

  /** The port a listener really has, for one that was configured with port 0. */
  async listenerPort(name: string): Promise<number> {
    const { listener_statuses: statuses } = (await this.admin('/listeners?format=json')).json as {
      listener_statuses?: { name: string; local_address: { socket_address: { port_value: number } } }[];
    };
    const port = statuses?.find((listener) => listener.name === name)?.local_address.socket_address.port_value;
    if (port === undefined) throw new Error(`Envoy has no listener ${name}`);
    return port;
  }

  /** Access log lines (standard output) as JSON; lines of other forms are left out. */
  accessLog(): Record<string, unknown>[] {
    return this.stdout
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Sends a signal, for tests in which Envoy dies. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Stops it; returns the exit code or the signal. */
  stop(): Promise<number | NodeJS.Signals | null> {
    return stopChild(this.#child);
  }
}

/** Starts Envoy and waits for it. Errors: throws with the end of the log when it exits or is not ready in time. */
export async function startEnvoy(options: EnvoyOptions): Promise<EnvoyProcess> {
  const binary = await envoyPath(options.version);
  const dir = tempDir('envoy');
  const adminFile = join(dir, 'admin');
  await writeFile(join(dir, 'envoy.json'), JSON.stringify(withAdmin(options.bootstrap)));
  const args = [
    ...['-c', join(dir, 'envoy.json'), '--admin-address-path', adminFile, '--disable-hot-restart'],
    ...['--concurrency', String(options.concurrency ?? 1), '-l', options.logLevel ?? 'warning'],
    // Access logs reach standard output at once instead of after ten seconds.
    ...['--file-flush-interval-msec', '20', '--drain-time-s', '1', ...(options.args ?? [])],
  ];
  const child = spawnChild(binary, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  const log = collectLines(child.stderr);
  const stdout = collectLines(child.stdout);
  const timeoutMs = options.timeoutMs ?? 20_000;
  const what = (): string => `Envoy to start; its log ends with\n${log.slice(-15).join('\n')}`;
  try {
    const address = await until(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return 'exited';
        return (await readFile(adminFile, 'utf8').catch(() => '')).trim() || undefined;
      },
      { what, timeoutMs },
    );
    if (address === 'exited') throw new Error(`waited in vain for ${what()}`);
    const envoy = new EnvoyProcess(child, Number(address.split(':').at(-1)), log, stdout);
    const isReady = async (): Promise<boolean> => {
      const { status } = await envoy.admin('/ready');
      return status === 200 || options.waitFor === 'admin';
    };
    await until(async () => envoy.hasExited || (await isReady()), { what, timeoutMs });
    if (envoy.hasExited) throw new Error(`waited in vain for ${what()}`);
    return envoy;
  } catch (error) {
    await stopChild(child);
    throw error;
  }
}

/** The verdict of `envoy --mode validate`. */
export interface Validation {
  readonly ok: boolean;
  /** What Envoy printed, warnings included. */
  readonly output: string;
}

/** Lets Envoy load a bootstrap without running it. */
export async function validateWithEnvoy(
  bootstrap: Readonly<Record<string, unknown>>,
  options: { readonly version?: string } = {},
): Promise<Validation> {
  const binary = await envoyPath(options.version);
  const path = join(tempDir('validate'), 'envoy.json');
  await writeFile(path, JSON.stringify(withAdmin(bootstrap)));
  const args = ['--mode', 'validate', '-c', path, '--disable-hot-restart', '-l', 'warning'];
  const child = spawnChild(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [collectLines(child.stdout), collectLines(child.stderr)];
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { ok: code === 0, output: lines.flat().join('\n') };
}

const paths = new Map<string, Promise<string>>();

/** The binary of a version, found or fetched once per process. */
export function envoyPath(version = ''): Promise<string> {
  const known = paths.get(version);
  if (known !== undefined) return known;
  // ENVOY_BIN stands for the default version alone: a test that names another one must get that one.
  const options = version === '' ? {} : { version, env: { ...process.env, ENVOY_BIN: undefined } };
  const found = findEnvoy(options).then(({ path }) => path);
  paths.set(version, found);
  return found;
}

function withAdmin(bootstrap: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const admin = { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } };
  return { admin, ...bootstrap };
}

function collectLines(stream: NodeJS.ReadableStream | null): string[] {
  const lines: string[] = [];
  if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  return lines;
}
