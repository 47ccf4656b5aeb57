import { spawn } from 'node:child_process';
import { GatewayError } from '../lib/errors.ts';

/** What a finished command printed. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_CHARS = 64 * 1024;

/**
 * Runs a short command to its end and returns what it printed.
 * Errors: `not_found` when there is no such command, `timeout` after `timeoutMs`, `cancelled` by the signal,
 * `unavailable` when it exits with anything but 0 (message: the end of its error output).
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
    /** The whole environment of the command; the process's own by default. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  },
): Promise<CommandResult> {
  const { timeoutMs, signal, env } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new GatewayError('cancelled', `${command} was not started`));
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: env ?? process.env });
    let stdout = '';
    let stderr = '';
    let stopped: GatewayError | undefined;
    const stop = (error: GatewayError): void => {
      stopped ??= error;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(
      () => stop(new GatewayError('timeout', `${command} took longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = (): void => stop(new GatewayError('cancelled', `${command} was stopped`));
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-MAX_OUTPUT_CHARS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-MAX_OUTPUT_CHARS);
    });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      settle();
      const code = cause.code === 'ENOENT' || cause.code === 'EACCES' ? 'not_found' : 'unavailable';
      reject(new GatewayError(code, `cannot run ${command}: ${cause.message}`, { cause }));
    });
    // A stopped command's own children may hold its output open for long: its end alone counts then.
    child.on('exit', () => {
      if (stopped === undefined) return;
      settle();
      child.stdout.destroy();
      child.stderr.destroy();
      reject(stopped);
    });
    child.on('close', (exitCode, exitSignal) => {
      settle();
      if (stopped !== undefined) return;
      if (exitCode === 0) return resolve({ stdout, stderr });
      const how = exitSignal === null ? `exit code ${exitCode}` : exitSignal;
      const detail = stderr.trim().split('\n').slice(-4).join('; ');
      reject(new GatewayError('unavailable', `${command} ended with ${how}${detail === '' ? '' : `: ${detail}`}`));
    });
  });
}
