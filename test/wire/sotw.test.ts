import { expect } from 'chai';
import { resource } from './client.ts';
import { type Fixture, startServer, TYPE, until } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS } = TYPE;

describe('xDS SotW alone', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startServer();
  });
  afterEach(() => fixture.close());

  for (const typeUrl of [CDS, LDS]) {
    it(`sends the full state of ${typeUrl.split('.').at(-1)}s, without what was removed`, async () => {
      fixture.publish('g', [resource(typeUrl, 'a'), resource(typeUrl, 'b'), resource(typeUrl, 'c')]);
      const client = fixture.client('sotw');
      client.ask({ typeUrl });
      client.ack(await client.next());
      fixture.publish('g', [resource(typeUrl, 'a'), resource(typeUrl, 'b', '2'), resource(typeUrl, 'c')]);
      const changed = await client.next();
      expect(changed.resources.map(([, content]) => content)).to.deep.equal(['a=1', 'b=2', 'c=1']);
      client.ack(changed);
      fixture.publish('g', [resource(typeUrl, 'a'), resource(typeUrl, 'c')]);
      const removed = await client.next();
      expect(removed.resources.map(([name]) => name)).to.deep.equal(['a', 'c']);
      client.ack(removed);
      fixture.publish('g', []);
      expect((await client.next()).resources).to.deep.equal([]);
    });
  }

  it('answers a cluster that does not exist with a full state that lacks it', async () => {
    fixture.publish('g', [resource(CDS, 'a')]);
    const client = fixture.client('sotw');
    client.ask({ typeUrl: CDS, names: ['ghost'] });
    const empty = await client.next();
    expect(empty.resources).to.deep.equal([]);
    client.ack(empty, ['ghost', 'a']);
    expect((await client.next()).resources).to.deep.equal([['a', 'a=1']]);
  });

  it('ignores a request with a stale nonce, its names too', async () => {
    fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
    const client = fixture.client('sotw');
    client.ask({ typeUrl: EDS, names: ['a'] });
    const first = await client.next();
    client.ack(first, ['a']);
    fixture.publish('g', [resource(EDS, 'a', '2'), resource(EDS, 'b')]);
    const second = await client.next();
    client.ask({ typeUrl: EDS, nonce: first.nonce, names: ['a', 'b'] });
    client.ask({ typeUrl: EDS, nonce: first.nonce, names: ['a'], error: { code: 3, message: 'late' } });
    client.ask({ typeUrl: EDS, names: ['a', 'b'] });
    await client.quiet();
    expect(fixture.nacks).to.deep.equal([]);
    expect(fixture.server.nodes()[0]?.synced).to.equal(false);
    client.ack(second, ['a', 'b']);
    expect((await client.next()).resources).to.deep.equal([['b', 'b=1']]);
  });

  it('takes the nonce of an earlier stream on the first request as none', async () => {
    fixture.publish('g', [resource(EDS, 'a')]);
    const client = fixture.client('sotw');
    client.ask({ typeUrl: EDS, names: ['a'], nonce: '17' });
    expect((await client.next()).resources).to.deep.equal([['a', 'a=1']]);
  });

  it('ends a wildcard when names are given, and an empty list then means nothing', async () => {
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
    const client = fixture.client('sotw');
    client.ask({ typeUrl: CDS });
    const all = await client.next();
    client.ack(all, ['a']);
    const one = await client.next();
    expect(one.resources).to.deep.equal([['a', 'a=1']]);
    client.ack(one, []);
    fixture.publish('g', [resource(CDS, 'a', '2'), resource(CDS, 'b', '2')]);
    await client.quiet();
  });

  it('keeps a legacy wildcard while the list stays empty', async () => {
    fixture.publish('g', [resource(CDS, 'a')]);
    const client = fixture.client('sotw');
    client.ask({ typeUrl: CDS });
    client.ack(await client.next(), []);
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
    expect((await client.next()).resources.map(([name]) => name)).to.deep.equal(['a', 'b']);
  });

  it('mixes * with names', async () => {
    fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
    const client = fixture.client('sotw');
    client.ask({ typeUrl: EDS, names: ['a'] });
    const one = await client.next();
    expect(one.resources.map(([name]) => name)).to.deep.equal(['a']);
    client.ack(one, ['*', 'a']);
    const all = await client.next();
    expect(all.resources.map(([name]) => name)).to.deep.equal(['a', 'b']);
    client.ack(all, ['a']);
    await until(() => fixture.server.nodes()[0]?.synced === true, 'acknowledged');
    fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b', '2')]);
    await client.quiet();
  });
});
