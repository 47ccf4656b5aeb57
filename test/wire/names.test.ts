/** Resources that are asked for by other means than their name: collections, aliases; and those that come on demand. */
import { expect } from 'chai';
import { discoveryCodec } from '../../src/envoy/schema/index.ts';
import type { ResourceInput } from '../../src/xds/index.ts';
import { type Received, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, localityEndpoint: LEDS, virtualHost: VHDS } = TYPE;

const contents = ({ resources }: Received): string[] => resources.map(([, content]) => content);

for (const variant of VARIANTS) {
  describe(`xDS collections, ${variant}`, () => {
    let fixture: Fixture;
    beforeEach(async () => {
      fixture = await startServer();
    });
    afterEach(() => fixture.close());

    it('X-18: a name that ends in /* is all names below it', async () => {
      fixture.publish('g', [resource(EDS, 'a/1'), resource(EDS, 'a/2/3'), resource(EDS, 'b/1'), resource(EDS, 'a')]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['a/*', 'b/1']));
      const first = await client.next();
      expect(contents(first)).to.deep.equal(['a/1=1', 'a/2/3=1', 'b/1=1']);
      client.ack(first, ['a/*', 'b/1']);
      fixture.publish('g', [resource(EDS, 'a/1'), resource(EDS, 'a/4'), resource(EDS, 'b/1'), resource(EDS, 'a', '2')]);
      const second = await client.next();
      expect(contents(second)).to.deep.equal(['a/4=1']);
      client.ack(second, ['a/*', 'b/1']);
      if (variant === 'delta') {
        const removal = await client.next();
        expect(removal.removed).to.deep.equal(['a/2/3']);
        client.ack(removal);
      }
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      expect(fixture.server.resources('n1').map(({ name }) => name)).to.have.members(['a/1', 'a/4', 'b/1']);
    });

    it('X-18: a collection of xdstp names is one directory with one set of parameters', async () => {
      const name = (path: string) => `xdstp://authority/envoy.config.endpoint.v3.ClusterLoadAssignment/${path}`;
      fixture.publish('g', [
        ...['a/1?env=x', 'a/2?env=y', 'a/b/1?env=x', 'a/3'].map((path) => resource(EDS, name(path), 'c')),
      ]);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, [name('a/*?env=x')]));
      const answer = await client.next();
      expect(answer.raw.includes(name('a/1?env=x'))).to.equal(true);
      expect(answer.resources.length).to.equal(1);
    });
  });
}

describe('xDS collections on reconnection', () => {
  it('send what differs', async () => {
    const fixture = await startServer();
    try {
      const snapshot = fixture.publish('g', [resource(EDS, 'a/1'), resource(EDS, 'a/2')]);
      const held = snapshot.types.get(EDS)?.resources.get('a/1')?.version ?? '';
      const client = fixture.client('delta');
      client.ask({ typeUrl: EDS, subscribe: ['a/*', 'empty/*'], initial: { 'a/1': held, 'a/0': 'old' } });
      const answer = await client.next();
      expect(contents(answer)).to.deep.equal(['a/2=1']);
    } finally {
      await fixture.close();
    }
  });
});

