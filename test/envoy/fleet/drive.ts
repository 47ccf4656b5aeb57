/** A fleet led through changes under steady traffic, with its server killed half way: what the clients saw of it. */
import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { freePorts, type LoadResult, loadTest, until } from '../../support/index.ts';
import { createWalk, type Walk } from '../gitops/changes.ts';
import { policyYaml } from '../gitops/policy.ts';
import { type Fleet, type MemberOptions, startFleet } from './rig.ts';

const KEYS = ['sk-one-of-two', 'sk-two-of-two'];
const MODELS = ['alpha', 'beta', 'gamma', 'delta'];
/** One change of so many is waited for, so that some follow each other as fast as they compile. */
const WAIT_EVERY = 4;
/** Requests that are answered while there is no server. */
const ALONE = 40;

export interface DriveOptions {
  readonly envoys: number;
  /** The Envoys are spread over them; those of one share its port. */
  readonly gateways: number;
  readonly changes: number;
  readonly clients: number;
  readonly seed: number;
  /** Whether the second server knows what the first one served. Default yes. */
  readonly withState?: boolean;
}

export interface Drive {
  readonly load: LoadResult;
  /** Answers that a client must not get, by what they say. */
  readonly wrong: Readonly<Record<string, number>>;
  /** What the Envoys' access logs say of these. */
  readonly logged: readonly string[];
  /** By node, before the server was killed and at the end. */
  readonly rejections: Readonly<Record<string, unknown>>;
  readonly codes: readonly string[];
  /** From a policy that is put in place until every Envoy has acknowledged it, compiling included. */
  readonly convergedMs: readonly number[];
  /** Changes that were applied, by what they are. */
  readonly steps: ReadonlyMap<string, number>;
}

/** A fleet and what is behind it. */
export interface DrivenFleet {
  readonly fleet: Fleet;
  drive(): Promise<Drive>;
  stop(): Promise<void>;
}

/** Starts providers, control plane and Envoys, half of these in SotW. */
export async function startDrivenFleet(options: DriveOptions): Promise<DrivenFleet> {
  const providers = await startProviders();
  const [port = 0, ...others] = await freePorts(options.gateways);
  const names = ['gw', ...others.map((_, i) => `gw-${i + 2}`)];
  const { ports, rock } = providers;
  const walk = createWalk({ port, ports, rock, keys: KEYS, models: MODELS, seed: options.seed });
  const yaml = (): string => {
    const { facts } = walk;
    return policyYaml({
      ...facts,
      others: new Map(others.map((other, i) => [names[i + 1] ?? '', other])),
      providers: new Map([...facts.providers, ['plain', { ports: [providers.plain] }]]),
      paths: new Map([['/plain', 'plain']]),
    });
  };
  const members = Array.from({ length: options.envoys }, (_, i): MemberOptions => {
    const delta = Math.floor(i / options.gateways) % 2 === 0;
    return { id: `envoy-${i}`, delta, gateway: `default/${names[i % options.gateways]}` };
  });
  const { withState = true } = options;
  const fleet = await startFleet(yaml(), members, { withState }).catch(async (error: unknown) => {
    await providers.close();
    throw error;
  });
  return {
    fleet,
    drive: () => drive(fleet, walk, yaml, [port, ...others], options),
    async stop() {
      await fleet.stop();
      await providers.close();
    },
  };
}

async function drive(
  fleet: Fleet,
  walk: Walk,
  yaml: () => string,
  ports: readonly number[],
  { changes, clients }: DriveOptions,
): Promise<Drive> {
  let running = true;
  /** Where it stands, for what goes wrong. */
  let place = '';
  const traffic = steadyTraffic(ports, clients, {
    isRunning: () => running,
    place: () => place,
  });
  const convergedMs: number[] = [];
  const steps = new Map<string, number>();
  const step = (i: number): void => {
    const what = walk.step();
    place = `change ${i}, ${what}`;
    steps.set(what, (steps.get(what) ?? 0) + 1);
  };
  let rejections: Readonly<Record<string, unknown>> = {};
  try {
    for (let i = 0; i < changes; i++) {
      step(i);
      const started = performance.now();
      if (i === Math.floor(changes / 2)) {
        rejections = await fleet.rejections();
        // In the middle of a change, which is another one when a server is there again: that one knows of the first by
        // its state directory alone, for an Envoy in SotW does not tell what it has.
        await fleet.apply(yaml());
        await fleet.kill();
        place = 'no server';
        const before = traffic.answered();
        await until(() => traffic.answered() >= before + ALONE, {
          what: 'requests without a server',
          timeoutMs: 30_000,
        });
        step(i);
        await fleet.restart(yaml());
        await fleet.synced();
        continue;
      }
      await fleet.apply(yaml());
      if (i % WAIT_EVERY > 0) continue;
      await fleet.synced();
      convergedMs.push(performance.now() - started);
    }
    await fleet.synced();
  } finally {
    running = false;
    await traffic.done;
  }
  const codes = fleet.plane.codes();
  rejections = { ...rejections, ...(await fleet.rejections()) };
  const logged = fleet.members.flatMap(({ id, envoy }) =>
    envoy
      .accessLog()
      .filter((entry) => entry.status !== 200)
      .map((entry) => `${id}: ${JSON.stringify(entry)}`),
  );
  return { load: await traffic.done, logged, wrong: traffic.wrong, rejections, codes, convergedMs, steps };
}

