import { expect } from 'chai';
import { resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS } = TYPE;

for (const variant of VARIANTS) {
  describe(`xDS ${variant}`, () => {
    let fixture: Fixture;
    beforeEach(async () => {
      fixture = await startServer();
    });
    afterEach(() => fixture.close());

    it('answers a legacy wildcard with everything', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b'), resource(LDS, 'l')]);
      const client = fixture.client(variant);
      client.ask({ typeUrl: CDS });
      const answer = await client.next();
      expect(answer.typeUrl).to.equal(CDS);
      expect(answer.resources).to.deep.equal([
        ['a', 'a=1'],
        ['b', 'b=1'],
      ]);
      expect(answer.nonce).to.not.equal('');
      client.ack(answer);
      await client.quiet();
    });

    it('takes * as the wildcard, not as a name', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, CDS, ['*']));
      const answer = await client.next();
      expect(answer.resources.map(([name]) => name)).to.deep.equal(['a', 'b']);
      expect(answer.removed).to.deep.equal([]);
    });

    it('answers the first wildcard request even if there is nothing', async () => {
      fixture.publish('g', [resource(LDS, 'l')]);
      const client = fixture.client(variant);
      client.ask({ typeUrl: CDS });
      const answer = await client.next();
      expect(answer.resources).to.deep.equal([]);
      client.ack(answer);
      await client.quiet();
    });

    it('answers a strict subset of names', async () => {
      fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b'), resource(EDS, 'c')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['b']));
      expect((await client.next()).resources).to.deep.equal([['b', 'b=1']]);
    });

    it('sends nothing when equal content is published, and only what changed otherwise', async () => {
      fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['a', 'b']));
      const first = await client.next();
      client.ack(first, ['a', 'b']);
      fixture.publish('g', [resource(EDS, 'b'), resource(EDS, 'a')]);
      await client.quiet();
      fixture.publish('g', [resource(EDS, 'a', '2'), resource(EDS, 'b')]);
      const second = await client.next();
      expect(second.resources).to.deep.equal([['a', 'a=2']]);
      expect(second.version).to.not.equal(first.version);
      expect(second.nonce).to.not.equal(first.nonce);
    });

    it('leaves types alone that did not change', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(LDS, 'l')]);
      const client = fixture.client(variant);
      client.ask({ typeUrl: CDS });
      client.ack(await client.next());
      client.ask({ typeUrl: LDS });
      client.ack(await client.next());
      fixture.publish('g', [resource(CDS, 'a'), resource(LDS, 'l', '2')]);
      const push = await client.next();
      expect(push.typeUrl).to.equal(LDS);
      client.ack(push);
      await client.quiet();
    });

    it('melts changes that come while an answer is missing into one', async () => {
      fixture.publish('g', [resource(EDS, 'a')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['a']));
      const first = await client.next();
      fixture.publish('g', [resource(EDS, 'a', '2')]);
      fixture.publish('g', [resource(EDS, 'a', '3')]);
      await client.quiet();
      client.ack(first, ['a']);
      const second = await client.next();
      expect(second.resources).to.deep.equal([['a', 'a=3']]);
      client.ack(second, ['a']);
      await client.quiet();
    });

    it('does not send a rejected version again, but the next one', async () => {
      fixture.publish('g', [resource(RDS, 'r')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, RDS, ['r']));
      const first = await client.next();
      client.ack(first, ['r']);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      fixture.publish('g', [resource(RDS, 'r', 'bad')]);
      const bad = await client.next();
      client.nack(bad, 'no such thing', ['r']);
      await client.quiet();
      const [status] = fixture.server.nodes()[0]?.types ?? [];
      expect(status).to.include({ acked: first.version, sent: bad.version, wanted: bad.version, synced: false });
      expect(status?.rejection).to.include({
        message: 'no such thing',
        version: bad.version,
        count: 1,
        standing: true,
      });
      expect(fixture.nacks.map((event) => event.rejection.resources)).to.deep.equal([['r']]);
      // Another resource of the type changes: the rejected one stays away.
      fixture.publish('g', [resource(RDS, 'r', 'bad'), resource(RDS, 'other')]);
      await client.quiet();
      fixture.publish('g', [resource(RDS, 'r', 'good')]);
      const good = await client.next();
      expect(good.resources).to.deep.equal([['r', 'r=good']]);
      client.ack(good, ['r']);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced again');
      expect(fixture.server.nodes()[0]?.types[0]?.rejection).to.include({ standing: false, count: 1 });
    });

    it('goes back to the accepted content after a rejection when it is published again', async () => {
      fixture.publish('g', [resource(RDS, 'r')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, RDS, ['r']));
      client.ack(await client.next(), ['r']);
      fixture.publish('g', [resource(RDS, 'r', 'bad')]);
      client.nack(await client.next(), 'no', ['r']);
      fixture.publish('g', [resource(RDS, 'r')]);
      expect((await client.next()).resources).to.deep.equal([['r', 'r=1']]);
    });

    it('keeps types apart: a rejection of one does not stop another', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(LDS, 'l')]);
      const client = fixture.client(variant);
      client.ask({ typeUrl: CDS });
      client.nack(await client.next(), 'no');
      client.ask({ typeUrl: LDS });
      client.ack(await client.next());
      fixture.publish('g', [resource(CDS, 'a'), resource(LDS, 'l', '2')]);
      expect((await client.next()).resources).to.deep.equal([['l', 'l=2']]);
    });

    it('sends a name again that was dropped and asked for again', async () => {
      fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['a', 'b']));
      const first = await client.next();
      if (variant === 'sotw') {
        client.ack(first, ['b']);
        client.ack(first, ['a', 'b']);
      } else {
        client.ack(first);
        client.ask({ typeUrl: EDS, unsubscribe: ['a'] });
        client.ask({ typeUrl: EDS, subscribe: ['a'] });
      }
      const again = await client.next();
      expect(again.resources).to.deep.equal([['a', 'a=1']]);
      client.ack(again, ['a', 'b']);
      await client.quiet();
    });

    it('stops sending a name that was dropped', async () => {
      fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['a', 'b']));
      const first = await client.next();
      if (variant === 'sotw') client.ack(first, ['b']);
      else client.ask({ typeUrl: EDS, nonce: first.nonce, unsubscribe: ['a'] });
      await until(() => fixture.server.nodes()[0]?.synced === true, 'acknowledged');
      fixture.publish('g', [resource(EDS, 'a', '2'), resource(EDS, 'b')]);
      await client.quiet();
      fixture.publish('g', [resource(EDS, 'a', '2'), resource(EDS, 'b', '2')]);
      expect((await client.next()).resources).to.deep.equal([['b', 'b=2']]);
    });

    it('answers a name as soon as it exists', async () => {
      fixture.publish('g', [resource(EDS, 'a')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['later']));
      if (variant === 'delta') {
        const missing = await client.next();
        expect(missing.removed).to.deep.equal(['later']);
        client.ack(missing);
      } else await client.quiet();
      fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'later')]);
      expect((await client.next()).resources).to.deep.equal([['later', 'later=1']]);
    });

    it('needs the node on the first request only, and many streams of one node are one node', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(LDS, 'l')]);
      const node = { id: 'n7', cluster: 'c7', user_agent_name: 'envoy' };
      const one = fixture.client(variant, { node });
      const two = fixture.client(variant, { node });
      one.ask({ typeUrl: CDS });
      two.ask({ typeUrl: LDS });
      one.ack(await one.next());
      two.ack(await two.next());
      two.ask({ typeUrl: CDS, node: null });
      two.ack(await two.next());
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      const [status, ...others] = fixture.server.nodes();
      expect(others).to.deep.equal([]);
      expect(status?.streams).to.equal(2);
      expect(status?.node).to.include({ id: 'n7', cluster: 'c7', userAgentName: 'envoy' });
      expect(status?.types.map((type) => type.typeUrl).sort()).to.deep.equal([CDS, CDS, LDS].sort());
      one.close();
      await until(() => fixture.server.nodes()[0]?.streams === 1, 'one stream left');
      two.close();
      await until(() => fixture.server.nodes().length === 0, 'node gone');
    });

    it('pushes what is in the way when a client falls silent, after a while', async () => {
      await fixture.close();
      fixture = await startServer({ ackTimeoutMs: 150 });
      fixture.publish('g', [resource(EDS, 'a')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['a']));
      const first = await client.next();
      fixture.publish('g', [resource(EDS, 'a', '2')]);
      const second = await client.next();
      expect(second.resources).to.deep.equal([['a', 'a=2']]);
      // Too late: the nonce is stale.
      client.ack(first, ['a']);
      await client.quiet();
      expect(fixture.server.nodes()[0]?.synced).to.equal(false);
      client.ack(second, ['a']);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
    });

    it('sends nothing on reconnection when nothing changed', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(EDS, 'a'), resource(EDS, 'b')]);
      const before = fixture.client(variant);
      before.ask({ typeUrl: CDS });
      const clusters = await before.next();
      before.ack(clusters);
      before.ask(subscription(variant, EDS, ['a']));
      const endpoints = await before.next();
      before.ack(endpoints, ['a']);
      const versions = fixture.publish('g', [resource(CDS, 'a'), resource(EDS, 'a'), resource(EDS, 'b')]).types;
      before.close();

      // Another server with the same content stands for a restart.
      const restarted = await startServer();
      try {
        restarted.publish('g', [resource(EDS, 'b'), resource(EDS, 'a'), resource(CDS, 'a')]);
        const after = restarted.client(variant);
        const held = (typeUrl: string) => ({ a: versions.get(typeUrl)?.resources.get('a')?.version ?? '' });
        if (variant === 'sotw') {
          after.ask({ typeUrl: CDS, versionInfo: clusters.version });
          after.ask({ typeUrl: EDS, versionInfo: endpoints.version, names: ['a'] });
        } else {
          after.ask({ typeUrl: CDS, initial: held(CDS) });
          after.ask({ typeUrl: EDS, subscribe: ['a'], initial: held(EDS) });
        }
        await after.quiet();
        expect(restarted.server.nodes()[0]?.synced).to.equal(true);
        restarted.publish('g', [resource(CDS, 'a'), resource(EDS, 'a', '2'), resource(EDS, 'b')]);
        expect((await after.next()).resources).to.deep.equal([['a', 'a=2']]);
      } finally {
        await restarted.close();
      }
    });

    it('sends on reconnection what was asked for since the last version', async () => {
      fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
      const before = fixture.client(variant);
      before.ask(subscription(variant, EDS, ['a']));
      const answer = await before.next();
      before.ack(answer, ['a']);
      const version = fixture
        .publish('g', [resource(EDS, 'a'), resource(EDS, 'b')])
        .types.get(EDS)
        ?.resources.get('a')?.version;
      const after = fixture.client(variant, { node: { id: 'n2' } });
      if (variant === 'sotw') after.ask({ typeUrl: EDS, versionInfo: answer.version, names: ['a', 'b'] });
      else after.ask({ typeUrl: EDS, subscribe: ['a', 'b'], initial: { a: version ?? '' } });
      const names = (await after.next()).resources.map(([name]) => name);
      expect(names).to.include('b');
      if (variant === 'delta') expect(names).to.deep.equal(['b']);
    });
  });
}
