/** The server keeps from Envoys what Envoys reject, version by version. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { encodeMessage, type Messages } from '../../src/envoy/schema/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { createSnapshot, createXdsServer, type ResourceInput, TYPE, type XdsServer } from '../../src/xds/index.ts';
import { bootstrapFor, type EnvoyProcess, request, startEnvoy, until } from '../support/index.ts';

const OLD_ENVOY = '1.38.3';
const ADS = { ads: {}, resource_api_version: 'V3' } as const;

function encode<T extends keyof Messages>(
  typeUrl: string,
  name: string,
  message: Messages[T],
  requires: { typeUrl: string; name: string }[] = [],
): ResourceInput {
  return { typeUrl, name, value: encodeMessage(typeUrl.slice('type.googleapis.com/'.length), message), requires };
}

function cluster(name: string, port: number): ResourceInput {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return encode<'envoy.config.cluster.v3.Cluster'>(TYPE.cluster, name, {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  });
}

/** A cluster that Envoy refuses: its health check lacks what it needs. */
function badCluster(name: string): ResourceInput {
  return encode<'envoy.config.cluster.v3.Cluster'>(TYPE.cluster, name, {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [] },
    health_checks: [{ timeout: '1s' }],
  });
}

const LISTENER = encode<'envoy.config.listener.v3.Listener'>(
  TYPE.listener,
  'l',
  {
    name: 'l',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [
          {
            name: 'hcm',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'in',
              rds: { route_config_name: 'r', config_source: ADS },
              http_filters: [
                {
                  name: 'router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  },
  [{ typeUrl: TYPE.route, name: 'r' }],
);

type Action = Messages['envoy.config.route.v3.RouteAction'];

function routes(actions: Readonly<Record<string, Action>>): ResourceInput {
  return encode<'envoy.config.route.v3.RouteConfiguration'>(TYPE.route, 'r', {
    name: 'r',
    virtual_hosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: Object.entries(actions).map(([prefix, route]) => ({ match: { prefix }, route })),
      },
    ],
  });
}

/** Envoy 1.40 has it, and none before. */
function newAction(name: string): Action {
  return {
    inline_cluster_specifier_plugin: {
      extension: {
        name: 'envoy.router.cluster_specifier_plugin.priority_group',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier',
          priority_groups: [{ name, clusters: [{ cluster_name: name, weight: 1 }] }],
        },
      },
    },
  };
}

for (const delta of [false, true]) {
  describe(`last accepted with Envoy, ${delta ? 'delta' : 'SotW'}`, function () {
    this.timeout(60_000);
    const upstreams: Server[] = [];
    const ports: Record<string, number> = {};
    const envoys: EnvoyProcess[] = [];
    let server: XdsServer;
    let xdsPort: number;

    before(async () => {
      for (const name of ['one', 'two']) {
        const upstream = createServer((_request, response) => response.end(name));
        await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
        upstreams.push(upstream);
        ports[name] = (upstream.address() as AddressInfo).port;
      }
    });
    after(() => {
      for (const upstream of upstreams) upstream.close();
    });
    beforeEach(async () => {
      server = createXdsServer({
        resolve: ({ cluster, userAgentVersion }) => `${cluster}@${userAgentVersion}`,
        logger: silentLogger,
        lastAccepted: true,
      });
      ({ port: xdsPort } = await server.listen({ host: '127.0.0.1', port: 0 }));
    });
    afterEach(async () => {
      await Promise.all(envoys.splice(0).map((envoy) => envoy.stop()));
      await server.close();
    });

    function publish(...resources: ResourceInput[]): void {
      const all = [LISTENER, cluster('one', ports.one ?? 0), ...resources];
      for (const version of ['1.40.0', OLD_ENVOY]) server.setSnapshot(`gw@${version}`, createSnapshot(all));
    }

    async function start(nodeId: string, version?: string): Promise<EnvoyProcess> {
      const bootstrap = bootstrapFor({ xdsPort, cluster: 'gw', nodeId, delta });
      const envoy = await startEnvoy({ bootstrap, ...(version !== undefined && { version }) });
      envoys.push(envoy);
      return envoy;
    }

    const synced = () =>
      until(() => server.nodes().every((node) => node.synced), {
        what: () => `all to be in step: ${JSON.stringify(server.nodes().map(({ types }) => types))}`,
      });
    const get = async (envoy: EnvoyProcess, path = '/') => {
      const { status, text } = await request({ port: await envoy.listenerPort('l'), path });
      return status === 200 ? text : String(status);
    };

    it('what only one version rejects stays away from that version alone', async () => {
      publish(routes({ '/': { cluster: 'one' } }));
      const [newest, old] = [await start('newest'), await start('old', OLD_ENVOY)];
      await synced();
      expect([await get(newest), await get(old)]).to.deep.equal(['one', 'one']);

      publish(cluster('two', ports.two ?? 0), routes({ '/': newAction('two') }));
      await until(() => server.withheld().length > 0, { what: 'the rejection' });
      await synced();
      expect(server.withheld()).to.have.length(1);
      expect(server.withheld()[0]).to.include({
        key: `gw@${OLD_ENVOY}`,
        name: 'r',
        nodeId: 'old',
        instead: 'accepted',
      });
      expect([await get(newest), await get(old)]).to.deep.equal(['two', 'one']);
      const names = (await old.clusters()).map(({ name }) => name);
      expect(names).to.include.members(['one', 'two']);

      const [newest2, old2] = [await start('newest-2'), await start('old-2', OLD_ENVOY)];
      await synced();
      expect([await get(newest2), await get(old2)]).to.deep.equal(['two', 'one']);
      for (const envoy of [newest, newest2, old2]) expect(await envoy.rejectedUpdates()).to.deep.equal({});

      publish(cluster('two', ports.two ?? 0), routes({ '/': { cluster: 'two' } }));
      await until(async () => (await get(old)) === 'two', { what: 'the old one to move on' });
      await synced();
      expect(server.withheld()).to.deep.equal([]);
    });

    it('a new cluster that is rejected fails its own routes alone, on new proxies too', async () => {
      publish(routes({ '/': { cluster: 'one' } }));
      const running = await start('running');
      await synced();
      publish(
        cluster('two', ports.two ?? 0),
        badCluster('bad'),
        routes({ '/two': { cluster: 'two' }, '/bad': { cluster: 'bad' }, '/': { cluster: 'one' } }),
      );
      await until(() => server.withheld().length > 0, { what: 'the rejection' });
      await synced();
      expect(server.withheld()[0]).to.include({ name: 'bad', instead: 'nothing' });
      const fresh = await start('fresh');
      await synced();
      for (const envoy of [running, fresh]) {
        expect([await get(envoy), await get(envoy, '/two'), await get(envoy, '/bad')]).to.deep.equal([
          'one',
          'two',
          '503',
        ]);
      }
      expect(await fresh.rejectedUpdates()).to.deep.equal({});
      publish(cluster('bad', ports.two ?? 0), routes({ '/bad': { cluster: 'bad' }, '/': { cluster: 'one' } }));
      for (const envoy of [running, fresh]) {
        await until(async () => (await get(envoy, '/bad')) === 'two', { what: 'the cluster that is good now' });
      }
      await synced();
      expect(server.withheld()).to.deep.equal([]);
    });

    it('a change goes to one of four first, and a rejection stops it there', async () => {
      await server.close();
      server = createXdsServer({
        resolve: ({ cluster, userAgentVersion }) => `${cluster}@${userAgentVersion}`,
        logger: silentLogger,
        lastAccepted: true,
        rollout: { share: 0.25, pauseMs: 1500 },
      });
      ({ port: xdsPort } = await server.listen({ host: '127.0.0.1', port: 0 }));
      const two = cluster('two', ports.two ?? 0);
      publish(two, routes({ '/': { cluster: 'one' } }));
      const all: EnvoyProcess[] = [];
      for (let i = 0; i < 4; i++) all.push(await start(`e${i}`));
      await synced();
      const served = async (path = '/') => (await Promise.all(all.map((envoy) => get(envoy, path)))).sort();
      const phase = () => server.rollouts()[0]?.phase;

      publish(two, routes({ '/': { cluster: 'two' } }));
      await until(() => phase() === 'pausing', { what: 'the first to accept it' });
      expect(await served()).to.deep.equal(['one', 'one', 'one', 'two']);
      await until(() => phase() === undefined, { what: 'the rest to follow' });
      await synced();
      expect(await served()).to.deep.equal(['two', 'two', 'two', 'two']);

      publish(two, badCluster('bad'), routes({ '/new': { cluster: 'one' }, '/': { cluster: 'two' } }));
      await until(() => phase() === 'stopped', { what: 'the rejection' });
      await until(async () => (await served('/new')).includes('one'), { what: 'the good rest where it is tried' });
      await new Promise((resolve) => setTimeout(resolve, 2000));
      expect([phase(), ...(await served('/new'))]).to.deep.equal(['stopped', 'one', 'two', 'two', 'two']);

      publish(two, routes({ '/new': { cluster: 'one' }, '/': { cluster: 'two' } }));
      await until(async () => (await served('/new')).join() === 'one,one,one,one', { what: 'all to follow' });
    });

    it('a changed cluster that is rejected keeps serving as it was', async () => {
      publish(cluster('two', ports.two ?? 0), routes({ '/': { cluster: 'two' } }));
      const running = await start('running');
      await synced();
      publish(badCluster('two'), routes({ '/': { cluster: 'two' }, '/one': { cluster: 'one' } }));
      await until(() => server.withheld().length > 0, { what: 'the rejection' });
      const fresh = await start('fresh');
      await synced();
      for (const envoy of [running, fresh]) expect(await get(envoy)).to.equal('two');
      expect(await fresh.rejectedUpdates()).to.deep.equal({});
    });
  });
}