describe('xDS names on demand', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startServer();
  });
  afterEach(() => fixture.close());

  const host = (name: string, domains: string[], content = '1'): ResourceInput => ({
    ...resource(VHDS, `r/${name}`, content),
    aliases: domains.map((domain) => `r/${domain}`),
  });
  const raw = ({ raw: bytes }: Received) =>
    (discoveryCodec.decodeDeltaResponse(bytes).resources ?? []).map(({ name, aliases = [], resource: body }) => ({
      name,
      aliases: [...aliases],
      there: body !== undefined && body !== null,
    }));

  it('X-25: a client that names no virtual host gets none, and no wait', async () => {
    fixture.publish('g', [host('one', ['one.test'])]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: VHDS });
    const answer = await client.next();
    // What belongs to the route configuration lets Envoy go on.
    expect(raw(answer)).to.deep.equal([{ name: 'r/', aliases: ['r/'], there: false }]);
    client.ack(answer);
    fixture.publish('g', [host('one', ['one.test'], '2')]);
    await client.quiet();
  });

  it('X-25: a virtual host is found by its hosts, and changes follow', async () => {
    fixture.publish('g', [host('one', ['one.test', 'uno.test']), host('two', ['two.test'])]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: VHDS });
    client.ack(await client.next());
    client.ask({ typeUrl: VHDS, subscribe: ['r/uno.test'] });
    const answer = await client.next();
    expect(raw(answer)).to.deep.equal([{ name: 'r/one', aliases: ['r/one.test', 'r/uno.test'], there: true }]);
    client.ack(answer);
    fixture.publish('g', [host('one', ['one.test', 'uno.test'], '2'), host('two', ['two.test'], '2')]);
    const change = await client.next();
    expect(contents(change)).to.deep.equal(['r/one=2']);
    client.ack(change);
    fixture.publish('g', [resource(VHDS, 'r/two', '2')]);
    expect((await client.next()).removed).to.deep.equal(['r/one']);
  });

  it('X-25: a host that nobody knows is answered without content, and with it once there is some', async () => {
    fixture.publish('g', [host('one', ['one.test'])]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: VHDS, subscribe: ['r/ghost.test'] });
    const answer = await client.next();
    expect(raw(answer)).to.deep.equal([{ name: 'r/ghost.test', aliases: ['r/ghost.test'], there: false }]);
    expect(answer.removed).to.deep.equal([]);
    client.ack(answer);
    fixture.publish('g', [host('one', ['one.test']), host('new', ['ghost.test'])]);
    expect(raw(await client.next())).to.deep.equal([{ name: 'r/new', aliases: ['r/ghost.test'], there: true }]);
  });

  it('X-25: a client that comes back goes on with the virtual hosts that it holds', async () => {
    const snapshot = fixture.publish('g', [host('one', ['one.test']), host('two', ['two.test'])]);
    const version = snapshot.types.get(VHDS)?.resources.get('r/one')?.version ?? '';
    const client = fixture.client('delta');
    client.ask({ typeUrl: VHDS, initial: { 'r/one': version } });
    await client.quiet();
    fixture.publish('g', [host('one', ['one.test'], '2'), host('two', ['two.test'], '2')]);
    expect(contents(await client.next())).to.deep.equal(['r/one=2']);
  });

  it('X-25: changed aliases are a change', async () => {
    fixture.publish('g', [host('one', ['one.test'])]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: VHDS, subscribe: ['r/one'] });
    client.ack(await client.next());
    fixture.publish('g', [host('one', ['one.test', 'uno.test'])]);
    expect(raw(await client.next())[0]?.aliases).to.deep.equal(['r/one.test', 'r/uno.test']);
  });

  it('serves clusters on demand, one at a time', async () => {
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: CDS, subscribe: ['a'] });
    const answer = await client.next();
    expect(contents(answer)).to.deep.equal(['a=1']);
    client.ack(answer);
    client.ask({ typeUrl: CDS, subscribe: ['ghost'] });
    expect((await client.next()).removed).to.deep.equal(['ghost']);
  });

  it('serves the endpoints of a locality as a collection', async () => {
    const name = (path: string) => `xdstp://authority/envoy.config.endpoint.v3.LbEndpoint/${path}`;
    fixture.publish('g', [resource(LEDS, name('east/1')), resource(LEDS, name('west/1'))]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: LEDS, subscribe: [name('east/*')] });
    const answer = await client.next();
    expect(answer.resources.map(([found]) => found)).to.deep.equal([name('east/1')]);
    client.ack(answer);
    fixture.publish('g', [resource(LEDS, name('east/1')), resource(LEDS, name('east/2'))]);
    expect((await client.next()).resources.map(([found]) => found)).to.deep.equal([name('east/2')]);
  });
});
