import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, freePorts, spawnChild, stopChild, tempDir, until } from '../support/index.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');

/** A command that stays. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly admin: string;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Waits for text on either output. */
  says(text: string | RegExp): Promise<string>;
  /** Process ids of its Envoys. */
  envoys(): number[];
  stop(): Promise<number | NodeJS.Signals | null>;
}

/** Runs the built command on free ports. */
export async function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const [xds = 0, admin = 0, envoyAdmin = 0, sentinel = 0, limits = 0] = await freePorts(5);
  const [command = 'run', ...rest] = args;
  const ports = ['--xds-address', `:${xds}`, '--admin-address', `:${admin}`, '--sentinel-port', String(sentinel)];
  const ofEnvoy =
    command === 'run' ? ['--envoy-admin-address', `:${envoyAdmin}`, '--ratelimit-address', `:${limits}`] : [];
  // What a test names comes last and counts.
  const child = spawnChild(process.execPath, [MAIN, command, ...ports, ...ofEnvoy, ...rest], {
    cwd: ROOT,
    env: { ...withoutKeys(process.env), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text;
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  const all = (): string => `${out.stdout}\n${out.stderr}`;
  return {
    child,
    stdout: () => out.stdout,
    stderr: () => out.stderr,
    admin: `http://127.0.0.1:${admin}`,
    ended,
    says: (text) =>
      until(() => (typeof text === 'string' ? all().includes(text) : text.test(all())) && all(), {
        what: () => `${text} from\n${all()}`,
        timeoutMs: 30_000,
      }),
    envoys: () => childrenOf(child.pid ?? -1),
    stop: () => stopChild(child, 40_000),
  };
}

/** Runs the built command to its end. */
export function runOnce(args: readonly string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 60_000 });
}

/** A copy of an example in which nothing but ports is different. `port`: of its Gateway. */
export async function exampleOnFreePorts(name: string): Promise<{ readonly folder: string; readonly port: number }> {
  const folder = tempDir(name);
  const from = join(ROOT, 'examples', name);
  const ports = new Map<string, number>();
  for (const file of readdirSync(from)) {
    const text = readFileSync(join(from, file), 'utf8');
    for (const [, port = ''] of text.matchAll(/\bport: (\d+)/g)) ports.set(port, ports.get(port) ?? (await freePort()));
    writeFileSync(
      join(folder, file),
      text.replace(/\bport: (\d+)/g, (_all, port: string) => `port: ${ports.get(port)}`),
    );
  }
  const [, port = ''] = /\bport: (\d+)/.exec(readFileSync(join(folder, 'gateway.yaml'), 'utf8')) ?? [];
  return { folder, port: Number(port) };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The launcher becomes Envoy by `exec`, so that it is a child of the command. */
function childrenOf(pid: number): number[] {
  const table = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' });
  return table.split('\n').flatMap((line) => {
    const [child, parent, name] = line.trim().split(/\s+/);
    return Number(parent) === pid && name === 'envoy' ? [Number(child)] : [];
  });
}

function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(OPENAI|ANTHROPIC|AZURE)_/.test(name)));
}
