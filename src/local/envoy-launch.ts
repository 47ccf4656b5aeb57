import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GatewayError } from '../lib/errors.ts';
import { ENVOY_LOG_FORMAT, type EnvoyLogLevel, envoyLevelOf } from './envoy-log.ts';
import { runCommand } from './run-command.ts';

/** One running Envoy: its process id and its end. */
export interface LaunchedEnvoy {
  readonly pid: number;
  /** Resolves with how it ended once its output is read: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

export interface LaunchOptions {
  readonly binary: string;
  readonly args: readonly string[];
  /** A private folder; two named pipes are made in it. */
  readonly directory: string;
  readonly onStdoutLine: (line: string) => void;
  readonly onStderrLine: (line: string) => void;
}

/**
 * Envoy has to end when we are killed with no chance to end it. The shell becomes Envoy; its background child waits on a
 * pipe that we alone hold open. A line on it says that Envoy is gone, its end without a line that we are.
 * Works on any POSIX shell, and leaves no moment in which an Envoy is unwatched. `$$` is Envoy's process id.
 */
const LAUNCHER = `
(if ! read -r line <&3; then kill -TERM $$; sleep 2; kill -KILL $$; fi) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
`;

/** What Envoy is told on its command line. `bootstrap.json` stands in `directory`. */
export function envoyArguments(options: {
  readonly directory: string;
  readonly addressFile: string;
  readonly concurrency?: number;
  readonly logLevel?: EnvoyLogLevel;
}): string[] {
  // Hot restart shares memory by base id and would make two gateways on one machine meet.
  const args = ['--config-path', join(options.directory, 'bootstrap.json'), '--disable-hot-restart'];
  args.push('--admin-address-path', options.addressFile, '--log-level', envoyLevelOf(options.logLevel ?? 'info'));
  args.push('--log-format', ENVOY_LOG_FORMAT, '--log-format-escaped');
  // Every answer ends its connection as soon as a drain begins, so that a stop need not wait for idle ones. The drain
  // time itself stays Envoy's own ten minutes: it also cuts streams of a listener that a new configuration replaced.
  args.push('--drain-strategy', 'immediate');
  if (options.concurrency !== undefined) args.push('--concurrency', String(options.concurrency));
  return args;
}

/** Starts one Envoy. Errors: `envoy_missing` when it cannot be started at all. */
export async function launchEnvoy(options: LaunchOptions): Promise<LaunchedEnvoy> {
  const stdout = await openPipe(join(options.directory, 'stdout'));
  const stderr = await openPipe(join(options.directory, 'stderr'));
  let child: ChildProcess;
  try {
    child = spawn('/bin/sh', ['-c', LAUNCHER, 'headgate-envoy', options.binary, ...options.args], {
      // Its own session: Ctrl-C in a terminal reaches us alone, and we drain it.
      detached: true,
      cwd: options.directory,
      // A DNS server that does not answer would else keep Envoy from starting for ten seconds and more.
      env: { RES_OPTIONS: 'timeout:1 attempts:2', ...process.env },
      stdio: ['ignore', stdout.writerFd, stderr.writerFd, 'pipe'],
    });
  } finally {
    closeSync(stdout.writerFd);
    closeSync(stderr.writerFd);
  }
  const tether = child.stdio[3];
  const exit = new Promise<string>((resolve, reject) => {
    child.once('error', (cause) => reject(new GatewayError('envoy_missing', 'Envoy cannot be started', { cause })));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const read = [readLines(stdout.reader, options.onStdoutLine), readLines(stderr.reader, options.onStderrLine)];
  const ended = exit.then(async (how) => {
    if (tether instanceof Socket) tether.end('gone\n');
    await Promise.all(read);
    return how;
  });
  if (child.pid === undefined) {
    await ended;
    throw new GatewayError('envoy_missing', 'Envoy cannot be started');
  }
  // The shell may be gone before the line is written: its end is what `exit` tells.
  tether?.on('error', () => undefined);
  return { pid: child.pid, ended, kill: (signal) => void child.kill(signal) };
}

/**
 * A named pipe, not Node's own: Node gives a child sockets, and an access log that opens /dev/stdout cannot open a
 * socket again (ENXIO). The reading end is opened first, without waiting, so that opening the other does not wait.
 */
async function openPipe(path: string): Promise<{ readonly reader: Socket; readonly writerFd: number }> {
  await runCommand('mkfifo', ['-m', '600', path], { timeoutMs: 5_000 });
  const readerFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writerFd = openSync(path, constants.O_WRONLY);
  unlinkSync(path);
  return { reader: new Socket({ fd: readerFd, readable: true, writable: false }), writerFd };
}

function readLines(reader: Socket, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    reader.on('error', () => reader.destroy());
    reader.once('close', () => resolve());
    createInterface({ input: reader, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine);
  });
}