/** Streams, whole answers and plain requests; every other request on a connection of its own, so that each Envoy gets some. */
function steadyTraffic(
  ports: readonly number[],
  clients: number,
  { isRunning, place }: { isRunning: () => boolean; place: () => string },
) {
  const fresh = new Agent({ keepAlive: false });
  const wrong: Record<string, number> = {};
  let answered = 0;
  // What a request is like has nothing to do with the gateway that gets it.
  const round = (index: number): number => Math.floor(index / ports.length);
  const isPlain = (index: number): boolean => round(index) % 5 === 0;
  const isStream = (index: number): boolean => !isPlain(index) && round(index) % 3 > 0;
  const done = loadTest({
    concurrency: clients,
    total: Number.MAX_SAFE_INTEGER,
    whileRunning: isRunning,
    makeRequest: (index) => ({
      port: ports[index % ports.length] ?? 0,
      ...(round(index) % 2 === 0 && { agent: fresh }),
      ...(isPlain(index)
        ? { path: '/plain' }
        : {
            path: '/v1/chat/completions',
            body: {
              model: MODELS[round(index) % MODELS.length],
              messages: [{ role: 'user', content: `question ${index}` }],
              stream: isStream(index),
            },
          }),
    }),
    onResponse({ status, text, json }, index) {
      answered += 1;
      const whole = isStream(index) ? text.includes('data: [DONE]') : json !== undefined;
      const isWhole = isPlain(index) ? text === 'plain' : whole;
      if (status === 200 && isWhole) return;
      const what = `${status}${isWhole ? '' : ', not whole'}: ${text.slice(0, 300)} at ${place()}`;
      wrong[what] = (wrong[what] ?? 0) + 1;
    },
  });
  return { done, wrong, answered: () => answered };
}

/** Interchangeable providers of which some fail, one that never does, and a plain service. */
async function startProviders() {
  const settings = { chunkDelayMs: 40 };
  const start = (name: string): Promise<Fake> => startOpenAi({ name, keys: KEYS, settings });
  const fakes = await Promise.all(['one', 'two', 'three', 'four', 'rock'].map(start));
  for (const fake of fakes.slice(0, 2)) {
    fake.fault = (_request, n) => (n % 3 === 0 ? { delayMs: 60, status: 503 } : undefined);
  }
  const plain: Server = createServer((_request, response) => setTimeout(() => response.end('plain'), 40));
  // It never closes a connection that Envoy is about to use again.
  plain.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const all = fakes.map((fake) => fake.port);
  return {
    ports: all.slice(0, -1),
    rock: all.at(-1) ?? 0,
    plain: (plain.address() as AddressInfo).port,
    async close() {
      await Promise.all(fakes.map((fake) => fake.close()));
      await new Promise((resolve) => plain.close(resolve));
    },
  };
}

/** Nothing was lost, nothing rejected, and it was a real journey. */
export function expectNothingLost({ load, wrong, logged, rejections, codes, steps }: Drive, changes: number): void {
  expect({ wrong, logged, errors: load.errors }).to.deep.equal({ wrong: {}, logged: [], errors: {} });
  expect(Object.keys(load.byStatus)).to.deep.equal(['200']);
  expect(load.sent).to.be.greaterThan(changes);
  expect(rejections).to.deep.equal({});
  expect(codes).to.deep.equal([]);
  expect(steps.size).to.be.at.least(8);
}
