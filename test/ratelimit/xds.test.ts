/** Limits that services get from the control plane: envoyproxy/ratelimit as it is, and our own. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { contentHash } from '../../src/lib/hash.ts';
import { testCa } from '../fakes/index.ts';
import { freePorts, spawnChild, stopChild, tempDir, until } from '../support/index.ts';
import { type Client, connect, entries } from './client.ts';
import { type RedisServer, startRedis } from './redis-servers.ts';

const plainRoute = (name: string) => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: default}
spec:
  parentRefs: [{name: edge}, {name: inner}]
  rules:
    - matches: [{path: {value: /${name}}}]
      backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: web}]`;

const inferenceRoute = (name: string) => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: ai, namespace: default}
spec:
  schema: {name: OpenAI}
  backendRef: {name: web, kind: Backend, group: gateway.envoyproxy.io}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${name}, namespace: default}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: ai}]}]`;

/** The policy of a route; `options` are annotations. */
const policy = (name: string, unit: string, requests: number, options = '') => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: ${name}, namespace: default, annotations: {${options}}}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${name}}]
  rateLimit:
    type: Global
    global:
      rules:
        - clientSelectors: [{headers: [{name: x-tenant, type: Distinct}]}]
          limit: {requests: ${requests}, unit: ${unit}}
          cost: {response: {from: Metadata, metadata: {namespace: some, key: thing}}}`;

const gateway = (name: string, port: number) => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: default}
spec:
  gatewayClassName: c
  listeners: [{name: http, protocol: HTTP, port: ${port}}]`;

