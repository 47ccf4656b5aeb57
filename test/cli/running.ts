import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, freePorts, spawnChild, stopChild, tempDir, until } from '../support/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const MAIN = join(ROOT, 'dist', 'cli', 'main.js');

/** Flags of each command that stays which take a port of this host. */
const PORTS: Readonly<Record<string, readonly string[]>> = {
  run: ['--xds-address', '--admin-address', '--sentinel-port', '--envoy-admin-address', '--ratelimit-address'],
  serve: ['--xds-address', '--admin-address', '--sentinel-port'],
  processor: ['--admin-address'],
  ratelimit: ['--address', '--admin-address'],
};

/** Makes `dist`, which is what these tests run, of the sources; does nothing where it is that already. */
export function build(): void {
  const built = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
}

/** A command that stays. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly admin: string;
  /** The port that a flag gives it. */
  port(flag: string): number;
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
  const [command = 'run', ...rest] = args;
  const taking = PORTS[command] ?? [];
  const ports = await freePorts(taking.length);
  const given = taking.flatMap((flag, i) => [flag, `${flag.endsWith('port') ? '' : ':'}${ports[i]}`]);
  // What a test names comes last and counts.
  const all = [...given, ...rest];
  const port = (flag: string): number => Number(all[all.lastIndexOf(flag) + 1]?.split(':').at(-1));
  const child = spawnChild(process.execPath, [MAIN, command, ...all], {
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
  const said = (): string => `${out.stdout}\n${out.stderr}`;
  return {
    child,
    stdout: () => out.stdout,
    stderr: () => out.stderr,
    admin: `http://127.0.0.1:${port('--admin-address')}`,
    port,
    ended,
    says: (text) =>
      until(() => (typeof text === 'string' ? said().includes(text) : text.test(said())) && said(), {
        what: () => `${text} from\n${said()}`,
        timeoutMs: 30_000,
      }),
    envoys: () => childrenOf(child.pid ?? -1),
    stop: () => stopChild(child, 40_000),
  };
}

/** Runs the built command to its end. */
export function runOnce(args: readonly string[], input = '') {
  return spawnSync(process.execPath, [MAIN, ...args], { input, encoding: 'utf8', timeout: 60_000 });
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
