/**
 * Envoy asks for no clusters while one of them is warming, also on a new stream: what it has is unknown until then, and
 * routes to clusters that it lacks would be answered with 503.
 */
import { expect } from 'chai';
import type { ResourceInput, XdsServerOptions } from '../../src/xds/index.ts';
import { type RawClient, type Received, resource } from './client.ts';
import { type Fixture, startServer, TYPE, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS } = TYPE;

/** One listener, whose routes go to one cluster. */
function configuration(to: string): ResourceInput[] {
  return [
    resource(CDS, to, '1', [{ typeUrl: EDS, name: to }]),
    resource(EDS, to),
    resource(LDS, 'l', '1', [{ typeUrl: RDS, name: 'r' }]),
    resource(RDS, 'r', to),
  ];
}

const short = ({ typeUrl, resources }: Received): string =>
  [typeUrl.replace(/^.*\./, ''), ...resources.map(([, content]) => content)].join(' ');

for (const variant of VARIANTS) {
  describe(`xDS: an Envoy that comes back without asking for clusters, ${variant}`, () => {
    let fixture: Fixture | undefined;
    afterEach(() => fixture?.close());

    async function serve(to: string, options: Partial<XdsServerOptions> = {}): Promise<Fixture> {
      fixture = await startServer({ ackTimeoutMs: 150, ...options });
      fixture.publish('g', configuration(to));
      return fixture;
    }

    function envoy({ client }: Fixture, agent = 'envoy'): RawClient {
      return client(variant, { node: { id: 'n1', cluster: 'c1', user_agent_name: agent } });
    }

    /** Asks for a type, with what the client has of it from a server that is gone. */
    function comeBack(client: RawClient, typeUrl: string, names: string[], held: string[] = names): void {
      const initial = Object.fromEntries(held.map((name) => [name, 'before']));
      if (variant === 'delta') client.ask({ typeUrl, subscribe: names, initial });
      else client.ask({ typeUrl, names, versionInfo: 'before' });
    }

    /** Everything but clusters; `a` is old and `b` is warming. */
    function comeBackWarming(client: RawClient): void {
      comeBack(client, EDS, ['a', 'b'], ['a']);
      comeBack(client, LDS, [], ['l']);
      comeBack(client, RDS, ['r']);
    }

    async function all(client: RawClient): Promise<string[]> {
      const seen: string[] = [];
      for (;;) {
        const answer = await client.next(250).catch(() => undefined);
        if (answer === undefined) return seen;
        seen.push(short(answer));
        client.ack(answer, { [EDS]: ['a', 'b', 'c'], [RDS]: ['r'] }[answer.typeUrl] ?? []);
      }
    }

    it('gets no routes until it has what they name, and is not in sync', async () => {
      const { server } = await serve('c');
      const client = envoy(fixture as Fixture);
      comeBackWarming(client);
      expect(await all(client)).to.deep.equal(variant === 'delta' ? ['ClusterLoadAssignment'] : []);
      const [node] = server.nodes();
      expect(node?.synced).to.equal(false);
      expect(node?.types.find(({ typeUrl }) => typeUrl === CDS)).to.include({ synced: false });

      comeBack(client, CDS, [], ['a', 'b']);
      const clusters = await client.next();
      expect(short(clusters)).to.equal('Cluster c=1');
      if (variant === 'delta') client.ask({ typeUrl: EDS, subscribe: ['c'] });
      else client.ask({ typeUrl: EDS, names: ['a', 'b', 'c'] });
      const endpoints = await client.next();
      expect(short(endpoints)).to.equal('ClusterLoadAssignment c=1');
      client.ack(endpoints, ['a', 'b', 'c']);
      await client.quiet();
      client.ack(clusters);
      expect((await all(client)).slice(0, 2)).to.have.members(['Listener l=1', 'RouteConfiguration r=c']);
      expect(server.nodes()[0]?.synced).to.equal(true);
    });

    it('gets the endpoints that the warming cluster may be waiting for, though it has them', async () => {
      const { publish } = await serve('b');
      const versions = [...publish('g', configuration('b')).types].map(
        ([typeUrl, { resources }]) => [typeUrl, [...resources.values()][0]?.version ?? ''] as const,
      );
      const [, version = ''] = versions.find(([typeUrl]) => typeUrl === EDS) ?? [];
      const first = envoy(fixture as Fixture);
      comeBack(first, EDS, ['b']);
      const held = await first.next();
      first.ack(held, ['b']);
      await first.quiet(50);
      first.close();
      const client = envoy(fixture as Fixture);
      if (variant === 'delta') client.ask({ typeUrl: EDS, subscribe: ['b'], initial: { b: version } });
      else client.ask({ typeUrl: EDS, names: ['b'], versionInfo: held.version });
      expect(short(await client.next())).to.equal('ClusterLoadAssignment b=1');
    });

    it('gets them all the same when it has not asked for clusters for longer than a cluster warms', async () => {
      const { server } = await serve('c', { warmingMs: 1500 });
      const client = envoy(fixture as Fixture);
      comeBack(client, RDS, ['r']);
      await client.quiet(400);
      const routes = await client.next();
      expect(short(routes)).to.equal('RouteConfiguration r=c');
      client.ack(routes, ['r']);
      await client.quiet(50);
      expect(server.nodes()[0]?.synced).to.equal(true);
    });

    it('is waited for only if it is an Envoy that comes back', async () => {
      await serve('c');
      const other = envoy(fixture as Fixture, 'gRPC Go');
      comeBack(other, RDS, ['r']);
      expect(short(await other.next())).to.equal('RouteConfiguration r=c');
      other.close();
      const fresh = envoy(fixture as Fixture);
      if (variant === 'delta') fresh.ask({ typeUrl: RDS, subscribe: ['r'] });
      else fresh.ask({ typeUrl: RDS, names: ['r'] });
      expect(short(await fresh.next())).to.equal('RouteConfiguration r=c');
    });
  });
}
