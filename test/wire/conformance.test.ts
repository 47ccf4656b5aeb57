/** The rules of the xDS protocol that hold for both variants and both kinds of service: one case a rule (README.md). */
import { expect } from 'chai';
import { XDS_METHODS } from '../../src/xds/services.ts';
import { type RawClient, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS } = TYPE;

const KINDS = ['aggregated', 'its own'] as const;

for (const variant of VARIANTS) {
  for (const kind of KINDS) {
    describe(`xDS rules, ${variant}, ${kind} service`, () => {
      let fixture: Fixture;
      const open = (typeUrl: string, id = 'n1'): RawClient => {
        const own = XDS_METHODS.find((method) => method.typeUrl === typeUrl && method.variant === variant);
        return fixture.client(variant, { node: { id }, ...(kind === 'its own' && own ? { path: own.path } : {}) });
      };
      const contents = (answer: { resources: readonly (readonly [string, string])[] }) =>
        answer.resources.map(([, content]) => content);
      beforeEach(async () => {
        fixture = await startServer();
      });
      afterEach(() => fixture.close());

      it('X-06: the node of the first request stays, whatever later ones say', async () => {
        fixture.publish('g', [resource(CDS, 'a')]);
        const client = open(CDS);
        client.ask({ typeUrl: CDS });
        const answer = await client.next();
        client.ask({ typeUrl: CDS, nonce: answer.nonce, versionInfo: answer.version, node: { id: 'other' } });
        await until(() => fixture.server.nodes()[0]?.synced === true, 'acknowledged');
        expect(fixture.server.nodes().map(({ node }) => node.id)).to.deep.equal(['n1']);
      });

      it('X-07: an unknown nonce acknowledges and rejects nothing', async () => {
        fixture.publish('g', [resource(CDS, 'a')]);
        const client = open(CDS);
        client.ask({ typeUrl: CDS });
        const answer = await client.next();
        client.ask({ typeUrl: CDS, nonce: '999', versionInfo: answer.version });
        client.ask({ typeUrl: CDS, nonce: '998', error: { code: 3, message: 'no' } });
        await client.quiet();
        expect(fixture.server.nodes()[0]?.synced).to.equal(false);
        expect(fixture.nacks).to.deep.equal([]);
        client.ack(answer);
        await until(() => fixture.server.nodes()[0]?.synced === true, 'acknowledged');
      });

      it('X-07: each response of a stream has a nonce of its own', async () => {
        const client = open(CDS);
        const nonces = new Set<string>();
        client.ask({ typeUrl: CDS });
        for (let i = 0; i < 5; i++) {
          fixture.publish('g', [resource(CDS, 'a', String(i))]);
          const answer = await client.next();
          nonces.add(answer.nonce);
          client.ack(answer);
        }
        expect(nonces.size).to.equal(5);
        expect([...nonces]).to.not.include('');
      });

      it('X-16, X-20: a first request with a wildcard and names gets all of both', async () => {
        fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
        const client = open(CDS);
        client.ask(subscription(variant, CDS, ['*', 'b', 'ghost']));
        const answer = await client.next();
        expect(contents(answer)).to.deep.equal(['a=1', 'b=1']);
        expect(answer.removed).to.deep.equal(variant === 'delta' ? ['ghost'] : []);
      });

      it('X-22: a wildcard over nothing is answered once, and again when something is there', async () => {
        fixture.publish('g', []);
        const client = open(LDS);
        client.ask({ typeUrl: LDS });
        const empty = await client.next();
        expect(empty.resources).to.deep.equal([]);
        client.ack(empty);
        await client.quiet();
        fixture.publish('g', [resource(LDS, 'l')]);
        expect(contents(await client.next())).to.deep.equal(['l=1']);
      });

      it('X-23: without a snapshot a request waits, with its names', async () => {
        const client = open(EDS);
        client.ask(subscription(variant, EDS, ['a']));
        await client.quiet();
        fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
        expect(contents(await client.next())).to.deep.equal(['a=1']);
      });

      it('X-24: a strict subset of the names is answered', async () => {
        fixture.publish('g', [resource(RDS, 'a'), resource(RDS, 'b'), resource(RDS, 'c')]);
        const client = open(RDS);
        client.ask(subscription(variant, RDS, ['c', 'a', 'c']));
        expect(contents(await client.next())).to.deep.equal(['a=1', 'c=1']);
      });

      it('X-33, X-34: two servers of equal content give equal versions and equal bytes', async () => {
        const resources = [resource(EDS, 'a'), resource(EDS, 'b'), resource(EDS, 'c')];
        fixture.publish('g', resources);
        const other = await startServer();
        try {
          other.publish('g', resources);
          const here = open(EDS);
          const there = other.client(variant);
          for (const client of [here, there]) client.ask(subscription(variant, EDS, ['b', 'a']));
          expect(await here.next()).to.deep.equal(await there.next());
        } finally {
          await other.close();
        }
      });

      it('X-36: error_detail makes a rejection, even an empty one', async () => {
        fixture.publish('g', [resource(RDS, 'r')]);
        const client = open(RDS);
        client.ask(subscription(variant, RDS, ['r']));
        const answer = await client.next();
        client.ask({ typeUrl: RDS, nonce: answer.nonce, names: ['r'], error: { code: 0, message: '' } });
        await until(() => fixture.nacks.length === 1, 'rejected');
        await client.quiet();
        expect(fixture.server.nodes()[0]?.synced).to.equal(false);
      });

      it('X-36: error_detail on the first request of a stream rejects nothing of this stream', async () => {
        fixture.publish('g', [resource(RDS, 'r')]);
        const client = open(RDS);
        client.ask({ ...subscription(variant, RDS, ['r']), nonce: '5', error: { code: 3, message: 'earlier' } });
        const answer = await client.next();
        expect(contents(answer)).to.deep.equal(['r=1']);
        client.ack(answer, ['r']);
        await until(() => fixture.server.nodes()[0]?.synced === true, 'acknowledged');
        expect(fixture.nacks).to.deep.equal([]);
      });

      it('X-36: what a rejection says of the subscription counts', async () => {
        fixture.publish('g', [resource(RDS, 'a', 'bad'), resource(RDS, 'b')]);
        const client = open(RDS);
        client.ask(subscription(variant, RDS, ['a']));
        const bad = await client.next();
        const lists = variant === 'sotw' ? { names: ['a', 'b'] } : { subscribe: ['b'] };
        client.ask({ typeUrl: RDS, nonce: bad.nonce, error: { code: 3, message: 'no' }, ...lists });
        const answer = await client.next();
        expect(contents(answer)).to.deep.equal(['b=1']);
        client.ack(answer, ['a', 'b']);
        await client.quiet();
      });

      it('an acknowledgement may change the subscription', async () => {
        fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
        const client = open(EDS);
        client.ask(subscription(variant, EDS, ['a']));
        const first = await client.next();
        const lists = variant === 'sotw' ? { names: ['b'] } : { subscribe: ['b'], unsubscribe: ['a'] };
        client.ask({ typeUrl: EDS, nonce: first.nonce, versionInfo: first.version, ...lists });
        const second = await client.next();
        expect(contents(second)).to.deep.equal(['b=1']);
        client.ack(second, ['b']);
        fixture.publish('g', [resource(EDS, 'a', '2'), resource(EDS, 'b')]);
        await client.quiet();
      });

      it('a resource that goes and comes back is sent again', async () => {
        fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
        const client = open(EDS);
        client.ask(subscription(variant, EDS, ['a']));
        client.ack(await client.next(), ['a']);
        fixture.publish('g', [resource(EDS, 'b')]);
        if (variant === 'sotw') await client.quiet();
        else {
          const removal = await client.next();
          expect(removal.removed).to.deep.equal(['a']);
          client.ack(removal);
        }
        fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
        expect(contents(await client.next())).to.deep.equal(['a=1']);
      });

      it('X-11: requests and responses may be larger than 4 MiB', async () => {
        const big = 'x'.repeat(5 * 1024 * 1024);
        fixture.publish('g', [resource(EDS, 'a', big)]);
        const client = open(EDS);
        const names = Array.from({ length: 50_000 }, (_, i) => `${'n'.repeat(100)}${i}`);
        client.ask(subscription(variant, EDS, ['a', ...names]));
        const answer = await client.next(10_000);
        expect(answer.resources[0]?.[1].length).to.equal(big.length + 2);
        client.ack(answer, ['a', ...names]);
        await until(() => fixture.server.nodes()[0]?.synced === true, 'acknowledged', 10_000);
      });
    });
  }

  describe(`xDS rules, ${variant}, services`, () => {
    let fixture: Fixture;
    beforeEach(async () => {
      fixture = await startServer();
    });
    afterEach(() => fixture.close());

    for (const { path, typeUrl = 'made.up/Type' } of XDS_METHODS.filter((method) => method.variant === variant)) {
      it(`X-01 to X-04: ${path} serves`, async () => {
        fixture.publish('g', [resource(typeUrl, 'a'), resource(typeUrl, 'b')]);
        const client = fixture.client(variant, { path });
        client.ask(subscription(variant, typeUrl, ['b']));
        const answer = await client.next();
        expect(answer.typeUrl).to.equal(typeUrl);
        expect(answer.resources.map(([name]) => name)).to.deep.equal(['b']);
      });
    }

    it('X-07: a nonce of another type acknowledges nothing', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(LDS, 'l')]);
      const client = fixture.client(variant);
      client.ask({ typeUrl: CDS });
      const clusters = await client.next();
      client.ack(clusters);
      client.ask({ typeUrl: LDS });
      const listeners = await client.next();
      client.ask({ typeUrl: LDS, nonce: clusters.nonce, versionInfo: listeners.version });
      client.ask({ typeUrl: CDS, nonce: listeners.nonce, error: { code: 3, message: 'no' } });
      await client.quiet();
      const synced = () =>
        fixture.server
          .nodes()[0]
          ?.types.filter((type) => type.synced)
          .map((type) => type.typeUrl);
      expect(synced()).to.deep.equal([CDS]);
      expect(fixture.nacks).to.deep.equal([]);
      client.ack(listeners);
      await until(() => synced()?.length === 2, 'both acknowledged');
    });

    it('X-55: a type that nobody knows has no resources, and is no error', async () => {
      fixture.publish('g', [resource(CDS, 'a')]);
      const client = fixture.client(variant);
      client.ask({ typeUrl: 'type.googleapis.com/made.up.Type' });
      const empty = await client.next();
      expect(empty.resources).to.deep.equal([]);
      client.ack(empty);
      client.ask({ typeUrl: CDS });
      expect((await client.next()).resources.length).to.equal(1);
    });
  });
}
