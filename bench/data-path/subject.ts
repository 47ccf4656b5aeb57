/**
 * What is measured: the gateway as the product compiles it, and an Envoy that only forwards. Both are the same binary
 * with one worker, pinned to one core where the system allows it; the provider and the client take the others.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startGateway } from '../../test/support/gateway.ts';
import { freePort, startEnvoy } from '../../test/support/index.ts';

/** One side of a comparison. */
export interface Side {
  readonly pid: number;
  readonly port: number;
}

export interface Subject {
  readonly bare: Side;
  readonly full: Side;
  stop(): Promise<void>;
}

const POLICY = new URL('./policy.yaml', import.meta.url);
const PROVIDER = fileURLToPath(new URL('./provider.ts', import.meta.url));

/** Starts provider, bare proxy and gateway. */
export async function startSubject(): Promise<Subject> {
  const { child, port: providerPort } = await startProvider();
  // A provider that outlives a failed start would keep the terminal busy.
  process.once('exit', () => child.kill());
  const bare = await startEnvoy({ bootstrap: bareBootstrap(providerPort) });
  const port = await freePort();
  const env = { GATEWAY_PORT: String(port), PROVIDER_PORT: String(providerPort) };
  const gateway = await startGateway({ yaml: readFileSync(POLICY, 'utf8'), env, concurrency: 1 });
  const problems = gateway.findings();
  if (problems.length > 0) console.error(problems.join('\n'));
  pin(bare.pid, 0);
  pin(gateway.envoy.pid, 0);
  return {
    bare: { pid: bare.pid, port: await bare.listenerPort('bare') },
    full: { pid: gateway.envoy.pid, port },
    async stop() {
      await gateway.stop();
      await bare.stop();
      child.kill();
    },
  };
}

/** The provider as a process of its own. */
export function startProvider(): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', PROVIDER], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the provider ended with ${code}`)));
    child.stdout.once('data', (line: Buffer) => resolve({ child, port: Number(line.toString()) }));
  });
}

/** Best effort: without it the numbers are the same, only less steady. */
export function pin(pid: number, core: number): void {
  if (availableParallelism() < 2) return;
  try {
    execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
  } catch {
    console.error('taskset does not work here: Envoy is not pinned to a core');
  }
}

/** A listener, a route and a cluster with nothing but what forwarding takes. */
function bareBootstrap(providerPort: number): Record<string, unknown> {
  const type = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;
  const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const route = { match: { prefix: '/' }, route: { cluster: 'provider', timeout: '60s' } };
  const manager = {
    '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'bare',
    route_config: {
      name: 'bare',
      virtual_hosts: [{ name: 'all', domains: ['*'], request_body_buffer_limit: 33_554_432, routes: [route] }],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': type('filters.http.router.v3.Router') } }],
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(providerPort) } }] }];
  return {
    static_resources: {
      listeners: [
        { name: 'bare', address: address(0), filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] },
      ],
      clusters: [{ name: 'provider', type: 'STATIC', load_assignment: { cluster_name: 'provider', endpoints } }],
    },
  };
}
