/** A real Kubernetes API for tests, and the little of its REST that they need. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { spawnChild, stopChild } from '../support/index.ts';

const START_TIMEOUT_MS = 60_000;

interface ServerInfo {
  readonly server: string;
  readonly caFile: string;
  readonly adminToken: string;
}

export interface KubeAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface KubeServer {
  post(path: string, body: unknown): Promise<KubeAnswer>;
  stop(): Promise<void>;
}

/** Starts a server that holds the CRDs of the given files and folders. The program must have been built. */
export async function startKube(crdPaths: readonly string[]): Promise<KubeServer> {
  const script = fileURLToPath(new URL('env/start-kube.sh', import.meta.url));
  const apply = crdPaths.flatMap((path) => ['--apply', path]);
  const child = spawnChild(script, ['--exit-with-stdin', '--no-controllers', ...apply], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr?.on('data', (data) => {
    log = (log + data).slice(-4000);
  });
  const info = await new Promise<ServerInfo>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`kube-apiserver did not start:\n${log}`)), START_TIMEOUT_MS);
    child.once('exit', (code) => reject(new Error(`kube-apiserver ended (${code}):\n${log}`)));
    if (!child.stdout) throw new Error('no standard output');
    createInterface({ input: child.stdout }).once('line', (line) => {
      clearTimeout(timer);
      resolve(JSON.parse(line));
    });
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ca: readFileSync(info.caFile) });
  return {
    post: (path, body) => send(agent, info, path, body),
    async stop() {
      agent.destroy();
      await stopChild(child);
    },
  };
}

function send(agent: Agent, info: ServerInfo, path: string, body: unknown): Promise<KubeAnswer> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${info.adminToken}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    const call = request(new URL(path, info.server), { agent, method: 'POST', headers, timeout: 30_000 }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const body: Record<string, unknown> = JSON.parse(Buffer.concat(chunks).toString() || '{}');
        resolve({ status: answer.statusCode ?? 0, body });
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer to POST ${path}`)));
    call.on('error', reject);
    call.end(text);
  });
}
