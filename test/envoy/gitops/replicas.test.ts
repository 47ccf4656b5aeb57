/** Several control planes on one source: to a proxy it makes no difference which one it asks. */
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { type EnvoyProcess, freePort, postJson, startEnvoy, tempDir, until } from '../../support/index.ts';
import { gatewayYaml, providerYaml, routeYaml } from './policy.ts';
import { type Plane, startDirectoryPlane, writeFiles } from './source.ts';
import { updates } from './updates.ts';

const MODELS = ['a', 'b', 'c'];

/** A port that leads to one of several, as a load balancer would have it. */
async function startSwitch(first: number) {
  let target = first;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const upstream = connectTcp(target, '127.0.0.1');
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    /** Ends all connections; the next ones lead to that port. */
    moveTo(next: number) {
      target = next;
      for (const socket of sockets) socket.destroy();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe('replicas', function () {
  this.timeout(60_000);
  let fake: Fake;
  let port: number;
  let folder: string;
  let planes: [Plane, Plane];
  let balancer: Awaited<ReturnType<typeof startSwitch>>;
  let envoy: EnvoyProcess;

  before(async () => {
    fake = await startOpenAi({ name: 'provider' });
  });
  after(() => fake.close());
  beforeEach(async () => {
    port = await freePort();
    folder = tempDir('replicas');
    await writeFiles(folder, files());
    planes = [await startDirectoryPlane(folder), await startDirectoryPlane(folder)];
    balancer = await startSwitch(planes[0].xds.port);
  });
  afterEach(async () => {
    await envoy.stop();
    balancer.close();
    await Promise.all(planes.map((plane) => plane.stop()));
  });

  function files(models = MODELS): Record<string, string> {
    return {
      'gateway.yaml': gatewayYaml(port),
      'provider.yaml': providerYaml('p', { ports: [fake.port] }),
      ...Object.fromEntries(models.map((model) => [`${model}.yaml`, routeYaml(model, [{ provider: 'p' }])])),
    };
  }

  const statusOf = async (model: string): Promise<number> => {
    const messages = [{ role: 'user', content: 'Hello' }];
    return (await postJson(port, '/v1/chat/completions', { model, messages })).status;
  };

  for (const delta of [true, false]) {
    it(`serve the same versions, so that a proxy that moves gets nothing anew (${delta ? 'delta' : 'SotW'})`, async () => {
      const [one, two] = planes;
      const { node, ...bootstrap } = one.bootstrap({ delta });
      envoy = await startEnvoy({ bootstrap: { node, ...leadTo(bootstrap, one.xds.port, balancer.port) } });
      await one.synced();
      const before = await updates(envoy);
      const wanted = versions(one);

      balancer.moveTo(two.xds.port);
      await two.synced();
      await until(() => one.controlPlane.status().nodes.length === 0, { what: 'it to have left' });
      expect(versions(two)).to.deep.equal(wanted);
      const { clusters, routes } = before;
      // In SotW the types that are not complete sets are answered again, and Envoy finds nothing new in them.
      expect(await updates(envoy)).to.include(delta ? before : { clusters, routes });
      expect(await envoy.stat('listener_manager.listener_modified')).to.equal(0);

      // A change reaches both; the proxy hears of it once, and nothing when it moves back.
      await writeFiles(folder, files([...MODELS, 'd']));
      await until(async () => (await statusOf('d')) === 200, { what: 'the change' });
      await two.synced();
      const after = await updates(envoy);
      await until(() => one.controlPlane.served?.revision.hash === two.controlPlane.served?.revision.hash, {
        what: 'both to serve it',
      });
      const next = versions(two);
      balancer.moveTo(one.xds.port);
      await one.synced();
      expect(versions(one)).to.deep.equal(next);
      expect(await updates(envoy)).to.include(delta ? after : { clusters: after.clusters, routes: after.routes });
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
    });
  }
});

function leadTo(bootstrap: object, from: number, to: number): Record<string, unknown> {
  const text = JSON.stringify(bootstrap).replaceAll(`"port_value":${from}`, `"port_value":${to}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Wanted versions by type, which must not depend on the process. */
function versions(plane: Plane): Record<string, string | undefined> {
  const types = plane.controlPlane.status().nodes.flatMap((node) => node.types);
  return Object.fromEntries(types.map(({ typeUrl, wanted }) => [typeUrl, wanted]));
}
