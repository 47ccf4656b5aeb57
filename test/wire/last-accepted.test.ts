/** What proxies reject is kept from all of them: the last accepted form instead, the rest moves on. */
import { expect } from 'chai';
import type { ResourceInput } from '../../src/xds/index.ts';
import { type RawClient, type Received, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, route: RDS, listener: LDS, endpoints: EDS } = TYPE;

for (const variant of VARIANTS) {
  describe(`last accepted, ${variant}`, () => {
    let fixture: Fixture;
    let changes: number;
    beforeEach(async () => {
      changes = 0;
      fixture = await startServer({
        lastAccepted: true,
        settleMs: 40,
        ackTimeoutMs: 300,
        onWithheld: () => {
          changes += 1;
        },
      });
    });
    afterEach(() => fixture.close());

    let ids = 0;
    const node = () => ({ id: `n${++ids}`, cluster: 'g' });
    const client = (): RawClient => fixture.client(variant, { node: node() });
    const publish = (...resources: ResourceInput[]): void => void fixture.publish('g', resources);
    const withheld = (): string[] =>
      fixture.server
        .withheld()
        .map(({ name, instead, nodeId, count }) => `${name} ${instead} ${nodeId !== ''} ${count}`);

    /** A client that has accepted all clusters. */
    async function running(): Promise<RawClient> {
      const one = client();
      one.ask({ typeUrl: CDS });
      one.ack(await one.next());
      return one;
    }
    /** Accepts clusters until no more come; returns what changed in all of it. */
    async function settled(one: RawClient): Promise<Record<string, string | undefined>> {
      const changed: Record<string, string | undefined> = {};
      for (;;) {
        const next = await one.next(200).catch(() => undefined);
        if (next === undefined) return changed;
        Object.assign(changed, Object.fromEntries(next.resources));
        for (const name of next.removed) changed[name] = undefined;
        one.ack(next);
      }
    }
    /** What a client that begins now gets of clusters. */
    async function fresh(): Promise<Received['resources']> {
      const one = client();
      one.ask({ typeUrl: CDS });
      const first = await one.next();
      one.ack(first);
      one.close();
      return first.resources;
    }

    it('gives the last accepted form to all, lets the rest move on, and forgives what changes', async () => {
      publish(resource(CDS, 'a'), resource(CDS, 'b'));
      const one = await running();
      const two = await running();
      publish(resource(CDS, 'a', 'bad'), resource(CDS, 'b', '2'));
      for (const each of [one, two]) each.nack(await each.next(), 'Error adding cluster a: no');
      for (const each of [one, two]) expect(await settled(each)).to.deep.equal({ a: 'a=1', b: 'b=2' });
      expect(withheld()).to.deep.equal(['a accepted true 2']);
      expect(await fresh()).to.deep.equal([
        ['a', 'a=1'],
        ['b', 'b=2'],
      ]);
      await until(() => fixture.server.nodes().every(({ synced }) => synced), 'all are in step');
      // Others change: what was rejected stays away.
      publish(resource(CDS, 'a', 'bad'), resource(CDS, 'b', '3'));
      const third = await one.next();
      expect(Object.fromEntries(third.resources)).to.include({ b: 'b=3' });
      expect(JSON.stringify(third.resources)).not.to.contain('bad');
      one.ack(third);
      publish(resource(CDS, 'a', 'good'), resource(CDS, 'b', '3'));
      const good = await one.next();
      expect(Object.fromEntries(good.resources)).to.include({ a: 'a=good' });
      expect(withheld()).to.deep.equal([]);
      expect(changes).to.be.at.least(2);
    });

    it('leaves out what was never accepted', async () => {
      publish(resource(CDS, 'a'));
      const one = await running();
      publish(resource(CDS, 'a', '2'), resource(CDS, 'bad'));
      one.nack(await one.next(), 'Error adding cluster bad: no');
      const changed = await settled(one);
      expect(changed).to.deep.equal(variant === 'delta' ? { a: 'a=2', bad: undefined } : { a: 'a=2' });
      expect(withheld()).to.deep.equal(['bad nothing true 1']);
      expect(await fresh()).to.deep.equal([['a', 'a=2']]);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'it is in step');
    });

    it('keeps what the last accepted form may name, as long as that is served', async () => {
      publish(resource(CDS, 'old'), resource(RDS, 'r', 'to-old'));
      const one = await running();
      one.ask(subscription(variant, RDS, ['r']));
      one.ack(await one.next(), ['r']);
      publish(resource(CDS, 'new'), resource(RDS, 'r', 'to-new'));
      const clusters = await one.next();
      expect(JSON.stringify(clusters.resources)).to.contain('new=1');
      one.ack(clusters);
      one.nack(await one.next(), 'r is no good', ['r']);
      const back = await one.next();
      expect(back.resources).to.deep.equal([['r', 'r=to-old']]);
      one.ack(back, ['r']);
      const names = (await fresh()).map(([name]) => name);
      expect(names).to.deep.equal(['new', 'old']);
      await one.quiet();
      publish(resource(CDS, 'new'), resource(RDS, 'r', 'to-new, good'));
      one.ack(await one.next(), ['r']);
      const after = await one.next();
      expect(after.typeUrl).to.equal(CDS);
      expect(await fresh()).to.deep.equal([['new', 'new=1']]);
    });

    it('lets one proxy stand alone that rejects what others accept', async () => {
      publish(resource(CDS, 'a'));
      const one = await running();
      const two = await running();
      publish(resource(CDS, 'a', '2'));
      one.nack(await one.next(), 'Error adding cluster a: not here');
      two.ack(await two.next());
      await one.quiet();
      await two.quiet();
      expect(withheld()).to.deep.equal([]);
      expect(await fresh()).to.deep.equal([['a', 'a=2']]);
      expect(fixture.server.nodes().filter(({ synced }) => synced)).to.have.length(1);
    });

    it('gives up withholding what another proxy accepts later', async () => {
      publish(resource(CDS, 'a'));
      const one = await running();
      const two = await running();
      publish(resource(CDS, 'a', '2'));
      const held = await two.next();
      one.nack(await one.next(), 'Error adding cluster a: not here');
      one.ack(await one.next());
      expect(withheld()).to.deep.equal(['a accepted true 1']);
      two.ack(held);
      await until(() => withheld().length === 0, 'it is served again');
      await until(() => fixture.server.nodes().length === 2, 'both are there');
      expect(await fresh()).to.deep.equal([['a', 'a=2']]);
    });

    it('takes a failure of one host for what it is where nothing else could be served', async () => {
      publish(resource(LDS, 'l'));
      const one = client();
      one.ask({ typeUrl: LDS });
      one.nack(await one.next(), "Error adding listener l: cannot bind '0.0.0.0:80': Address already in use");
      await one.quiet();
      expect(withheld()).to.deep.equal([]);
      const two = client();
      two.ask({ typeUrl: LDS });
      expect((await two.next()).resources).to.deep.equal([['l', 'l=1']]);
    });

    it('keys apart: a rejection under one changes nothing under another', async () => {
      await fixture.close();
      fixture = await startServer({ lastAccepted: true, settleMs: 20, resolve: ({ cluster }) => cluster });
      for (const key of ['x', 'y']) fixture.publish(key, [resource(CDS, 'a')]);
      const [x, y] = ['x', 'y'].map((cluster) => fixture.client(variant, { node: { id: cluster, cluster } }));
      if (x === undefined || y === undefined) throw new Error('no clients');
      for (const each of [x, y]) {
        each.ask({ typeUrl: CDS });
        each.ack(await each.next());
      }
      for (const key of ['x', 'y']) fixture.publish(key, [resource(CDS, 'a', '2')]);
      x.nack(await x.next(), 'Error adding cluster a: no');
      expect((await x.next()).resources).to.deep.equal([['a', 'a=1']]);
      y.ack(await y.next());
      await y.quiet();
      expect(fixture.server.withheld().map(({ key }) => key)).to.deep.equal(['x']);
    });

    it('does not take from a returning proxy what it holds in a form from before', async () => {
      publish(resource(CDS, 'a', 'bad'), resource(CDS, 'b'));
      const one = client();
      one.ask({
        typeUrl: CDS,
        ...(variant === 'delta' ? { initial: { a: 'older', b: 'older' }, subscribe: ['*'] } : { versionInfo: 'older' }),
      });
      one.nack(await one.next(), 'Error adding cluster a: no');
      await until(() => (fixture.server.nodes()[0]?.types[0]?.rejection?.count ?? 0) > 0, 'the rejection');
      await new Promise((resolve) => setTimeout(resolve, 120));
      const later = variant === 'delta' ? await one.next() : undefined;
      expect(later?.removed ?? []).to.deep.equal([]);
      await one.quiet();
      expect(withheld()).to.deep.equal([]);
    });

    it('knows from a returning proxy what was accepted before it began', async () => {
      publish(resource(CDS, 'a'), resource(CDS, 'b'));
      const first = client();
      first.ask({ typeUrl: CDS });
      const { version } = await first.next();
      first.close();
      await fixture.close();
      fixture = await startServer({ lastAccepted: true, settleMs: 20 });
      const snapshot = fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
      const versions = [...(snapshot.types.get(CDS)?.resources.values() ?? [])].map((r) => [r.name, r.version]);
      const one = client();
      one.ask({
        typeUrl: CDS,
        ...(variant === 'delta'
          ? { initial: Object.fromEntries(versions), subscribe: ['*'] }
          : { versionInfo: version }),
      });
      await one.quiet();
      publish(resource(CDS, 'a', 'bad'), resource(CDS, 'b'));
      one.nack(await one.next(), 'Error adding cluster a: no');
      expect(Object.fromEntries((await one.next()).resources)).to.include({ a: 'a=1' });
      expect(withheld()).to.deep.equal(['a accepted true 1']);
    });

    it('offers it once more when told', async () => {
      publish(resource(CDS, 'a'));
      const one = await running();
      publish(resource(CDS, 'a', '2'));
      one.nack(await one.next(), 'Error adding cluster a: not now');
      one.ack(await one.next());
      expect(withheld()).to.have.length(1);
      fixture.server.retry();
      const again = await one.next();
      expect(again.resources).to.deep.equal([['a', 'a=2']]);
      one.ack(again);
      expect(withheld()).to.deep.equal([]);
      expect(await fresh()).to.deep.equal([['a', 'a=2']]);
    });

    it('forgets with the key', async () => {
      publish(resource(CDS, 'a'));
      const one = await running();
      publish(resource(CDS, 'a', '2'));
      one.nack(await one.next(), 'Error adding cluster a: no');
      await one.next();
      expect(withheld()).to.have.length(1);
      fixture.server.deleteSnapshot('g');
      expect(withheld()).to.deep.equal([]);
      publish(resource(CDS, 'a', '2'), resource(EDS, 'a'));
      expect(await fresh()).to.deep.equal([['a', 'a=2']]);
    });
  });
}
