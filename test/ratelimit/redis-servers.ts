/** Real Redis servers for tests: one, a cluster, or one with its sentinel. */
import { type ChildProcess, execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts, spawnChild, stopChild, tempDir, until } from '../support/index.ts';

const run = promisify(execFile);

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** A command of redis-cli. */
  cli(...args: string[]): Promise<string>;
  /** As a crash would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Ports below 20,000: a node of a cluster takes the one 10,000 above for its bus. */
async function nodePort(): Promise<number> {
  for (;;) {
    const [port = 0] = await freePorts(1);
    if (port < 22_000) return port;
  }
}

/** Starts a server and waits until it answers. */
export async function startRedis(args: readonly string[] = [], fixedPort?: number): Promise<RedisServer> {
  const port = fixedPort ?? (await nodePort());
  const folder = tempDir('redis');
  const common = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawnChild('redis-server', [...common, '--enable-debug-command', 'yes', ...args], { stdio: 'ignore' });
  const server = serverOf(port, child);
  await until(async () => (await server.cli('ping')) === 'PONG', { what: 'Redis' });
  return server;
}

function serverOf(port: number, child: ChildProcess): RedisServer {
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    cli: async (...args) => (await run('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...args])).stdout.trim(),
    kill: () => stopWith(child, 'SIGKILL'),
    stop: async () => void (await stopChild(child)),
  };
}

async function stopWith(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await ended;
}

/** Three masters without replicas. */
export async function startCluster(): Promise<RedisServer[]> {
  const nodes = await Promise.all([1, 2, 3].map(() => startRedis(['--cluster-enabled', 'yes'])));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes']);
  for (const node of nodes) {
    await until(async () => (await node.cli('cluster', 'info')).includes('cluster_state:ok'), { what: 'the cluster' });
  }
  return nodes;
}

/** A sentinel of `master`, whom it calls `main`. */
export async function startSentinel(master: RedisServer): Promise<RedisServer> {
  const [port = 0] = await freePorts(1);
  const folder = tempDir('sentinel');
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 2000',
  ];
  writeFileSync(file, lines.join('\n'));
  const child = spawnChild('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  const server = serverOf(port, child);
  await until(async () => (await server.cli('ping')) === 'PONG', { what: 'the sentinel' });
  return server;
}
