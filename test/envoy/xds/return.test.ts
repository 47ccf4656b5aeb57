/**
 * A server that is killed in the middle of a change, and one that comes back with another policy: an Envoy in SotW may be
 * warming a cluster then that nobody will ever give endpoints. While it does, it asks for no clusters, on the new stream
 * neither, and for 15 s it would run what the killed server was about to change.
 */
import { expect } from 'chai';
import { request, until } from '../../support/index.ts';
import { cluster, endpoints, listener, routes, startRig, virtualHost, type XdsRig } from './rig.ts';

const WARMING = 'cluster_manager.warming_clusters';

describe('xDS with Envoy, SotW: a server that comes back while a cluster is warming', () => {
  let rig: XdsRig | undefined;
  afterEach(() => rig?.close());

  it('sends clusters unasked, so that Envoy drops the one it waits for and follows at once, no request lost', async () => {
    rig = await startRig();
    const { publish, upstreamPort, synced } = rig;
    const upstream = (name: string) => [cluster(name), endpoints(name, upstreamPort)];
    const to = (name: string) => [listener('l', 'r'), routes('r', [virtualHost('all', ['*'], name)])];
    publish(...to('old'), ...upstream('old'));
    const envoy = await rig.envoy(false);
    await synced();
    publish(...to('old'), ...upstream('old'), cluster('never'));
    await until(async () => (await envoy.stat(WARMING)) === 1, { what: 'a cluster that waits' });

    const port = await envoy.listenerPort('l');
    const statuses = new Map<number, number>();
    let running = true;
    const load = (async () => {
      while (running) {
        const { status } = await request({ port, path: '/' });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    })();
    try {
      const killedAt = performance.now();
      await rig.restart(...to('new'), ...upstream('new'), ...upstream('old'));
      await synced();
      const followedAfterMs = performance.now() - killedAt;
      const names = (await envoy.clusters()).map(({ name }) => name);
      expect(names).to.include.members(['new', 'old']).and.not.include('never');
      expect(JSON.stringify(await envoy.configDump())).to.include('"cluster":"new"');
      expect(await envoy.stat(WARMING)).to.equal(0);
      // Less than the time for which Envoy waits for endpoints in vain.
      expect(followedAfterMs).to.be.lessThan(12_000);
    } finally {
      running = false;
      await load;
    }
    expect([...statuses.keys()]).to.deep.equal([200]);
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
  });
});
