/** Every supported version of Envoy at once on one gateway of one server, in both variants: a fleet in mid-upgrade. */
import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { freePort, type LoadResult, loadTest, postJson, request } from '../../support/index.ts';
import { createWalk, type Walk } from '../gitops/changes.ts';
import { policyYaml } from '../gitops/policy.ts';
import { type Fleet, responsesOf, routesOf, startFleet } from './rig.ts';

/** Versions by what they can do: those of one line get the same. */
const VERSIONS = [['1.36.4'], ['1.37.0'], ['1.38.3'], ['1.39.3'], ['1.40.0']];
const MODELS = ['alpha', 'beta'];
const KEYS = ['sk-one-of-two', 'sk-two-of-two'];
const CHANGES = 14;

const members = VERSIONS.flat().flatMap((version) =>
  [true, false].map((delta) => ({ id: `${version} ${delta ? 'delta' : 'SotW'}`, version, delta })),
);
const chat = (model: string) => ({ model, messages: [{ role: 'user', content: 'Hello' }] });

describe('five versions of Envoy at once', function () {
  this.timeout(240_000);
  const fakes: Fake[] = [];
  let plain: Server;
  let port: number;
  let walk: Walk;
  let fleet: Fleet;
  let paths: Map<string, string>;

  const yaml = (): string => {
    const { port: plainPort } = plain.address() as AddressInfo;
    const { facts } = walk;
    const models = new Map([...facts.models, ['solo', [{ provider: 'rock' }]]]);
    return policyYaml({
      ...facts,
      models,
      providers: new Map([...facts.providers, ['plain', { ports: [plainPort] }]]),
      paths,
    });
  };

  before(async () => {
    for (const name of ['one', 'two', 'rock']) fakes.push(await startOpenAi({ name, keys: KEYS }));
    plain = createServer((_request, response) => response.end('plain'));
    // It never closes a connection that Envoy is about to use again.
    plain.keepAliveTimeout = 0;
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    port = await freePort();
    const [one, two, rock] = fakes.map((fake) => fake.port);
    walk = createWalk({ port, ports: [one ?? 0, two ?? 0], rock: rock ?? 0, keys: KEYS, models: MODELS, seed: 7 });
    paths = new Map([['/plain', 'plain']]);
    fleet = await startFleet(yaml(), members);
  });
  after(async () => {
    await fleet?.stop();
    await Promise.all(fakes.map((fake) => fake.close()));
    await new Promise((resolve) => plain.close(resolve));
  });

  it(`all take ${CHANGES} changes under traffic, and each serves everything`, async () => {
    let running = true;
    const load = lightTraffic(port, () => running);
    for (let i = 0; i < CHANGES; i++) {
      walk.step();
      // What plain routes there are changes too.
      paths.set(`/plain-${i}`, 'plain');
      paths.delete(`/plain-${i - 3}`);
      await fleet.apply(yaml());
      await fleet.synced();
      expect((await request({ port, path: `/plain-${i}` })).text).to.equal('plain');
    }
    running = false;
    const { plainly, models } = await load;
    expect(plainly.errors).to.deep.equal({});
    expect(Object.keys(plainly.byStatus)).to.deep.equal(['200']);
    expect(models.errors).to.deep.equal({});
    expect(Object.keys(models.byStatus)).to.deep.equal(['200']);
    expect(await fleet.rejections()).to.deep.equal({});
  });

  it('answers for every model on every version, and leaves nothing out', async () => {
    const before = new Map(
      await Promise.all(fleet.members.map(async ({ id, envoy }) => [id, await responsesOf(envoy)] as const)),
    );
    const served = async () =>
      new Map(
        await Promise.all(
          fleet.members.map(async ({ id, envoy }) => {
            const now = await responsesOf(envoy);
            const then = before.get(id) ?? now;
            return [id, { '2xx': now['2xx'] - then['2xx'], '5xx': now['5xx'] - then['5xx'] }] as const;
          }),
        ),
      );
    // They share the port, and the kernel chooses among them: until each had its turn.
    let counts = await served();
    for (let i = 0; i < 1000 && [...counts.values()].some((one) => one['2xx'] === 0); i++) {
      for (const model of ['solo', ...MODELS]) {
        const { status, text } = await postJson(port, '/v1/chat/completions', chat(model));
        expect(status, text).to.equal(200);
      }
      if (i % 10 === 0) counts = await served();
    }
    for (const { id } of members) expect(counts.get(id), id).to.include({ '5xx': 0 }).and.not.include({ '2xx': 0 });
    expect(fleet.plane.controlPlane.status().findings).to.deep.equal([]);
  });

  it('tells that all are in sync, with equal versions of equal abilities', async () => {
    const { nodes } = fleet.plane.controlPlane.status();
    const known = await fleet.status();
    expect([...known.keys()].sort()).to.deep.equal(members.map(({ id }) => id).sort());
    const views = new Set<string>();
    for (const versions of VERSIONS) {
      const ids = members.filter(({ version }) => versions.includes(version)).map(({ id }) => id);
      const ofGroup = nodes.filter(({ node }) => ids.includes(node.id));
      expect(ofGroup).to.have.length(ids.length);
      expect(
        ofGroup.every(({ synced, types }) => synced && types.every(({ wanted, acked }) => wanted === acked)),
      ).to.equal(true);
      const [view, ...more] = new Set(ofGroup.map(({ key, snapshotVersion }) => `${key} ${snapshotVersion}`));
      expect(more).to.deep.equal([]);
      views.add(view ?? '');
      const [first, ...rest] = ids.map((id) =>
        Object.fromEntries(
          (known.get(id) ?? []).map((one) => [
            `${one.type_url} ${one.name}`,
            `${one.client_status} ${one.version_info}`,
          ]),
        ),
      );
      expect(Object.keys(first ?? {})).to.not.have.length(0);
      expect(Object.values(first ?? {}).every((status) => status.startsWith('ACKED '))).to.equal(true);
      for (const other of rest) expect(other).to.deep.equal(first);
      expect([...ids.flatMap((id) => known.get(id) ?? [])].every((one) => one.config_status === 'SYNCED')).to.equal(
        true,
      );
      const [routes, ...others] = await Promise.all(
        fleet.members.filter(({ id }) => ids.includes(id)).map(({ envoy }) => routesOf(envoy)),
      );
      expect(routes).to.not.have.length(0);
      expect(others.every((other) => isDeepStrictEqual(other, routes))).to.equal(true);
    }
    expect(views.size).to.equal(VERSIONS.length);
  });
});

/** Two clients for what every version serves, two for models; a connection for each request, so that each Envoy gets some. */
async function lightTraffic(
  port: number,
  whileRunning: () => boolean,
): Promise<{ plainly: LoadResult; models: LoadResult }> {
  const agent = new Agent({ keepAlive: false });
  const common = { concurrency: 2, total: Number.MAX_SAFE_INTEGER, whileRunning };
  const [plainly, models] = await Promise.all([
    loadTest({ ...common, makeRequest: () => ({ port, path: '/plain', agent }) }),
    loadTest({
      ...common,
      makeRequest: (index) => ({
        port,
        path: '/v1/chat/completions',
        body: { ...chat(MODELS[index % MODELS.length] ?? ''), stream: index % 2 === 0 },
        agent,
      }),
    }),
  ]);
  return { plainly, models };
}
