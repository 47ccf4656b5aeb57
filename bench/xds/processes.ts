/** The processes of the benchmark: answers to commands line by line, and what the kernel says of their cost. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';

type Answer = Record<string, number>;

/** A process that answers each line with one line of JSON. */
export interface Subject {
  /** What it said when it was ready. */
  readonly ready: Answer;
  ask(command: string): Promise<Answer>;
  /** Milliseconds of CPU that all its threads have used. */
  cpuMs(): number;
  /** Megabytes. `peak` is the most there ever was. */
  memory(): { now: number; peak: number };
  stop(): Promise<void>;
}

const canPin = cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0;

/** Whether server and clients run on cores of their own. */
export const pinned = canPin;

/** Starts a process on a core (the first for servers, the second for clients) and waits for its first line. */
export async function startSubject(core: 0 | 1, command: string, args: readonly string[]): Promise<Subject> {
  const [file, rest] = canPin ? ['taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-2000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Answer> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${command} ${args.join(' ')} ended: ${complaints}`);
    return JSON.parse(line.value) as Answer;
  };
  const pid = child.pid ?? 0;
  return {
    ready: await next(),
    ask(text) {
      child.stdin.write(`${text}\n`);
      return next();
    },
    cpuMs: () => cpuOf(pid),
    memory: () => memoryOf(pid),
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

// schedstat of the process itself is that of its first thread only.
function cpuOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [spent] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    nanoseconds += Number(spent);
  }
  return nanoseconds / 1e6;
}

function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { now: kilobytes('VmRSS') / 1024, peak: kilobytes('VmHWM') / 1024 };
}
