/**
 * The life of one Envoy. In one piece, since start, restart and stop share its state and each must know what the others
 * are about; how it is launched, asked and read stands in the files beside this one.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError, InvariantError } from '../lib/errors.ts';
import { beginEnvoyDrain, countActiveRequests, waitUntilLive } from './envoy-admin.ts';
import { envoyArguments, type LaunchedEnvoy, launchEnvoy } from './envoy-launch.ts';
import { type EnvoyLogEntry, type EnvoyLogLevel, parseEnvoyLogLine, parseTakenAddress } from './envoy-log.ts';

/** When a dead Envoy is started again: each quick death in a row doubles the wait, `maxQuickDeaths` of them give up. */
export interface RestartPolicy {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  readonly maxQuickDeaths: number;
  /** An Envoy that was live for this long did not die quickly. */
  readonly quickDeathMs: number;
}

export type EnvoyEvent =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'live'; readonly afterMs: number }
  | { readonly kind: 'died'; readonly how: string; readonly reason: string; readonly restartInMs: number }
  /** A listener could not take its address, which another process holds. Envoy itself goes on. */
  | { readonly kind: 'address-taken'; readonly address: string };

export interface EnvoyProcessOptions {
  readonly binary: string;
  /** Envoy's bootstrap as ProtoJSON; it must have an `admin`. Written to a private folder, so it may name secrets. */
  readonly bootstrap: Readonly<Record<string, unknown>>;
  /** Where the private folder is made: the system's temporary folder by default. */
  readonly baseDir?: string;
  /** Envoy's worker threads; one a core by default. */
  readonly concurrency?: number;
  readonly logLevel?: EnvoyLogLevel;
  readonly onLog?: (entry: EnvoyLogEntry) => void;
  /** Lines of Envoy's standard output: access logs that write to /dev/stdout. */
  readonly onOutputLine?: (line: string) => void;
  readonly onEvent?: (event: EnvoyEvent) => void;
  /** How long one start may take until Envoy is live. */
  readonly startTimeoutMs?: number;
  /** How long requests in flight may go on once `stop` is called. */
  readonly drainTimeoutMs?: number;
  readonly restart?: Partial<RestartPolicy>;
}

/** An Envoy that is kept running until it is stopped. */
export interface EnvoyProcess {
  /** Resolves when Envoy is live. Errors: `port_in_use`, `envoy_died`, `envoy_missing`, `timeout`, `cancelled`. */
  start(signal?: AbortSignal): Promise<void>;
  /** Drains, ends Envoy (by force where it must) and removes the private folder. May be called at any time, and again. */
  stop(): Promise<void>;
  /** Resolves after `stop`; rejects with `envoy_died` when Envoy is given up. */
  readonly finished: Promise<void>;
  readonly pid: number | undefined;
  /** `host:port` where the admin interface listens, once live. */
  readonly adminAddress: string | undefined;
}

const DEFAULT_RESTART: RestartPolicy = {
  firstDelayMs: 250,
  maxDelayMs: 10_000,
  maxQuickDeaths: 5,
  quickDeathMs: 10_000,
};
const POLL_MS = 50;
const KILL_AFTER_MS = 3_000;
/** How a POSIX shell says that a program is not executable or not there. Envoy never ends so. */
const SHELL_CANNOT_START = ['exit code 126', 'exit code 127'];

/** Makes a supervised Envoy; nothing runs before `start`. */
export function createEnvoyProcess(options: EnvoyProcessOptions): EnvoyProcess {
  return new SupervisedEnvoy(options);
}

class SupervisedEnvoy implements EnvoyProcess {
  adminAddress: string | undefined;
  readonly finished: Promise<void>;
  private finish: (error?: GatewayError) => void = () => undefined;
  private readonly options: EnvoyProcessOptions;
  private readonly policy: RestartPolicy;
  private readonly stopping = new AbortController();
  private supervision: Promise<void> | undefined;
  private stopped: Promise<void> | undefined;
  private current: LaunchedEnvoy | undefined;
  private live = false;
  private lastProblem = '';
  private waitsFor: string | undefined;
  private takenAddress: string | undefined;