const source = (requests: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: c}
spec: {controllerName: headgate.dev/gateway-controller}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: web, namespace: default}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: 9}}]}
${gateway('edge', 18081)}${gateway('inner', 18082)}
${plainRoute('plain')}${plainRoute('slow')}${inferenceRoute('reserving')}
${policy('plain', 'Month', requests)}${policy('slow', 'Year', 5, "headgate.dev/window: 'sliding'")}
${policy('reserving', 'Year', 100, "headgate.dev/reserve: '10'")}`;

const bucket = (gatewayName: string, name: string) => {
  const kind = name === 'reserving' ? 'AIGatewayRoute' : 'HTTPRoute';
  return `Gateway/default/${gatewayName}/BackendTrafficPolicy/default/${name}/rule/0/${kind}/default/${name}/rule/0`;
};

const descriptor = (gatewayName: string, name: string, hits: number) =>
  entries({ limit: bucket(gatewayName, name), 'x-tenant': 'a' }, { hits_addend: String(hits) });

async function left(client: Client, gatewayName: string, name: string): Promise<number | undefined> {
  const answer = await client.ask({ domain: 'headgate', descriptors: [descriptor(gatewayName, name, 0)] });
  const [status] = answer.statuses ?? [];
  return status?.current_limit ? (status.limit_remaining ?? 0) : undefined;
}

/** Builds envoyproxy/ratelimit once for each version of it. */
function peerBinary(): string {
  const folder = fileURLToPath(new URL('./envoyproxy/', import.meta.url));
  const sources = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(join(folder, name)));
  const cache = join(homedir(), '.cache', 'headgate');
  const binary = join(cache, `envoyproxy-ratelimit-${contentHash(...sources)}`);
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  const fresh = `${binary}.${process.pid}`;
  execFileSync('go', ['build', '-o', fresh, '.'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(fresh, binary);
  return binary;
}

describe('ratelimit: limits over xDS', function () {
  this.timeout(600_000);
  const children: ReturnType<typeof spawnChild>[] = [];
  const clients: Client[] = [];
  let redis: RedisServer;
  let file: string;
  let xdsPort: number;
  let adminPort: number;
  let binary: string;

  const start = (command: string, args: readonly string[], env: Record<string, string> = {}) => {
    const stdio = ['ignore', 'ignore', process.env.DEBUG_CHILDREN ? 'inherit' : 'ignore'] as const;
    const child = spawnChild(command, args, { stdio: [...stdio], env: { ...process.env, ...env } });
    children.push(child);
    return child;
  };
  const headgate = (...args: string[]) => start(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args]);
  const status = async () => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/api/status`);
    return (await answer.json()) as {
      findings: { code: string; level: string; message: string; object: string }[];
      nodes: { node: { id: string; cluster: string }; waiting: boolean; synced: boolean }[];
    };
  };
  const metrics = async () => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const clientOf = (port: number): Client => {
    const client = connect(port);
    clients.push(client);
    return client;
  };

  before(async () => {
    binary = peerBinary();
    redis = await startRedis();
    [xdsPort = 0, adminPort = 0] = await freePorts(2);
    const ca = await testCa();
    const server = await ca.issue('127.0.0.1');
    const folder = tempDir('limits-xds');
    file = join(folder, 'all.yaml');
    writeFileSync(file, source(3));
    const rules = join(tempDir('rules'), 'rules.yaml');
    writeFileSync(rules, "- {san: all.limits, limits: ['*']}\n- {san: edge.limits, limits: [default/edge]}\n");
    headgate(
      ...['serve', folder, '--xds-address', `127.0.0.1:${xdsPort}`, '--admin-address', `127.0.0.1:${adminPort}`],
      ...['--tls-cert', server.certPath, '--tls-key', server.keyPath, '--tls-client-ca', ca.certPath],
      ...['--authorize', rules],
    );
    await until(async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok, {
      what: 'the control plane',
      timeoutMs: 60_000,
    });
  });
  after(async () => {
    for (const client of clients) client.close();
    await Promise.all(children.map((child) => stopChild(child)));
    await redis.stop();
  });

  /** The peer as its operators run it. Shape: its port. */
  async function startPeer(nodeId: string, san: string): Promise<number> {
    const ca = await testCa();
    const own = await ca.issue(san);
    const [grpc = 0, http = 0, debug = 0] = await freePorts(3);
    start(binary, [], {
      USE_STATSD: 'false',
      DISABLE_STATS: 'true',
      GRPC_HOST: '127.0.0.1',
      GRPC_PORT: String(grpc),
      HOST: '127.0.0.1',
      PORT: String(http),
      DEBUG_HOST: '127.0.0.1',
      DEBUG_PORT: String(debug),
      REDIS_SOCKET_TYPE: 'tcp',
      REDIS_URL: `127.0.0.1:${redis.port}`,
      CONFIG_TYPE: 'GRPC_XDS_SOTW',
      CONFIG_GRPC_XDS_NODE_ID: nodeId,
      CONFIG_GRPC_XDS_SERVER_URL: `127.0.0.1:${xdsPort}`,
      CONFIG_GRPC_XDS_SERVER_USE_TLS: 'true',
      CONFIG_GRPC_XDS_SERVER_TLS_CACERT: ca.certPath,
      CONFIG_GRPC_XDS_CLIENT_TLS_CERT: own.certPath,
      CONFIG_GRPC_XDS_CLIENT_TLS_KEY: own.keyPath,
      FORCE_START_WITHOUT_INITIAL_CONFIG: 'true',
      XDS_CLIENT_BACKOFF_INITIAL_INTERVAL: '200ms',
      XDS_CLIENT_BACKOFF_MAX_INTERVAL: '500ms',
    });
    return grpc;
  }

  it('serves envoyproxy/ratelimit over TLS, and its changes', async () => {
    const client = clientOf(await startPeer('default', 'all.limits'));
    await until(async () => (await left(client, 'edge', 'plain')) === 3, { what: 'limits', timeoutMs: 30_000 });
    const take = () => client.ask({ domain: 'headgate', descriptors: [descriptor('edge', 'plain', 2)] });
    expect((await take()).overall_code).to.equal('OK');
    expect((await take()).overall_code).to.equal('OVER_LIMIT');
    expect(await left(client, 'inner', 'plain')).to.equal(3);
    // A fixed window in the place of a sliding one; what reserves is not there at all.
    expect(await left(client, 'edge', 'slow')).to.equal(5);
    expect(await left(client, 'edge', 'reserving')).to.equal(undefined);
    writeFileSync(file, source(7));
    await until(async () => (await left(client, 'inner', 'plain')) === 7, { what: 'the change', timeoutMs: 30_000 });
    const { nodes, findings } = await status();
    expect(nodes.map(({ node, waiting, synced }) => [node.id, waiting, synced])).to.deep.equal([
      ['default', false, true],
    ]);
    const gaps = findings.filter(({ code }) => code === 'HG0505').map(({ object, level }) => `${level} ${object}`);
    expect([...new Set(gaps)].sort()).to.deep.equal([
      'warning BackendTrafficPolicy/default/reserving',
      'warning BackendTrafficPolicy/default/slow',
    ]);
  });

  it('gives a service the limits of the gateway that its node names, and of none that it may not have', async () => {
    const edge = clientOf(await startPeer('default/edge', 'edge.limits'));
    await startPeer('default/inner', 'edge.limits');
    await until(async () => (await left(edge, 'edge', 'plain')) !== undefined, { what: 'limits', timeoutMs: 30_000 });
    expect(await left(edge, 'inner', 'plain')).to.equal(undefined);
    const { nodes } = await status();
    expect(nodes.map(({ node }) => node.id))
      .to.include('default/edge')
      .and.not.include('default/inner');
    await until(async () => /^xds_node_refused_total [1-9]/m.test(await metrics()), {
      what: 'a refusal',
      timeoutMs: 30_000,
    });
  });

  it('gives our own service all that limits can say, and keeps them there while it is away', async () => {
    const ca = await testCa();
    const own = await ca.issue('all.limits');
    const [port = 0] = await freePorts(1);
    const service = headgate(
      ...['ratelimit', '--xds', `127.0.0.1:${xdsPort}`, '--address', `127.0.0.1:${port}`, '--node-id', 'ours'],
      ...['--xds-tls-ca', ca.certPath, '--xds-tls-cert', own.certPath, '--xds-tls-key', own.keyPath],
    );
    const client = clientOf(port);
    await until(async () => (await left(client, 'edge', 'reserving')) === 100, { what: 'limits', timeoutMs: 30_000 });
    expect(await left(client, 'edge', 'slow')).to.equal(5);
    writeFileSync(file, source(11));
    await until(async () => (await left(client, 'inner', 'plain')) === 11, { what: 'the change', timeoutMs: 30_000 });
    const { nodes } = await status();
    expect(nodes.find(({ node }) => node.id === 'ours')).to.include({ synced: true });
    await stopChild(children[0] as (typeof children)[number]);
    expect(await left(client, 'inner', 'plain')).to.equal(11);
    expect(await stopChild(service)).to.equal(0);
  });
});
