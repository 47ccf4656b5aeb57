/** 1,000 changes of the configuration under constant load: no request is lost, and each is served as configured. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { freePort, type LoadResult, loadTest, until } from '../../support/index.ts';
import { createWalk, type Walk } from './changes.ts';
import { policyYaml } from './policy.ts';

const CLIENTS = 64;
const KEYS = ['sk-one-of-two', 'sk-two-of-two'];
const MODELS = ['alpha', 'beta', 'gamma', 'delta'];
const SEED = 20_260_101;
/** How long an older configuration may still serve: a change is on its way, requests of before it are in flight. */
const OVERLAP_MS = 5000;

for (const { variant, changes } of [
  { variant: 'delta', changes: 1000 },
  { variant: 'SotW', changes: 300 },
]) {
  describe(`changes under load, ${variant}`, function () {
    this.timeout(300_000);
    const fakes: Fake[] = [];
    let rock: Fake | undefined;
    let gateway: TestGateway | undefined;

    before(async () => {
      // Streams that last longer than a change takes, and failures that come late: the next attempt meets other changes.
      const settings = { chunkDelayMs: 20 };
      for (let i = 0; i < 4; i++) fakes.push(await startOpenAi({ name: `fake-${i}`, keys: KEYS, settings }));
      rock = await startOpenAi({ name: 'rock', keys: KEYS, settings });
      fakes.slice(0, 2).forEach((fake) => {
        fake.fault = (_request, n) => (n % 3 === 0 ? { delayMs: 60, status: 503 } : undefined);
      });
    });
    after(async () => {
      await gateway?.stop();
      await Promise.all([...fakes, rock].map((fake) => fake?.close()));
    });

    it(`loses none of the requests of ${CLIENTS} clients over ${changes} changes`, async () => {
      const port = await freePort();
      const ports = fakes.map((fake) => fake.port);
      const walk = createWalk({ port, ports, keys: KEYS, models: MODELS, rock: rock?.port ?? 0, seed: SEED });
      const running = await startGateway({ yaml: policyYaml(walk.facts), delta: variant === 'delta' });
      gateway = running;
      const history = createHistory(walk, [...fakes, ...(rock ? [rock] : [])]);
      let changing = true;
      const wrong: Record<string, number> = {};
      const load = constantLoad(port, () => changing, history, wrong);
      const seen = new Set<string>();
      for (let i = 0; i < changes; i++) {
        seen.add(walk.step());
        history.note();
        await running.apply(policyYaml(walk.facts));
        // Some changes follow each other as fast as they compile, some only once Envoy runs the one before.
        if (i % 3 === 0) await until(() => isSynced(running), { what: 'Envoy to take the configuration' });
        else await turn();
      }
      await until(() => isSynced(running), { what: 'Envoy to take the last configuration' });
      changing = false;
      const result = await load;

      expect({ wrong, errors: result.errors }).to.deep.equal({ wrong: {}, errors: {} });
      expect(Object.keys(result.byStatus)).to.deep.equal(['200']);
      expect(result.sent).to.be.greaterThan(changes);
      expect(seen.size).to.equal(10);
      expect(running.findings()).to.deep.equal([]);
      expect(fakes.flatMap((fake) => fake.foreignCredentials)).to.deep.equal([]);
      expect(sum(await running.envoy.stats('update_rejected$'))).to.equal(0);
      // The configuration did change in Envoy, again and again.
      expect(sum(await running.envoy.stats('rds.*config_reload$'))).to.be.greaterThan(changes / 4);
      // Listeners stay as they are: a change of one would close its connections.
      expect(await running.envoy.stat('listener_manager.listener_modified')).to.equal(0);
    });
  });
}

interface History {
  note(): void;
  /** Names of the fakes that may have served a model between two moments. */
  allowed(model: string, fromMs: number, toMs: number): Set<string>;
}

function createHistory(walk: Walk, fakes: readonly Fake[]): History {
  const entries: { atMs: number; served: Map<string, number[]> }[] = [];
  const note = (): void => {
    entries.push({
      atMs: performance.now(),
      served: new Map(MODELS.map((model) => [model, walk.portsOf(model)])),
    });
  };
  note();
  return {
    note,
    allowed(model, fromMs, toMs) {
      const first = entries.findLastIndex((entry) => entry.atMs <= fromMs);
      const during = entries.slice(Math.max(0, first)).filter((entry) => entry.atMs <= toMs);
      const ports = new Set(during.flatMap((entry) => entry.served.get(model) ?? []));
      return new Set(fakes.filter((fake) => ports.has(fake.port)).map((fake) => fake.name));
    },
  };
}

function constantLoad(
  port: number,
  isRunning: () => boolean,
  history: History,
  wrong: Record<string, number>,
): Promise<LoadResult> {
  const note = (what: string): void => {
    wrong[what] = (wrong[what] ?? 0) + 1;
  };
  return loadTest({
    concurrency: CLIENTS,
    total: Number.MAX_SAFE_INTEGER,
    whileRunning: isRunning,
    makeRequest: (index) => ({
      port,
      path: '/v1/chat/completions',
      body: {
        model: MODELS[index % MODELS.length],
        messages: [{ role: 'user', content: `question ${index}` }],
        ...(index % 2 === 0 && { stream: true }),
      },
    }),
    onResponse(response, index) {
      const now = performance.now();
      const model = MODELS[index % MODELS.length] ?? '';
      if (response.status !== 200) {
        note(`${response.status} ${model}: ${response.text.slice(0, 300)}`);
        return;
      }
      const isWhole = index % 2 === 0 ? response.text.includes('data: [DONE]') : response.json !== undefined;
      const fake = response.headers['x-fake'] ?? 'none';
      const isRight = history.allowed(model, now - response.endAtMs - OVERLAP_MS, now).has(fake);
      if (!isWhole || !isRight) note(`${model} by ${fake}${isWhole ? '' : ', not whole'}`);
    },
  });
}

function isSynced(gateway: TestGateway): boolean {
  const { nodes } = gateway.controlPlane.status();
  return nodes.length === 1 && nodes.every((node) => node.synced);
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}
