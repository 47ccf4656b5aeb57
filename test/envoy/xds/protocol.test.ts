/** What the protocol has beyond everyday use, with the real Envoy on the other side. */
import { expect } from 'chai';
import { type EnvoyProcess, request, until } from '../../support/index.ts';
import {
  ADS,
  cluster,
  endpoints,
  hostOnDemand,
  listener,
  ON_DEMAND,
  routes,
  startRig,
  virtualHost,
  type XdsRig,
} from './rig.ts';

const get = async (envoy: EnvoyProcess, host = 'any.test', name = 'l') =>
  (await request({ port: await envoy.listenerPort(name), path: '/', host })).status;

for (const delta of [false, true]) {
  describe(`xDS with Envoy, ${delta ? 'delta' : 'SotW'}: the protocol's further reaches`, () => {
    let rig: XdsRig | undefined;
    afterEach(async () => {
      await rig?.close();
      rig = undefined;
    });
    const all = (to: string) => [virtualHost('all', ['*'], to)];

    it('moves connections on, and Envoy comes back without a request lost or a resource sent', async () => {
      rig = await startRig({ connectionAge: { maxMs: 1200, graceMs: 200 } });
      rig.publish(listener('l', 'r'), routes('r', all('a')), cluster('a'), endpoints('a', rig.upstreamPort));
      const envoy = await rig.envoy(delta);
      await rig.synced();
      const updates = () => envoy.stat('cluster_manager.cds.update_success');
      const before = await updates();
      const connects = () => envoy.stat('cluster.xds.upstream_cx_total');
      const first = await connects();
      while ((await connects()) < first + 3) expect(await get(envoy)).to.equal(200);
      await until(() => rig?.server.nodes()[0]?.types.length === 4, { what: 'Envoy to be back' });
      await rig.synced();
      expect(await updates()).to.equal(before);
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
    });

    it('finds the routes that Envoy rejects without naming them, and brings the others through', async () => {
      rig = await startRig();
      const { publish, upstreamPort } = rig;
      const base = [cluster('a'), cluster('b'), endpoints('a', upstreamPort), endpoints('b', upstreamPort)];
      const names = ['r1', 'r2', 'r3', 'r4'];
      const listeners = names.map((name) => listener(`l-${name}`, name));
      publish(...base, ...listeners, ...names.map((name) => routes(name, all('a'))));
      const envoy = await rig.envoy(delta);
      await rig.synced();
      const twice = [virtualHost('one', ['same.test'], 'b'), virtualHost('two', ['same.test'], 'b')];
      const to = (name: string) =>
        name === 'r3' ? routes(name, twice) : routes(name, [virtualHost('new', ['*'], 'b')]);
      publish(...base, ...listeners, ...names.map(to));
      const standing = () => rig?.server.nodes()[0]?.types.flatMap(({ rejected }) => rejected.map(({ name }) => name));
      await until(() => standing()?.join() === 'r3', { what: 'r3 to be found' });
      await until(async () => JSON.stringify(await envoy.configDump()).split('"name":"new"').length === 4, {
        what: 'the other three to be there',
      });
      expect(await get(envoy, 'same.test', 'l-r3')).to.equal(200);
      publish(...base, ...listeners, ...names.map((name) => routes(name, all('b'))));
      await rig.synced();
    });

    it('keeps what expires alive, and Envoy drops it once the server is gone', async () => {
      rig = await startRig();
      const mortal = { ...cluster('mortal'), ttlMs: 1500 };
      rig.publish(
        listener('l', 'r'),
        routes('r', all('a')),
        cluster('a'),
        mortal,
        ...['a', 'mortal'].map((name) => endpoints(name, rig?.upstreamPort ?? 0)),
      );
      const envoy = await rig.envoy(delta);
      await rig.synced();
      const has = async () => (await envoy.clusters()).some(({ name }) => name === 'mortal');
      const began = Date.now();
      while (Date.now() - began < 4000) {
        expect(await has()).to.equal(true);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
      await rig.server.close();
      await until(async () => !(await has()), { what: 'the cluster to expire', timeoutMs: 6000 });
      expect(await get(envoy)).to.equal(200);
    });

    it('serves a stream for each type, and swaps clusters under load', async () => {
      rig = await startRig();
      const source = {
        resource_api_version: 'V3',
        api_config_source: {
          api_type: delta ? 'DELTA_GRPC' : 'GRPC',
          transport_api_version: 'V3',
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
        },
      };
      const { publish, upstreamPort, synced } = rig;
      const configuration = (name: string, timeout = '1s') => [
        listener('l', 'r', { source }),
        routes('r', all(name)),
        cluster(name, { source, timeout }),
        endpoints(name, upstreamPort),
      ];
      publish(...configuration('c0'));
      const envoy = await rig.envoy(delta, (bootstrap) => {
        bootstrap.dynamic_resources = { cds_config: source, lds_config: source };
      });
      await synced();
      let running = true;
      const port = await envoy.listenerPort('l');
      const statuses = new Set<number>();
      const load = Array.from({ length: 2 }, async () => {
        while (running) statuses.add((await request({ port, path: '/' })).status);
      });
      for (let i = 1; i <= 8; i++) {
        publish(...configuration(`c${i}`));
        await until(async () => (await envoy.clusters()).some(({ name }) => name === `c${i}`), { what: `c${i}` });
        await synced();
      }
      publish(...configuration('c8', '3s'));
      await until(async () => JSON.stringify(await envoy.configDump()).includes('"connect_timeout":"3s"'), {
        what: 'the changed cluster',
      });
      await until(async () => (await envoy.stat('cluster_manager.warming_clusters')) === 0, {
        what: 'the changed cluster to be active',
        timeoutMs: 5000,
      });
      running = false;
      await Promise.all(load);
      expect([...statuses]).to.deep.equal([200]);
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
    });
  });
}

describe('xDS with Envoy: other ways', () => {
  let rig: XdsRig | undefined;
  afterEach(async () => {
    await rig?.close();
    rig = undefined;
  });

  it('brings virtual hosts on demand, and an end to the wait for those that do not exist', async () => {
    rig = await startRig();
    const { publish, upstreamPort } = rig;
    const base = [
      listener('l', 'r', { filters: [ON_DEMAND] }),
      routes('r', [], { vhds: { config_source: ADS } }),
      cluster('a'),
      endpoints('a', upstreamPort),
    ];
    publish(
      ...base,
      hostOnDemand('r', 'one', ['one.test', 'uno.test'], 'a'),
      hostOnDemand('r', 'two', ['two.test'], 'a'),
    );
    const began = Date.now();
    const envoy = await rig.envoy(true);
    await rig.synced();
    // Without any answer Envoy waits 15 s before it listens.
    expect(Date.now() - began).to.be.lessThan(12_000);
    const hosts = async () => JSON.stringify(await envoy.configDump()).match(/"name":"r\/\w+"/g) ?? [];
    expect(await hosts()).to.deep.equal([]);
    expect(await get(envoy, 'uno.test')).to.equal(200);
    expect(new Set(await hosts())).to.deep.equal(new Set(['"name":"r/one"']));
    expect(await get(envoy, 'one.test')).to.equal(200);
    expect(await get(envoy, 'ghost.test')).to.equal(404);
    publish(...base, hostOnDemand('r', 'two', ['two.test'], 'a'), hostOnDemand('r', 'new', ['ghost.test'], 'a'));
    await rig.synced();
    expect(await get(envoy, 'ghost.test')).to.equal(200);
    expect(await get(envoy, 'two.test')).to.equal(200);
    expect(await get(envoy, 'one.test')).to.equal(404);
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
  });

  it('serves an Envoy that polls over REST', async () => {
    rig = await startRig();
    const { publish, upstreamPort, server } = rig;
    const { port } = await server.listenRest({ host: '127.0.0.1', port: 0 });
    const source = {
      resource_api_version: 'V3',
      api_config_source: {
        api_type: 'REST',
        transport_api_version: 'V3',
        cluster_names: ['rest'],
        refresh_delay: '0.2s',
      },
    };
    const configuration = (name: string) => [
      listener('l', 'r', { source }),
      routes('r', [virtualHost('all', ['*'], name)]),
      cluster(name, { source }),
      endpoints(name, upstreamPort),
    ];
    publish(...configuration('a'));
    const envoy = await rig.envoy(false, (bootstrap) => {
      bootstrap.dynamic_resources = { cds_config: source, lds_config: source };
      const { clusters } = bootstrap.static_resources as { clusters: object[] };
      const address = { socket_address: { address: '127.0.0.1', port_value: port } };
      clusters.push({
        name: 'rest',
        type: 'STATIC',
        connect_timeout: '1s',
        load_assignment: { cluster_name: 'rest', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
      });
    });
    await until(async () => (await get(envoy)) === 200, { what: 'a request to be answered' });
    publish(...configuration('a'), cluster('b', { source }), endpoints('b', upstreamPort));
    await until(async () => (await envoy.clusters()).some(({ name }) => name === 'b'), { what: 'the new cluster' });
    expect(await get(envoy)).to.equal(200);
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
  });
});
