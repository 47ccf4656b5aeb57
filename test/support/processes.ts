/** Child processes that never outlive the tests. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// A signal without a listener ends Node without its exit event, and the children would live on.
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** A child process that is killed when this one ends. */
export function spawnChild(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ends a child: SIGTERM, then SIGKILL after the grace time. Returns its exit code, or the signal that ended it. */
export async function stopChild(child: ChildProcess, graceMs = 5_000): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = new AbortController();
    await Promise.race([
      exited,
      sleep(graceMs, undefined, { signal: timer.signal }).then(
        () => child.kill('SIGKILL'),
        () => undefined,
      ),
    ]);
    timer.abort();
    await exited;
  }
  return child.exitCode ?? child.signalCode;
}
