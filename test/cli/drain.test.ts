/** How `headgate serve` ends: its proxies are told to go, and it does not wait for those who do not. */
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { TYPE } from '../../src/xds/index.ts';
import { updates } from '../envoy/gitops/updates.ts';
import { type Fake, OPENAI_KEY, startOpenAi } from '../fakes/index.ts';
import { freePort, until } from '../support/index.ts';
import { connect } from '../wire/client.ts';
import { watchHealth } from './health.ts';
import { build, startCommand } from './running.ts';
import { constantLoad, makeSite, type Site, statusOf, synced } from './site.ts';

describe('headgate serve: its end', function () {
  this.timeout(60_000);
  let fake: Fake;
  let site: Site;

  before(async () => {
    build();
    fake = await startOpenAi({ name: 'provider' });
  });
  after(() => fake.close());
  beforeEach(async () => {
    site = await makeSite({ backends: { p: { port: fake.port, key: OPENAI_KEY } }, models: { m: { refs: ['p'] } } });
  });
  afterEach(() => site.stop());

  it('sends an Envoy to another server, which has nothing to tell it, and no request is lost', async () => {
    const servers = [await site.serve(), await site.serve()];
    const [one = 0, other = 0] = servers.map((server) => server.port('--xds-address'));
    // As a name with two addresses would have it.
    const both = (text: string): string => {
      const bootstrap = JSON.parse(text);
      const [locality] = bootstrap.static_resources.clusters[0].load_assignment.endpoints;
      const second = structuredClone(locality.lb_endpoints[0]);
      second.endpoint.address.socket_address.port_value = other;
      locality.lb_endpoints.push(second);
      return JSON.stringify(bootstrap);
    };
    const envoy = await site.envoy(one, { change: both });
    const isAsked = async (i: number): Promise<boolean> => {
      const server = servers[i];
      return server !== undefined && (await statusOf(server)).nodes.length === 1;
    };
    await until(async () => (await isAsked(0)) || isAsked(1), { what: 'Envoy to ask one of them' });
    const [leaving, staying] = (await isAsked(0)) ? servers : [...servers].reverse();
    if (!leaving || !staying) throw new Error('two servers');
    const versions = await synced(leaving);
    const before = await updates(envoy);
    const endLoad = constantLoad(site, 'm');
    leaving.child.kill('SIGTERM');
    expect(await leaving.ended).to.equal(0);
    expect(await synced(staying)).to.deep.equal(versions);
    expect(await updates(envoy)).to.deep.equal(before);
    expect(await envoy.stat('cluster.headgate_xds.upstream_cx_close_notify')).to.equal(1);
    const { byStatus, errors, sent } = await endLoad();
    expect({ byStatus, errors }).to.deep.equal({ byStatus: { 200: sent }, errors: {} });
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`tells all who ask, takes nobody on, and waits for those who stay no longer than told (${signal})`, async () => {
      const server = await site.serve('--drain-timeout', '2s');
      const port = server.port('--xds-address');
      const clients = Array.from({ length: 20 }, (_, i) =>
        connect({ port, variant: i % 2 === 0 ? 'delta' : 'sotw', node: { id: `raw-${i}`, cluster: 'default/gw' } }),
      );
      for (const client of clients) client.ask({ typeUrl: TYPE.cluster });
      await Promise.all(clients.map((client) => client.next()));
      const health = watchHealth(`127.0.0.1:${port}`);
      await until(() => health.states[0] === 'SERVING', { what: 'a state' });
      const silent = await open(port);
      const gone = once(silent.resume(), 'close');

      server.child.kill(signal);
      const ends = await Promise.all(clients.map((client) => client.status()));
      expect(new Set(ends.map(({ code, details }) => `${code} ${details}`))).to.deep.equal(
        new Set(['14 the server is shutting down']),
      );
      expect(health.states).to.deep.equal(['SERVING', 'NOT_SERVING']);
      // The silent one holds it up.
      expect((await fetch(`${server.admin}/readyz`)).status).to.equal(503);
      const late = connect({ port, variant: 'delta', node: { id: 'late', cluster: 'default/gw' } });
      late.ask({ typeUrl: TYPE.cluster });
      expect((await late.status()).code).to.equal(14);
      expect(server.child.exitCode).to.equal(null);
      expect(await server.ended).to.equal(0);
      await gone;
      for (const client of [...clients, late]) client.close();
    });
  }

  it('is at once while it has not begun to serve', async () => {
    // A processor of which nothing is heard, not even that it is not there.
    const mute = createServer();
    const sockets: Socket[] = [];
    mute.on('connection', (socket) => sockets.push(socket));
    const port = await freePort();
    await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve));
    try {
      const server = await startCommand(['serve', site.folder, '--processor', `127.0.0.1:${port}`]);
      await until(() => sockets.length > 0, { what: 'it to ask the processor' });
      server.child.kill('SIGTERM');
      expect(await server.ended).to.equal(0);
      expect(server.stderr()).to.not.include('"msg":"listening"');
    } finally {
      for (const socket of sockets) socket.destroy();
      mute.close();
    }
  });
});

async function open(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}
