/** The xDS server against the real Envoy, in both variants. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { encodeMessage, type Messages } from '../../src/envoy/schema/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { createSnapshot, createXdsServer, type ResourceInput, TYPE, type XdsServer } from '../../src/xds/index.ts';
import { bootstrapFor, type EnvoyProcess, request, startEnvoy, until } from '../support/index.ts';

function encode<T extends keyof Messages>(
  typeUrl: string,
  name: string,
  message: Messages[T],
  requires: { typeUrl: string; name: string }[] = [],
): ResourceInput {
  return { typeUrl, name, value: encodeMessage(typeUrl.slice('type.googleapis.com/'.length), message), requires };
}

function cluster(name: string, connectTimeout: `${number}s` = '1s'): ResourceInput {
  const ads = { ads: {}, resource_api_version: 'V3' } as const;
  return encode<'envoy.config.cluster.v3.Cluster'>(
    TYPE.cluster,
    name,
    { name, type: 'EDS', connect_timeout: connectTimeout, eds_cluster_config: { eds_config: ads } },
    [{ typeUrl: TYPE.endpoints, name }],
  );
}

function endpoints(name: string, port: number): ResourceInput {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return encode<'envoy.config.endpoint.v3.ClusterLoadAssignment'>(TYPE.endpoints, name, {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
  });
}

function routes(name: string, to: string): ResourceInput {
  return encode<'envoy.config.route.v3.RouteConfiguration'>(TYPE.route, name, {
    name,
    virtual_hosts: [
      { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: to, timeout: '5s' } }] },
    ],
  });
}

function listener(name: string, statPrefix = 'in', port = 0): ResourceInput {
  const ads = { ads: {}, resource_api_version: 'V3' } as const;
  return encode<'envoy.config.listener.v3.Listener'>(
    TYPE.listener,
    name,
    {
      name,
      address: { socket_address: { address: '127.0.0.1', port_value: port } },
      filter_chains: [
        {
          filters: [
            {
              name: 'hcm',
              typed_config: {
                '@type':
                  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                stat_prefix: statPrefix,
                rds: { route_config_name: 'r', config_source: ads },
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
}

for (const delta of [false, true]) {
  describe(`xDS with Envoy, ${delta ? 'delta' : 'SotW'}`, () => {
    let upstream: Server;
    let upstreamPort: number;
    let server: XdsServer;
    let xdsPort: number;
    let envoy: EnvoyProcess;

    const create = (): XdsServer => createXdsServer({ resolve: (node) => node.cluster, logger, ackTimeoutMs: 2000 });
    // Envoy answers everything and asks for all it needs: nothing may ever be given up.
    const warnings: string[] = [];
    const logger = createLogger({ level: 'warn', format: 'text', write: (line) => warnings.push(line) });
    const publish = (...resources: ResourceInput[]): void => server.setSnapshot('ns/gw', createSnapshot(resources));
    const synced = (): Promise<true> =>
      until(() => server.nodes()[0]?.synced === true, {
        what: () => `Envoy to accept everything: ${JSON.stringify(server.nodes()[0]?.types, null, 1)}`,
      });
    const base = (): ResourceInput[] => [listener('l'), routes('r', 'a'), cluster('a'), endpoints('a', upstreamPort)];

    before(async () => {
      upstream = createServer((_request, response) => response.end('hello'));
      await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
      upstreamPort = (upstream.address() as AddressInfo).port;
    });
    after(() => upstream.close());
    beforeEach(async () => {
      server = create();
      ({ port: xdsPort } = await server.listen({ host: '127.0.0.1', port: 0 }));
      publish(...base());
      envoy = await startEnvoy({ bootstrap: bootstrapFor({ xdsPort, cluster: 'ns/gw', delta }) });
      await synced();
    });
    afterEach(async () => {
      await envoy.stop();
      await server.close();
      expect(warnings.splice(0).filter((line) => !line.includes('rejected'))).to.deep.equal([]);
    });

    const get = async () => request({ port: await envoy.listenerPort('l'), path: '/' });

    it('serves a request, and reports what it is', async () => {
      expect((await get()).status).to.equal(200);
      const [node] = server.nodes();
      expect(node?.node).to.include({ id: 'test-node', cluster: 'ns/gw', userAgentVersion: '1.40.0' });
      expect(node?.node.extensions.some(({ name }) => name === 'envoy.filters.http.router')).to.equal(true);
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
    });

    it('runs a changed cluster and a changed listener at once', async () => {
      publish(listener('l'), routes('r', 'a'), cluster('a', '3s'), endpoints('a', upstreamPort));
      await until(async () => JSON.stringify(await envoy.configDump()).includes('"connect_timeout":"3s"'), {
        what: 'the changed cluster',
        timeoutMs: 5000,
      });
      // A warming cluster is in the dump too: it must not stay there.
      await until(async () => (await envoy.stat('cluster_manager.warming_clusters')) === 0, {
        what: 'the changed cluster to be active',
        timeoutMs: 5000,
      });
      publish(listener('l', 'changed'), routes('r', 'a'), cluster('a', '3s'), endpoints('a', upstreamPort));
      await until(
        async () => {
          const { configs } = await envoy.configDump('resource=dynamic_listeners');
          const [dumped] = configs as { active_state?: object; warming_state?: object }[];
          return JSON.stringify(dumped?.active_state).includes('"changed"') && dumped?.warming_state === undefined;
        },
        { what: 'the changed listener to be active', timeoutMs: 5000 },
      );
      await synced();
      expect((await get()).status).to.equal(200);
    });

    it('loses no request while clusters are swapped under load', async () => {
      const port = await envoy.listenerPort('l');
      const statuses = new Map<number, number>();
      let running = true;
      const load = Array.from({ length: 4 }, async () => {
        while (running) {
          const { status } = await request({ port, path: '/' });
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      });
      for (let i = 0; i < 15; i++) {
        const name = `c${i}`;
        publish(listener('l'), routes('r', name), cluster(name), endpoints(name, upstreamPort));
        await synced();
      }
      running = false;
      await Promise.all(load);
      expect([...statuses.keys()]).to.deep.equal([200]);
      const names = (await envoy.clusters()).map(({ name }) => name).sort();
      expect(names).to.deep.equal(['c14', 'xds']);
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
    });

    it('tells what Envoy rejected, and recovers', async () => {
      const bad = encode<'envoy.config.cluster.v3.Cluster'>(TYPE.cluster, 'bad', {
        name: 'bad',
        type: 'STRICT_DNS',
        load_assignment: { cluster_name: 'bad', endpoints: [{ lb_endpoints: [{}] }] },
        dns_resolvers: [],
        health_checks: [{ timeout: '1s' }],
      });
      publish(...base(), bad);
      const rejection = await until(
        () => server.nodes()[0]?.types.find((type) => type.typeUrl === TYPE.cluster)?.rejection,
        { what: 'a rejection' },
      );
      expect(rejection.resources).to.deep.equal(['bad']);
      expect(rejection.message).to.match(/^Proto constraint validation failed/);
      expect((await get()).status).to.equal(200);
      publish(...base());
      await synced();
      expect((await get()).status).to.equal(200);
    });

    it('runs at once what changed while the server was away', async () => {
      await server.close();
      server = create();
      publish(listener('l', 'changed'), routes('r', 'a'), cluster('a', '3s'), endpoints('a', upstreamPort));
      await server.listen({ host: '127.0.0.1', port: xdsPort });
      await until(async () => JSON.stringify(await envoy.configDump()).includes('"changed"'), {
        what: 'the changed listener',
        timeoutMs: 10_000,
      });
      await until(
        async () =>
          (await envoy.stat('cluster_manager.warming_clusters')) === 0 &&
          (await envoy.stat('listener_manager.total_listeners_warming')) === 0,
        { what: 'cluster and listener to be active', timeoutMs: 5000 },
      );
      await synced();
      expect((await get()).status).to.equal(200);
    });

    it('gets nothing from a server that restarts with the same content, and goes on', async () => {
      const updates = async () =>
        [
          await envoy.stat('cluster_manager.cds.update_success'),
          await envoy.stat('listener_manager.lds.update_success'),
          await envoy.stat('cluster.a.update_success'),
        ].join();
      const before = await updates();
      await server.close();
      server = create();
      publish(...base());
      await server.listen({ host: '127.0.0.1', port: xdsPort });
      await until(() => server.nodes().length === 1 && server.nodes()[0]?.types.length === 4, {
        what: 'Envoy to come back',
        timeoutMs: 15_000,
      });
      await synced();
      expect(await updates()).to.equal(before);
      publish(...base(), cluster('b'), endpoints('b', upstreamPort));
      await synced();
      expect((await envoy.clusters()).map(({ name }) => name)).to.include('b');
    });
  });
}