  constructor(options: EnvoyProcessOptions) {
    if (!('admin' in options.bootstrap)) throw new InvariantError('an Envoy without an admin cannot be supervised');
    this.options = options;
    this.policy = { ...DEFAULT_RESTART, ...options.restart };
    this.finished = new Promise((resolve, reject) => {
      this.finish = (error) => (error === undefined ? resolve() : reject(error));
    });
    // Whoever wants to know awaits `finished`; for the others the failure of `start` or an event says it.
    this.finished.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.current?.pid;
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.supervision !== undefined) throw new InvariantError('an Envoy is started once');
    const timeoutMs = this.options.startTimeoutMs ?? 60_000;
    const deadline = AbortSignal.timeout(timeoutMs);
    const given = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    const firstLive = new Promise<void>((resolve, reject) => {
      this.supervision = this.supervise(resolve).then(
        () => reject(new GatewayError('cancelled', 'Envoy was stopped before it was live')),
        (caught: unknown) => {
          const error = GatewayError.from(caught, 'envoy_died');
          this.finish(error);
          reject(error);
        },
      );
      const onAbort = (): void => {
        if (signal?.aborted) reject(new GatewayError('cancelled', 'the start of Envoy was called off'));
        else reject(new GatewayError('timeout', `Envoy is not live after ${timeoutMs} ms: ${this.waitsFor}`));
      };
      if (given.aborted) onAbort();
      given.addEventListener('abort', onAbort, { once: true });
    });
    try {
      await firstLive;
    } catch (caught) {
      await this.stop();
      throw caught;
    }
  }

  stop(): Promise<void> {
    this.stopped ??= this.drainAndEnd();
    return this.stopped;
  }

  private async drainAndEnd(): Promise<void> {
    this.stopping.abort();
    if (this.live) await this.drain();
    const envoy = this.current;
    envoy?.kill('SIGTERM');
    const force = setTimeout(() => this.current?.kill('SIGKILL'), KILL_AFTER_MS);
    await this.supervision;
    clearTimeout(force);
    this.finish();
  }

  /** Waits for requests in flight; a drain that cannot be asked for is not waited for. */
  private async drain(): Promise<void> {
    const address = this.adminAddress;
    if (address === undefined) return;
    const deadline = AbortSignal.timeout(this.options.drainTimeoutMs ?? 30_000);
    try {
      await beginEnvoyDrain(address, deadline);
      while ((await countActiveRequests(address, deadline)) > 0) await sleep(POLL_MS, undefined, { signal: deadline });
    } catch (caught) {
      const { message } = GatewayError.from(caught, 'timeout');
      const text = deadline.aborted ? 'requests in flight are cut off: the drain took too long' : message;
      this.options.onLog?.({ level: 'warn', component: 'drain', message: text });
    }
  }

  /** Starts Envoy again and again until `stop`. Errors: `port_in_use`, `envoy_died`, `envoy_missing`. */
  private async supervise(onLive: () => void): Promise<void> {
    const directory = await mkdtemp(join(this.options.baseDir ?? tmpdir(), 'headgate-envoy-'));
    try {
      const bootstrap = join(directory, 'bootstrap.json');
      await writeFile(bootstrap, JSON.stringify(this.options.bootstrap), { mode: 0o600 });
      let quickDeaths = 0;
      while (!this.stopping.signal.aborted) {
        const { how, liveForMs } = await this.runOnce(directory, onLive);
        if (this.stopping.signal.aborted) return;
        const delayMs = Math.min(this.policy.firstDelayMs * 2 ** quickDeaths, this.policy.maxDelayMs);
        quickDeaths = liveForMs >= this.policy.quickDeathMs ? 0 : quickDeaths + 1;
        if (quickDeaths >= this.policy.maxQuickDeaths) throw this.givenUp(how, quickDeaths);
        this.options.onEvent?.({ kind: 'died', how, reason: this.lastProblem, restartInMs: delayMs });
        await sleep(delayMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  private givenUp(how: string, deaths: number): GatewayError {
    const reason = this.lastProblem === '' ? '' : `: ${this.lastProblem}`;
    return new GatewayError('envoy_died', `Envoy died ${deaths} times in a row (${how})${reason}`);
  }

  /** One Envoy from its launch to its end. Errors: `port_in_use` when it ended for want of an address. */
  private async runOnce(directory: string, onLive: () => void): Promise<{ how: string; liveForMs: number }> {
    const launchedAt = performance.now();
    let liveAt: number | undefined;
    this.takenAddress = undefined;
    this.lastProblem = '';
    this.waitsFor = undefined;
    const addressFile = join(directory, 'admin-address');
    await rm(addressFile, { force: true });
    const envoy = await launchEnvoy({
      binary: this.options.binary,
      args: envoyArguments({ ...this.options, directory, addressFile }),
      directory,
      onStdoutLine: (line) => this.options.onOutputLine?.(line),
      onStderrLine: (line) => this.takeLogLine(line),
    });
    this.current = envoy;
    if (this.stopping.signal.aborted) envoy.kill('SIGTERM');
    this.options.onEvent?.({ kind: 'started', pid: envoy.pid });
    const gone = new AbortController();
    const onWait = (what: string): void => {
      this.waitsFor = what;
    };
    const watching = waitUntilLive(addressFile, onWait, gone.signal).then((address) => {
      if (address === undefined) return;
      this.adminAddress = address;
      this.live = true;
      this.lastProblem = '';
      liveAt = performance.now();
      this.options.onEvent?.({ kind: 'live', afterMs: Math.round(liveAt - launchedAt) });
      onLive();
    });
    const how = await envoy.ended;
    gone.abort();
    this.live = false;
    this.current = undefined;
    await watching;
    if (SHELL_CANNOT_START.includes(how)) {
      throw new GatewayError('envoy_missing', `${this.options.binary} cannot be started: ${this.lastProblem}`);
    }
    if (liveAt === undefined && this.takenAddress !== undefined && !this.stopping.signal.aborted) {
      throw new GatewayError(
        'port_in_use',
        `Envoy cannot listen on ${this.takenAddress}: the address is already in use`,
      );
    }
    return { how, liveForMs: liveAt === undefined ? 0 : performance.now() - liveAt };
  }

  private takeLogLine(line: string): void {
    if (line === '') return;
    const entry = parseEnvoyLogLine(line);
    // A line that is not the logger's counts only as the first word: Envoy prints its last problem once more, bare.
    const isProblem = entry.component === '' ? this.lastProblem === '' : ['error', 'fatal'].includes(entry.level);
    if (isProblem) this.lastProblem = entry.message;
    const taken = parseTakenAddress(entry.message);
    if (taken !== undefined && taken !== this.takenAddress) {
      this.takenAddress = taken;
      this.options.onEvent?.({ kind: 'address-taken', address: taken });
    }
    this.options.onLog?.(entry);
  }
}
