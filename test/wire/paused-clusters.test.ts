/**
 * Envoy asks for no clusters while one of them is warming, also on a new stream: what it has is unknown until then, and
 * routes to clusters that it lacks would be answered with 503. test/envoy/xds/return.test.ts shows it with the real one.
 */
import { expect } from 'chai';
import { discoveryCodec } from '../../src/envoy/schema/index.ts';
import type { ResourceInput, XdsServer, XdsServerOptions } from '../../src/xds/index.ts';
import { type RawClient, type Received, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, VARIANTS } from './fixture.ts';

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

const statusOf = ({ nodes }: XdsServer, typeUrl: string) =>
  nodes()[0]?.types.find((status) => status.typeUrl === typeUrl);

/** Version of the only resource of a delta response. */
function versionOf({ raw }: Received): string {
  return discoveryCodec.decodeDeltaResponse(raw).resources?.[0]?.version ?? '';
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

    if (variant === 'sotw') {
      // It would wait up to 15 s for endpoints of `b`; with clusters it drops that one.
      it('gets clusters unasked, then their endpoints, and routes when it has taken both', async () => {
        const { server } = await serve('c', { ackTimeoutMs: 2000 });
        const client = envoy(fixture as Fixture);
        comeBackWarming(client);
        const clusters = await client.next();
        expect(short(clusters)).to.equal('Cluster c=1');
        await client.quiet();
        expect(server.nodes()[0]?.synced).to.equal(false);
        expect(statusOf(server, CDS)).to.include({ synced: false });

        client.ask({ typeUrl: EDS, names: ['a', 'c'] });
        const endpoints = await client.next();
        expect(short(endpoints)).to.equal('ClusterLoadAssignment c=1');
        client.ack(endpoints, ['a', 'c']);
        await client.quiet();
        client.ack(clusters);
        expect((await all(client)).slice(0, 2)).to.have.members(['Listener l=1', 'RouteConfiguration r=c']);
        expect(server.nodes()[0]?.synced).to.equal(true);
        expect(statusOf(server, CDS)).to.include({ synced: true, acked: clusters.version });
      });

      it('takes a late first request for clusters as no answer to those that it got unasked', async () => {
        await serve('c', { ackTimeoutMs: 2000 });
        const client = envoy(fixture as Fixture);
        comeBack(client, RDS, ['r']);
        const clusters = await client.next();
        comeBack(client, CDS, []);
        await client.quiet();
        client.ack(clusters);
        client.ask({ typeUrl: EDS, names: ['c'] });
        expect(short(await client.next())).to.equal('ClusterLoadAssignment c=1');
      });
    } else {
      it('gets no routes until it has what they name, and is not in sync', async () => {
        const { server } = await serve('c');
        const client = envoy(fixture as Fixture);
        comeBackWarming(client);
        expect(await all(client)).to.deep.equal(['ClusterLoadAssignment']);
        expect(server.nodes()[0]?.synced).to.equal(false);
        expect(statusOf(server, CDS)).to.include({ synced: false });

        comeBack(client, CDS, [], ['a', 'b']);
        const clusters = await client.next();
        expect(short(clusters)).to.equal('Cluster c=1');
        client.ask({ typeUrl: EDS, subscribe: ['c'] });
        const endpoints = await client.next();
        expect(short(endpoints)).to.equal('ClusterLoadAssignment c=1');
        client.ack(endpoints);
        await client.quiet();
        client.ack(clusters);
        expect((await all(client)).slice(0, 2)).to.have.members(['Listener l=1', 'RouteConfiguration r=c']);
        expect(server.nodes()[0]?.synced).to.equal(true);
      });
    }

    it('gets the endpoints that the warming cluster may be waiting for, though it has them', async () => {
      await serve('b');
      const first = envoy(fixture as Fixture, 'gRPC Go');
      first.ask(subscription(variant, EDS, ['b']));
      const held = await first.next();
      first.close();
      const client = envoy(fixture as Fixture);
      if (variant === 'delta') client.ask({ typeUrl: EDS, subscribe: ['b'], initial: { b: versionOf(held) } });
      else client.ask({ typeUrl: EDS, names: ['b'], versionInfo: held.version });
      const answers = await all(client);
      const unasked = variant === 'sotw' ? ['Cluster b=1'] : [];
      expect(answers).to.deep.equal([...unasked, 'ClusterLoadAssignment b=1']);
    });

    it('gets routes all the same when nothing is heard of its clusters for longer than they warm', async () => {
      const { server } = await serve('c', { warmingMs: 1500, ackTimeoutMs: variant === 'sotw' ? 1500 : 150 });
      const client = envoy(fixture as Fixture);
      comeBack(client, RDS, ['r']);
      if (variant === 'sotw') expect(short(await client.next())).to.equal('Cluster c=1');
      await client.quiet(400);
      const routes = await client.next();
      expect(short(routes)).to.equal('RouteConfiguration r=c');
      client.ack(routes, ['r']);
      await client.quiet(50);
      // In SotW it owes an answer.
      expect(server.nodes()[0]?.synced).to.equal(variant === 'delta');
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
