/** What limits cost a whole request through Envoy: the same route with and without them, the service a process of its own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { limitsOf } from '../../src/ir/index.ts';
import { createMemoryStore, createRateLimitService } from '../../src/ratelimit/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { startGateway, type TestGateway } from '../../test/support/gateway.ts';
import { freePort, spawnChild, until } from '../../test/support/index.ts';
import { casesFor, type Model } from '../data-path/cases.ts';
import { compare } from '../data-path/compare.ts';
import { pin, type Side, startProvider } from '../data-path/subject.ts';

const POLICY = readFileSync(new URL('../data-path/policy.yaml', import.meta.url), 'utf8');
const RESERVE = { 'headgate.dev/reserve': 'max_tokens' };
const PER_TENANT = [{ headers: [{ name: 'x-tenant', type: 'Distinct' }] }];
const ENOUGH = 4_000_000_000;

/** A bucket for each tenant: asked on arrival, charged at the end, some of them reserve as well. */
const limitsOn = (annotations: object) => ({
  apiVersion: 'gateway.envoyproxy.io/v1alpha1',
  kind: 'BackendTrafficPolicy',
  metadata: { name: 'bench', namespace: 'default', annotations },
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'bench' }],
    rateLimit: {
      global: {
        rules: [
          {
            clientSelectors: PER_TENANT,
            limit: { requests: ENOUGH, unit: 'Year' },
            cost: {
              request: { from: 'Number', number: 0 },
              response: { from: 'Metadata', metadata: { namespace: 'io.envoy.ai_gateway', key: 'llm_total' } },
            },
          },
        ],
      },
    },
  },
});

const quotaOn = (backends: readonly string[], modelName: string, annotations: object) => ({
  apiVersion: 'aigateway.envoyproxy.io/v1alpha1',
  kind: 'QuotaPolicy',
  metadata: { name: 'bench', namespace: 'default', annotations },
  spec: {
    targetRefs: backends.map((name) => ({ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name })),
    perModelQuotas: [
      {
        modelName,
        quota: { bucketRules: [{ clientSelectors: PER_TENANT, quota: { limit: ENOUGH, duration: '1d' } }] },
      },
    ],
  },
});

const LIMITED: readonly { name: string; model: Model; policy: object }[] = [
  { name: 'limit, asked and charged', model: 'single', policy: limitsOn({}) },
  { name: 'limit, reserved and settled', model: 'single', policy: limitsOn(RESERVE) },
  { name: 'quota, asked and charged', model: 'single', policy: quotaOn(['only'], 'single', {}) },
  { name: 'quota, reserved and settled', model: 'single', policy: quotaOn(['only'], 'single', RESERVE) },
  { name: 'quotas of two backends', model: 'failover', policy: quotaOn(['first', 'second'], 'failover', {}) },
];

/** Prints a table of ratios. `program`: the built command. */
export async function printThroughEnvoy(program: string, folder: string, rounds: number): Promise<void> {
  const provider = await startProvider();
  process.once('exit', () => provider.child.kill());
  const open: { stop(): Promise<void> }[] = [];
  console.log('a whole request through Envoy, limited against unlimited, 16 at once\n');
  console.log('| limits | request | CPU us without | with | ratio | p50 ms without | with | p99 ms without | with |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  try {
    const bare = await startSide(provider.port, '', open);
    for (const { name, model, policy } of LIMITED) {
      const full = await startLimited(program, folder, provider.port, JSON.stringify(policy), open);
      const cases = casesFor(model, 0.3).map((one) => ({
        ...one,
        headers: { ...one.headers, 'x-tenant': 'bench' },
      }));
      const [first, ...others] = cases;
      const streamed = others.find((one) => one.streamed);
      for (const one of [first, streamed].flatMap((found) => found ?? [])) {
        const c = await compare({ bare, full, stop: async () => undefined }, one, { rounds, concurrency: 16 });
        const cells = [c.bareP50, c.fullP50, c.bareP99, c.fullP99].map((ms) => ms.toFixed(2));
        const cpu = [c.bareUs.toFixed(0), c.fullUs.toFixed(0), c.ratio.toFixed(2)];
        console.log(`| ${[name, one.name, ...cpu, ...cells].join(' | ')} |`);
      }
    }
  } finally {
    for (const one of open) await one.stop();
    provider.child.kill();
  }
}

async function startSide(provider: number, more: string, open: { stop(): Promise<void> }[]): Promise<Side> {
  const { side, gateway } = await startOne(provider, more, await freePort());
  open.push(gateway);
  return side;
}

async function startLimited(
  program: string,
  folder: string,
  provider: number,
  policy: string,
  open: { stop(): Promise<void> }[],
): Promise<Side> {
  const port = await freePort();
  const { side, gateway } = await startOne(provider, `\n---\n${policy}`, port);
  open.push(gateway);
  const file = join(folder, `limits-${port}.yaml`);
  writeFileSync(file, stringify(limitsOf(gateway.controlPlane.served?.ir ?? { gateways: [] }).domains[0]));
  const admin = await freePort();
  const addresses = ['--address', `127.0.0.1:${port}`, '--admin-address', `127.0.0.1:${admin}`];
  const child = spawnChild(process.execPath, [program, 'ratelimit', '--config', file, ...addresses], {
    stdio: 'ignore',
  });
  open.push({ stop: async () => void child.kill() });
  await until(async () => (await fetch(`http://127.0.0.1:${admin}/healthz`).catch(() => undefined))?.ok, {
    what: 'the service',
  });
  return side;
}

async function startOne(
  provider: number,
  more: string,
  limitsPort: number,
): Promise<{ side: Side; gateway: TestGateway }> {
  const port = await freePort();
  const env = { GATEWAY_PORT: String(port), PROVIDER_PORT: String(provider) };
  // The one in this process never listens.
  const service = createRateLimitService({
    store: createMemoryStore(),
    config: { domains: [] },
    logger: silentLogger,
  });
  const gateway = await startGateway({
    yaml: `${POLICY}${more}`,
    env,
    concurrency: 1,
    rateLimit: { service, port: limitsPort },
  });
  pin(gateway.envoy.pid, 0);
  return { side: { pid: gateway.envoy.pid, port }, gateway };
}
