/** 1,000 changes of the configuration under constant load: no request is lost, and each is served as configured. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { createStaticSource, readSources } from '../../../src/sources/index.ts';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import {
  type EnvoyProcess,
  freePort,
  type LoadResult,
  loadTest,
  startEnvoy,
  tempDir,
  until,
} from '../../support/index.ts';
import { createWalk, type Walk } from './changes.ts';
import { policyYaml } from './policy.ts';
import { type Plane, startDirectoryPlane, startPlane } from './source.ts';

const CLIENTS = 64;
const KEYS = ['sk-one-of-two', 'sk-two-of-two'];
const MODELS = ['alpha', 'beta', 'gamma', 'delta'];
const SEED = 20_260_101;
/** How long an older configuration may still serve: a change is on its way, requests of before it are in flight. */
const OVERLAP_MS = 5000;

for (const { variant, from, changes } of [
  { variant: 'delta', from: 'memory', changes: 1000 },
  { variant: 'SotW', from: 'memory', changes: 300 },
  { variant: 'delta', from: 'files', changes: 40 },
]) {
  describe(`changes of ${from} under load, ${variant}`, function () {
    this.timeout(300_000);
    const fakes: Fake[] = [];
    let rock: Fake | undefined;
    let driven: Driven | undefined;
    let envoy: EnvoyProcess | undefined;

    before(async () => {
      // Streams that last longer than a change takes, and failures that come late: the next attempt meets other changes.
      const settings = { chunkDelayMs: 50 };
      for (let i = 0; i < 4; i++) fakes.push(await startOpenAi({ name: `fake-${i}`, keys: KEYS, settings }));
      rock = await startOpenAi({ name: 'rock', keys: KEYS, settings });
      fakes.slice(0, 2).forEach((fake) => {
        fake.fault = (_request, n) => (n % 3 === 0 ? { delayMs: 60, status: 503 } : undefined);
      });
    });
    after(async () => {
      await envoy?.stop();
      await driven?.plane.stop();
      await Promise.all([...fakes, rock].map((fake) => fake?.close()));
    });

    it(`loses none of the requests of ${CLIENTS} clients over ${changes} changes`, async () => {
      const port = await freePort();
      const ports = fakes.map((fake) => fake.port);
      const walk = createWalk({ port, ports, keys: KEYS, models: MODELS, rock: rock?.port ?? 0, seed: SEED });
      driven = await (from === 'files' ? driveFiles : driveMemory)(policyYaml(walk.facts));
      const { plane, apply } = driven;
      envoy = await startEnvoy({ bootstrap: plane.bootstrap({ delta: variant === 'delta' }) });
      const history = createHistory(walk, [...fakes, ...(rock ? [rock] : [])]);
      let changing = true;
      const wrong: Record<string, number> = {};
      const load = constantLoad(port, () => changing, history, wrong);
      const seen = new Set<string>();
      for (let i = 0; i < changes; i++) {
        seen.add(walk.step());
        history.note();
        await apply(policyYaml(walk.facts));
        // Some changes follow each other as fast as they compile, some only once Envoy runs the one before.
        if (i % 4 === 0) await plane.synced();
        else await turn();
      }
      await plane.synced();
      changing = false;
      const result = await load;

      expect({ wrong, errors: result.errors }).to.deep.equal({ wrong: {}, errors: {} });
      expect(Object.keys(result.byStatus)).to.deep.equal(['200']);
      expect(result.sent).to.be.greaterThan(changes);
      expect(plane.served.length).to.be.greaterThan(changes * 0.8);
      expect(seen.size).to.be.at.least(changes < 100 ? 8 : 10);
      expect(plane.codes()).to.deep.equal([]);
      expect(fakes.flatMap((fake) => fake.foreignCredentials)).to.deep.equal([]);
      expect(sum(await envoy.stats('update_rejected$'))).to.equal(0);
      // The configuration did change in Envoy, again and again.
      expect(sum(await envoy.stats('rds.*config_reload$'))).to.be.greaterThan(changes / 4);
      // Listeners stay as they are: a change of one would close its connections.
      expect(await envoy.stat('listener_manager.listener_modified')).to.equal(0);
    });
  });
}

/** Which fake answered, and for which backend. */
interface Answerer {
  readonly fake: string;
  readonly backend: string;
}

interface History {
  note(): void;
  /**
   * Whether a model may have been served so between two moments: it referred to the backend and the backend had the
   * fake's endpoint, each at some time. Not both at one time: routes and endpoints reach Envoy apart, and a request
   * that is still under older routes rightly meets a newer endpoint.
   */
  allows(model: string, by: Answerer, fromMs: number, toMs: number): boolean;
}

function createHistory(walk: Walk, fakes: readonly Fake[]): History {
  const portOf = new Map(fakes.map((fake) => [fake.name, fake.port]));
  const entries: (Pick<Walk['facts'], 'models' | 'providers'> & { atMs: number })[] = [];
  const note = (): void => {
    const { models, providers } = walk.facts;
    entries.push({ atMs: performance.now(), models: new Map(models), providers: new Map(providers) });
  };
  note();
  return {
    note,
    allows(model, { fake, backend }, fromMs, toMs) {
      const first = entries.findLastIndex((entry) => entry.atMs <= fromMs);
      const during = entries.slice(Math.max(0, first)).filter((entry) => entry.atMs <= toMs);
      const name = backend.replace('default/', '');
      const port = portOf.get(fake);
      if (port === undefined) return false;
      return (
        during.some(({ models }) => models.get(model)?.some(({ provider }) => provider === name)) &&
        during.some(({ providers }) => providers.get(name)?.ports.includes(port))
      );
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
      const by = {
        fake: response.headers['x-fake'] ?? 'none',
        backend: response.headers['x-headgate-backend'] ?? 'none',
      };
      const isRight = history.allows(model, by, now - response.endAtMs - OVERLAP_MS, now);
      if (!isWhole || !isRight) note(`${model} by ${by.fake} for ${by.backend}${isWhole ? '' : ', not whole'}`);
    },
  });
}

/** A control plane, and how its configuration is changed. */
interface Driven {
  readonly plane: Plane;
  apply(yaml: string): Promise<void>;
}

async function driveMemory(first: string): Promise<Driven> {
  const read = (yaml: string) => readSources(['-'], { env: {}, stdin: async () => yaml });
  const result = await read(first);
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  const source = createStaticSource(result.set);
  return { plane: await startPlane(source), apply: async (yaml) => source.replace(await read(yaml)) };
}

async function driveFiles(first: string): Promise<Driven> {
  const path = join(tempDir('load'), 'policy.yaml');
  let current = first;
  await writeFile(path, first);
  const plane = await startDirectoryPlane(path);
  const apply = async (yaml: string): Promise<void> => {
    if (yaml === current) return;
    current = yaml;
    const before = plane.served.length;
    await writeFile(path, yaml);
    await until(() => plane.served.length > before, { what: 'the file to be read' });
  };
  return { plane, apply };
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}
