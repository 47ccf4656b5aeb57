/** Several `headgate serve` on one folder, and one that is started again: to a proxy it makes no difference. */
import { expect } from 'chai';
import { updates } from '../envoy/gitops/updates.ts';
import type { GatewayFacts } from '../envoy/support/objects.ts';
import { type Fake, OPENAI_KEY, startOpenAi } from '../fakes/index.ts';
import { postJson, until } from '../support/index.ts';
import { askForAll, type Holding } from './holding.ts';
import { build, type Running } from './running.ts';
import { makeSite, type Site, synced } from './site.ts';

const VARIANTS = ['delta', 'sotw'] as const;

describe('headgate serve: replicas and restarts', function () {
  this.timeout(120_000);
  let fake: Fake;
  let site: Site;

  before(async () => {
    build();
    fake = await startOpenAi({ name: 'provider' });
  });
  after(() => fake.close());
  beforeEach(async () => {
    site = await makeSite(facts(['a', 'b']));
  });
  afterEach(() => site.stop());

  function facts(models: readonly string[]): Omit<GatewayFacts, 'port'> {
    return {
      backends: { p: { port: fake.port, key: OPENAI_KEY }, q: { port: fake.port, key: OPENAI_KEY } },
      models: Object.fromEntries(models.map((model) => [model, { refs: ['p', 'q'] }])),
    };
  }

  const xdsOf = (running: Running): number => running.port('--xds-address');
  const models = async (...names: string[]): Promise<number[]> => {
    const messages = [{ role: 'user', content: 'Hello' }];
    const answers = await Promise.all(
      names.map((model) => postJson(site.port, '/v1/chat/completions', { model, messages })),
    );
    return answers.map(({ status }) => status);
  };

  it('serve equal versions and bytes of every type, before and after a change', async () => {
    const replicas = [await site.serve(), await site.serve()];
    const all = () => Promise.all(replicas.flatMap((one) => VARIANTS.map((variant) => askForAll(xdsOf(one), variant))));
    const check = ([delta, sotw, otherDelta, otherSotw]: Holding[]): Holding => {
      expect(otherDelta).to.deep.equal(delta);
      expect(otherSotw).to.deep.equal(sotw);
      const types = Object.entries(delta ?? {});
      expect(types).to.have.length(5);
      for (const [type, { version, resources }] of types) {
        expect(Object.keys(resources), type).to.not.be.empty;
        expect(sotw?.[type]?.version, type).to.equal(version);
      }
      return delta ?? {};
    };
    const before = check(await all());
    site.write(facts(['a', 'b', 'c']));
    const after = await until(
      async () => {
        const answers = await all();
        const changed = answers.every((one, i) => i % 2 === 1 || JSON.stringify(one) !== JSON.stringify(before));
        return changed && answers;
      },
      { what: 'both to serve the change' },
    ).then(check);
    const changed = Object.keys(after).filter((type) => after[type]?.version !== before[type]?.version);
    expect(changed).to.deep.equal(['type.googleapis.com/envoy.config.route.v3.RouteConfiguration']);
  });

  it('started again, sends a client what it does not hold, and nothing else', async () => {
    const first = await site.serve();
    const xds = xdsOf(first);
    const held = { delta: await askForAll(xds, 'delta'), sotw: await askForAll(xds, 'sotw') };
    expect(await first.stop()).to.equal(0);
    const second = await site.serve('--xds-address', `:${xds}`);
    expect(await askForAll(xds, 'delta', { before: held.delta, types: 0 })).to.deep.equal({});
    // In SotW it names the version of a type, and holds what it asks for by that.
    expect(await askForAll(xds, 'sotw', { before: held.sotw, types: 0 })).to.deep.equal({});

    await second.stop();
    site.write(facts(['a', 'b', 'c']));
    await site.serve('--xds-address', `:${xds}`);
    const news = await askForAll(xds, 'delta', { before: held.delta, types: 1 });
    expect(Object.keys(news)).to.deep.equal(['type.googleapis.com/envoy.config.route.v3.RouteConfiguration']);
  });

  for (const [variant, signal] of [
    ['delta', 'SIGTERM'],
    ['sotw', 'SIGKILL'],
  ] as const) {
    it(`started again after ${signal}, changes nothing in an Envoy (${variant})`, async () => {
      const first = await site.serve();
      const xds = xdsOf(first);
      const envoy = await site.envoy(xds, { flags: variant === 'sotw' ? ['--sotw'] : [] });
      const versions = await synced(first);
      const before = await updates(envoy);
      first.child.kill(signal);
      expect(await first.ended).to.equal(signal === 'SIGTERM' ? 0 : signal);
      expect(await models('a', 'b')).to.deep.equal([200, 200]);

      const second = await site.serve('--xds-address', `:${xds}`);
      expect(await synced(second)).to.deep.equal(versions);
      const { clusters, routes } = before;
      // In SotW Envoy names no version of endpoints and secrets: they come again, and it finds nothing new in them.
      expect(await updates(envoy)).to.include(variant === 'delta' ? before : { clusters, routes });
      expect(await envoy.stat('listener_manager.listener_modified')).to.equal(0);
      site.write(facts(['a', 'b', 'c']));
      await until(async () => (await models('c'))[0] === 200, { what: 'what is new' });
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
    });
  }
});
