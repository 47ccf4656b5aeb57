/** What is measured: a bare proxy, the gateway with its processor and without it, and a no-op in Go asked as often as the reference or as we ask. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gatewayYaml } from '../../test/envoy/support/objects.ts';
import { startGateway } from '../../test/support/gateway.ts';
import { freePort, spawnChild, startEnvoy, tempDir, until } from '../../test/support/index.ts';
import { startSubject } from '../xds/processes.ts';

export const MODEL = 'claude-sonnet-4-5';
/** Events with words in a streamed answer. */
export const CHUNKS = 200;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE = fileURLToPath(new URL('noop-go', import.meta.url));
const PROVIDER = fileURLToPath(new URL('provider.ts', import.meta.url));

/** Processes that a request costs CPU of. */
export interface Side {
  readonly name: 'bare' | 'headgate' | 'not translated' | 'no-op in Go' | 'no-op, asked as ours';
  readonly port: number;
  /** Chat completions unless said. */
  readonly path?: string;
  readonly envoy: number;
  readonly processor?: number;
}

export async function startSides(): Promise<{ readonly sides: readonly Side[]; stop(): Promise<void> }> {
  execFileSync('node', ['scripts/build.mjs'], { cwd: ROOT, stdio: 'inherit' });
  const provider = await startSubject(1, process.execPath, ['--import', 'tsx', PROVIDER]);
  const providerPort = provider.ready.port ?? 0;
  const bare = await startEnvoy({ bootstrap: plainBootstrap(providerPort) });
  const noop = await startNoop(buildNoop());
  const asked = await startEnvoy({
    bootstrap: plainBootstrap(providerPort, { path: noop.path, filters: AS_REFERENCE }),
  });
  const askedAsOurs = await startEnvoy({
    bootstrap: plainBootstrap(providerPort, { path: noop.path, filters: AS_OURS }),
  });
  const own = await startProcessor();
  const port = await freePort();
  const gateway = await startGateway({
    yaml: gatewayYaml({
      port,
      backends: {
        claude: { port: providerPort, schema: { name: 'Anthropic' }, key: 'sk', keyType: 'AnthropicAPIKey' },
      },
      models: { [MODEL]: { refs: ['claude'] } },
    }),
    compile: { processor: { address: { kind: 'unix', path: own.path } } },
    concurrency: 1,
  });
  for (const pid of [bare.pid, asked.pid, askedAsOurs.pid, gateway.envoy.pid, noop.pid, own.pid]) pin(pid);
  return {
    sides: [
      { name: 'bare', port: await bare.listenerPort('bare'), envoy: bare.pid },
      { name: 'headgate', port, envoy: gateway.envoy.pid, processor: own.pid },
      // The same gateway, asked in the provider's own words: what it costs without a translation.
      { name: 'not translated', port, path: '/anthropic/v1/messages', envoy: gateway.envoy.pid },
      { name: 'no-op in Go', port: await asked.listenerPort('bare'), envoy: asked.pid, processor: noop.pid },
      {
        name: 'no-op, asked as ours',
        port: await askedAsOurs.listenerPort('bare'),
        envoy: askedAsOurs.pid,
        processor: noop.pid,
      },
    ],
    async stop() {
      await gateway.stop();
      await Promise.all([bare.stop(), asked.stop(), askedAsOurs.stop(), provider.stop()]);
      process.kill(noop.pid, 'SIGKILL');
      process.kill(own.pid, 'SIGTERM');
    },
  };
}

function pin(pid: number): void {
  try {
    execFileSync('taskset', ['-acp', '0', String(pid)], { stdio: 'ignore' });
  } catch {
    console.error('taskset does not work here: servers are not pinned to a core');
  }
}

async function startNoop(program: string): Promise<{ pid: number; path: string }> {
  const path = join(tempDir('noop'), 'socket');
  // As the gateway's processor: one core.
  const child = spawnChild(program, ['-socket', path], { stdio: 'ignore', env: { ...process.env, GOMAXPROCS: '1' } });
  await until(() => existsSync(path), { what: 'the no-op to listen' });
  return { pid: child.pid ?? 0, path };
}

async function startProcessor(): Promise<{ pid: number; path: string }> {
  const path = join(tempDir('own'), 'socket');
  const main = join(ROOT, 'dist', 'cli', 'main.js');
  const child = spawnChild(process.execPath, [main, 'processor', '--socket', path], { stdio: 'ignore' });
  await until(() => existsSync(path), { what: 'the processor to listen' });
  return { pid: child.pid ?? 0, path };
}

