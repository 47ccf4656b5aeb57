/** What the server says one node has: accepted, on its way, and kept from it. */
import { expect } from 'chai';
import type { EncodedResource, ResourceInput, XdsServerOptions } from '../../src/xds/index.ts';
import { type RawClient, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, listener: LDS } = TYPE;

const WHY = 'Error adding clusters a: no, c: no';

/** The content of a resource of these tests is the value of its Any. */
const content = (form: EncodedResource | undefined): string | undefined =>
  form && /\w+=\w+$/.exec(form.any.toString())?.[0];

for (const variant of VARIANTS) {
  describe(`what a node has, ${variant}`, () => {
    let fixture: Fixture;
    afterEach(() => fixture.close());

    async function start(options: Partial<XdsServerOptions>, ...resources: ResourceInput[]): Promise<void> {
      fixture = await startServer({ settleMs: 20, ...options });
      publish(...resources);
    }
    const publish = (...resources: ResourceInput[]): void => void fixture.publish('g', resources);

    /** A client that has accepted all clusters. */
    async function running(id: string, cluster = 'g'): Promise<RawClient> {
      const one = fixture.client(variant, { node: { id, cluster } });
      one.ask({ typeUrl: CDS });
      one.ack(await one.next());
      await until(() => fixture.server.nodes().some(({ node, synced }) => node.id === id && synced), `${id} in step`);
      return one;
    }
    /** Accepts what comes until the node is in step. */
    async function takeAll(one: RawClient): Promise<void> {
      while (fixture.server.nodes()[0]?.synced !== true) {
        const next = await one.next(50).catch(() => undefined);
        if (next) one.ack(next);
      }
    }
    /** By name: `accepted`, then what is on its way behind `>`, then what was rejected behind `!`. */
    function shown(id: string, cluster?: string): Record<string, string> {
      const { resources = [] } = fixture.server.configOf(id, cluster) ?? {};
      return Object.fromEntries(
        resources.map(({ name, active, pending, rejected }) => [
          name,
          [
            content(active) ?? '-',
            ...(pending ? [`> ${content(pending)}`] : []),
            ...(rejected ? [`! ${content(rejected.resource)}: ${rejected.message}`] : []),
          ].join(' '),
        ]),
      );
    }

    it('is what it accepted, with what is on its way beside it', async () => {
      await start({}, resource(CDS, 'a'), resource(CDS, 'b'));
      const one = await running('n');
      expect(shown('n')).to.deep.equal({ a: 'a=1', b: 'b=1' });
      publish(resource(CDS, 'a', '2'), resource(CDS, 'b'), resource(CDS, 'c'));
      const answer = await one.next();
      expect(shown('n')).to.deep.equal({ a: 'a=1 > a=2', b: 'b=1', c: '- > c=1' });
      one.ack(answer);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'in step');
      expect(shown('n')).to.deep.equal({ a: 'a=2', b: 'b=1', c: 'c=1' });
      expect(fixture.server.configOf('n')).to.deep.include({ key: 'g' });
      expect(fixture.server.configOf('n')?.versions.get(CDS)).to.equal(fixture.server.nodes()[0]?.types[0]?.acked);
      expect(fixture.server.configOf('m')).to.equal(undefined);
    });

    it('keeps what it ran before a rejection, and says what was rejected', async () => {
      await start({}, resource(CDS, 'a'));
      const one = await running('n');
      publish(resource(CDS, 'a', 'bad'), resource(CDS, 'c', 'bad'));
      one.nack(await one.next(), WHY);
      await until(() => fixture.nacks.length > 0, 'rejected');
      expect(shown('n')).to.deep.equal({ a: `a=1 ! a=bad: ${WHY}`, c: `- ! c=bad: ${WHY}` });
      publish(resource(CDS, 'a', '3'));
      await takeAll(one);
      expect(shown('n')).to.deep.equal({ a: 'a=3' });
    });

    it('is the last accepted form where another one is withheld, of nodes that never saw it too', async () => {
      await start({ lastAccepted: true }, resource(CDS, 'a'), resource(CDS, 'b'));
      const one = await running('n');
      publish(resource(CDS, 'a', 'bad'), resource(CDS, 'b', '2'), resource(CDS, 'c', 'bad'));
      one.nack(await one.next(), WHY);
      await until(() => fixture.server.withheld().length === 2, 'withheld');
      await takeAll(one);
      await running('m');
      const expected = { a: `a=1 ! a=bad: ${WHY}`, b: 'b=2', c: `- ! c=bad: ${WHY}` };
      expect(shown('n')).to.deep.equal(expected);
      expect(shown('m')).to.deep.equal(expected);
    });

    it('is of two revisions while a rollout is under way', async () => {
      await start({ rollout: { share: 0.5, pauseMs: 60_000 } }, resource(CDS, 'a'), resource(LDS, 'l'));
      const clients = [await running('m'), await running('n')];
      publish(resource(CDS, 'a', '2'), resource(LDS, 'l'));
      let answered = 0;
      while (fixture.server.rollouts()[0]?.phase !== 'pausing') {
        for (const client of clients) {
          const answer = await client.next(50).catch(() => undefined);
          if (answer === undefined) continue;
          client.ack(answer);
          answered += 1;
        }
      }
      expect(answered).to.equal(1);
      expect([shown('m').a, shown('n').a]).to.have.members(['a=1', 'a=2']);
    });

    it('is what it had, while its snapshot is gone', async () => {
      await start({}, resource(CDS, 'a'), resource(CDS, 'b'));
      const one = await running('n');
      fixture.server.deleteSnapshot('g');
      expect(fixture.server.nodes()[0]).to.include({ waiting: true, synced: false });
      expect(shown('n')).to.deep.equal({ a: 'a=1', b: 'b=1' });
      const fresh = fixture.client(variant, { node: { id: 'm', cluster: 'g' } });
      fresh.ask(subscription(variant, CDS, ['a']));
      await fresh.quiet();
      expect(shown('m')).to.deep.equal({});
      await one.quiet();
    });

    it('is told apart by cluster where ids are the same', async () => {
      await start({ resolve: ({ cluster }) => cluster });
      fixture.server.setSnapshot('east', fixture.publish('east', [resource(CDS, 'a', 'east')]));
      fixture.server.setSnapshot('west', fixture.publish('west', [resource(CDS, 'a', 'west')]));
      await running('n', 'east');
      const one = fixture.client(variant, { node: { id: 'n', cluster: 'west' } });
      one.ask({ typeUrl: CDS });
      one.ack(await one.next());
      await until(() => fixture.server.nodes().every(({ synced }) => synced), 'both in step');
      expect([shown('n', 'east').a, shown('n', 'west').a]).to.deep.equal(['a=east', 'a=west']);
      expect(shown('n').a).to.equal('a=east');
    });

    it('is known of a client that comes back with it', async () => {
      await start({}, resource(CDS, 'a'), resource(CDS, 'b'));
      const first = fixture.client(variant, { node: { id: 'n', cluster: 'g' } });
      first.ask({ typeUrl: CDS });
      const { version } = await first.next();
      first.close();
      const type = fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]).types.get(CDS);
      const versions = Object.fromEntries([...(type?.resources ?? [])].map(([name, one]) => [name, one.version]));
      const again = fixture.client(variant, { node: { id: 'n', cluster: 'g' } });
      again.ask({ typeUrl: CDS, ...(variant === 'delta' ? { initial: versions } : { versionInfo: version }) });
      await until(() => fixture.server.nodes().some(({ synced }) => synced), 'in step');
      await again.quiet();
      expect(shown('n')).to.deep.equal({ a: 'a=1', b: 'b=1' });
    });
  });
}
