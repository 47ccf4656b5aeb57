/**
 * How long a decision of the service inside `headgate run` waits while the same process reads and compiles a change of
 * many routes: `npx tsx bench/ratelimit/beside-compile.ts [ROUTES]`. Envoy waits 250 ms.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gatewayYaml, object, type RuleFacts } from '../../test/envoy/support/objects.ts';
import { connect } from '../../test/ratelimit/client.ts';
import { freePorts, spawnChild, stopChild, tempDir, until } from '../../test/support/index.ts';

const ROUTES = Number(process.argv[2] ?? 2000);
const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PAUSE_MS = 5;

const [listener = 0, xds = 0, admin = 0, limits = 0, envoyAdmin = 0, sentinel = 0] = await freePorts(6);
const folder = join(tempDir('beside-compile'), 'config');
mkdirSync(folder);
const write = (tenant: string): void => writeFileSync(join(folder, 'all.yaml'), yamlOf(tenant));
write('x-tenant');
const child = spawnChild(
  process.execPath,
  [
    ...[PROGRAM, 'run', folder, '--xds-address', `127.0.0.1:${xds}`, '--admin-address', `127.0.0.1:${admin}`],
    ...['--ratelimit-address', `127.0.0.1:${limits}`, '--envoy-admin-address', `127.0.0.1:${envoyAdmin}`],
    ...['--sentinel-port', String(sentinel), '--log-level', 'warn'],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
try {
  await until(async () => (await synced()) !== undefined, { what: 'Envoy', timeoutMs: 120_000 });
  const client = connect(limits);
  await measure('nothing', async () => sleep(3000));
  for (const n of [1, 2, 3]) {
    await measure(`a change of all limits, ${ROUTES} routes`, async () => {
      const before = await synced();
      write(`x-tenant-${n}`);
      await until(async () => ![undefined, before].includes(await synced()), {
        what: 'the change',
        timeoutMs: 120_000,
      });
    });
  }
  client.close();

  async function measure(what: string, during: () => Promise<void>): Promise<void> {
    const waits: number[] = [];
    let isOver = false;
    const asking = (async () => {
      while (!isOver) {
        const started = performance.now();
        await client.ask({ domain: 'headgate', descriptors: [{ entries: [{ key: 'limit', value: 'x' }] }] });
        waits.push(performance.now() - started);
        await sleep(PAUSE_MS);
      }
    })();
    await during();
    isOver = true;
    await asking;
    waits.sort((a, b) => b - a);
    const shown = waits.slice(0, 8).map((ms) => ms.toFixed(0));
    console.log(`${what}: ${waits.length} decisions, longest waits ${shown.join(', ')} ms`);
  }
} finally {
  await stopChild(child);
}

/** What the Envoy has acknowledged, when it has all. */
async function synced(): Promise<string | undefined> {
  const answer = await fetch(`http://127.0.0.1:${admin}/api/status`).catch(() => undefined);
  if (!answer?.ok) return undefined;
  const { nodes } = (await answer.json()) as { nodes: { synced: boolean; snapshotVersion?: string }[] };
  return nodes[0]?.synced ? nodes[0].snapshotVersion : undefined;
}

function yamlOf(tenant: string): string {
  const nothing = { from: 'Number', number: 0 };
  const total = { from: 'Metadata', metadata: { namespace: 'io.envoy.ai_gateway', key: 'total' } };
  const names = Array.from({ length: ROUTES }, (_, i) => `model-${i}`);
  const rule: RuleFacts = {
    refs: ['one', 'two'],
    route: { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] },
  };
  return gatewayYaml({
    port: listener,
    backends: { one: { port: 9, key: 'sk-bench' }, two: { port: 9, key: 'sk-bench' } },
    models: Object.fromEntries(names.map((name) => [name, rule])),
    extra: names.map((name) =>
      object(
        'gateway.envoyproxy.io/v1alpha1',
        'BackendTrafficPolicy',
        name,
        {
          spec: {
            targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name }],
            rateLimit: {
              global: {
                rules: [
                  {
                    clientSelectors: [{ headers: [{ name: tenant, type: 'Distinct' }] }],
                    limit: { requests: 1000, unit: 'Hour' },
                    cost: { request: nothing, response: total },
                  },
                ],
              },
            },
          },
        },
        { annotations: { 'headgate.dev/reserve': 'max_tokens' } },
      ),
    ),
  });
}