/** Builds the Go program once for each version of its source. */
function buildNoop(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(SOURCE).sort()) hash.update(readFileSync(join(SOURCE, name)));
  const folder = join(homedir(), '.cache', 'headgate', `bench-processor-${hash.digest('hex').slice(0, 16)}`);
  const program = join(folder, 'noop-go');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(program)) {
    const fresh = `${program}.${process.pid}`;
    execFileSync('go', ['build', '-o', fresh, '.'], { cwd: SOURCE, stdio: 'inherit' });
    renameSync(fresh, program);
  }
  return program;
}

const type = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;

/** The reference asks twice: before it routes for headers and body of the request, and on the attempt for all of the answer. */
function processing(mode: object): object {
  return {
    '@type': type('filters.http.ext_proc.v3.ExternalProcessor'),
    grpc_service: { envoy_grpc: { cluster_name: 'processor' } },
    processing_mode: { request_trailer_mode: 'SKIP', response_trailer_mode: 'SKIP', ...mode },
    allow_mode_override: true,
    message_timeout: '10s',
  };
}

/** Filters that ask: `routing` before a route is chosen, `attempt` on the attempt. */
interface Asking {
  readonly routing?: object;
  readonly attempt: (answers: 'BUFFERED' | 'STREAMED') => object;
}

const AS_REFERENCE: Asking = {
  routing: {
    request_header_mode: 'SEND',
    request_body_mode: 'BUFFERED',
    response_header_mode: 'SKIP',
    response_body_mode: 'NONE',
  },
  attempt: (answers) => ({
    request_header_mode: 'SEND',
    request_body_mode: 'NONE',
    response_header_mode: 'SEND',
    response_body_mode: answers,
  }),
};

/** Bodies alone, and nothing of what else the gateway does: the least that translation by a processor costs. */
const AS_OURS: Asking = {
  attempt: (answers) => ({
    request_header_mode: 'SKIP',
    request_body_mode: 'BUFFERED',
    response_header_mode: 'SKIP',
    response_body_mode: answers,
  }),
};

/** A listener, a route and a cluster with nothing but what forwarding takes. */
function plainBootstrap(
  providerPort: number,
  processor?: { readonly path: string; readonly filters: Asking },
): Record<string, unknown> {
  const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const routeTo = (cluster: string): object => ({ route: { cluster, timeout: '60s' } });
  const routes = processor
    ? [
        { match: { prefix: '/', headers: [{ name: 'x-stream', present_match: true }] }, ...routeTo('streams') },
        { match: { prefix: '/' }, ...routeTo('provider') },
      ]
    : [{ match: { prefix: '/' }, ...routeTo('provider') }];
  const manager = {
    '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'bare',
    route_config: {
      name: 'bare',
      virtual_hosts: [{ name: 'all', domains: ['*'], request_body_buffer_limit: 33_554_432, routes }],
    },
    http_filters: [
      ...(processor?.filters.routing
        ? [{ name: 'ext_proc', typed_config: processing(processor.filters.routing) }]
        : []),
      { name: 'router', typed_config: { '@type': type('filters.http.router.v3.Router') } },
    ],
  };
  const cluster = (name: string, endpoint: object, filters?: readonly object[]): object => ({
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: endpoint } }] }] },
    circuit_breakers: { thresholds: [{ max_requests: 100_000, max_pending_requests: 100_000 }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': type('upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: name === 'processor' ? { http2_protocol_options: {} } : { http_protocol_options: {} },
        ...(filters && { http_filters: filters }),
      },
    },
  });
  const attempt = ({ filters }: { readonly filters: Asking }, answers: 'BUFFERED' | 'STREAMED'): object[] => [
    { name: 'ext_proc', typed_config: processing(filters.attempt(answers)) },
    { name: 'codec', typed_config: { '@type': type('filters.http.upstream_codec.v3.UpstreamCodec') } },
  ];
  return {
    // See docs/decisions.md: Envoy ends otherwise.
    layered_runtime: {
      layers: [{ name: 'static', static_layer: { 'envoy.reloadable_features.grpc_side_stream_flow_control': false } }],
    },
    static_resources: {
      listeners: [
        { name: 'bare', address: address(0), filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] },
      ],
      clusters: [
        cluster('provider', address(providerPort), processor && attempt(processor, 'BUFFERED')),
        ...(processor
          ? [
              cluster('streams', address(providerPort), attempt(processor, 'STREAMED')),
              cluster('processor', { pipe: { path: processor.path } }),
            ]
          : []),
      ],
    },
  };
}
