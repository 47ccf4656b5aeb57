import { expect } from 'chai';
import type { ResourceInput } from '../../src/xds/index.ts';
import { type RawClient, type Received, resource, type Variant } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS, secret: SDS } = TYPE;

const clusterOf = (name: string, content = '1') => resource(CDS, name, content, [{ typeUrl: EDS, name }]);
const listenerOf = (route: string, content = '1') => resource(LDS, 'l', content, [{ typeUrl: RDS, name: route }]);

/** A configuration: one listener, its routes to `to`, and the given clusters with their endpoints. */
function configuration(to: string, clusters: string[]): ResourceInput[] {
  return [
    ...clusters.flatMap((name) => [clusterOf(name), resource(EDS, name)]),
    listenerOf('r'),
    resource(RDS, 'r', to),
  ];
}

const shortType = (typeUrl: string) =>
  ({ [CDS]: 'CDS', [EDS]: 'EDS', [LDS]: 'LDS', [RDS]: 'RDS', [SDS]: 'SDS' })[typeUrl] ?? typeUrl;
const short = (response: Received): string =>
  `${shortType(response.typeUrl)} ${[...response.resources.map(([, c]) => c), ...response.removed.map((n) => `-${n}`)].join(' ')}`;

for (const variant of VARIANTS) {
  describe(`xDS order, ${variant}`, () => {
    let fixture: Fixture;
    let client: RawClient;
    let names: Record<string, string[]>;

    beforeEach(async () => {
      fixture = await startServer({ ackTimeoutMs: 400 });
      client = fixture.client(variant);
      names = { [CDS]: [], [LDS]: [], [EDS]: ['a'], [RDS]: ['r'] };
    });
    afterEach(() => fixture.close());

    /** Subscribes to all types, as Envoy does, and accepts the first answers. */
    async function subscribeAll(): Promise<void> {
      for (const typeUrl of [CDS, EDS, LDS, RDS]) {
        client.ask(subscription(variant, typeUrl, names[typeUrl] ?? []));
        accept(await client.next());
      }
      await client.quiet(50);
    }

    function accept(response: Received): void {
      client.ack(response, names[response.typeUrl]);
    }

    /** Asks for one more name of a type, in the words of the variant. */
    function alsoAsk(typeUrl: string, name: string, last: Record<string, Received>): void {
      names[typeUrl] = [...(names[typeUrl] ?? []), name];
      const response = last[typeUrl];
      if (variant === 'delta') client.ask({ typeUrl, subscribe: [name] });
      else if (response !== undefined) client.ack(response, names[typeUrl]);
    }

    it('sends the assignment again behind a changed cluster', async () => {
      const base = configuration('a', ['a', 'b']);
      fixture.publish('g', base);
      await subscribeAll();
      fixture.publish('g', [clusterOf('a', '2'), ...base.slice(1)]);
      const cluster = await client.next();
      expect(short(cluster)).to.equal(variant === 'delta' ? 'CDS a=2' : 'CDS a=2 b=1');
      accept(cluster);
      const assignment = await client.next();
      expect(short(assignment)).to.equal('EDS a=1');
      accept(assignment);
      await client.quiet();
    });

    it('sends the routes again behind a changed listener', async () => {
      const base = configuration('a', ['a']);
      fixture.publish('g', base);
      await subscribeAll();
      fixture.publish(
        'g',
        base.map((input) => (input.typeUrl === LDS ? listenerOf('r', '2') : input)),
      );
      const listener = await client.next();
      expect(short(listener)).to.equal('LDS l=2');
      accept(listener);
      const routes = await client.next();
      expect(short(routes)).to.equal('RDS r=a');
      accept(routes);
      await client.quiet();
    });

    it('sends the assignment behind a new cluster that shares it with an old one', async () => {
      const base = configuration('a', ['a']);
      fixture.publish('g', base);
      await subscribeAll();
      fixture.publish('g', [...base, resource(CDS, 'twin', '1', [{ typeUrl: EDS, name: 'a' }])]);
      const clusters = await client.next();
      accept(clusters);
      expect(short(await client.next())).to.equal('EDS a=1');
    });

    it('sends the assignment behind a cluster that changed while the client was away', async () => {
      const base = configuration('a', ['a']);
      const before = fixture.publish('g', base);
      await subscribeAll();
      fixture.publish('g', [clusterOf('a', '2'), ...base.slice(1)]);
      const back = fixture.client(variant, { node: { id: 'back' } });
      const version = (typeUrl: string) => before.types.get(typeUrl)?.resources.get('a')?.version ?? '';
      if (variant === 'delta') {
        back.ask({ typeUrl: CDS, initial: { a: version(CDS) } });
        back.ask({ typeUrl: EDS, subscribe: ['a'], initial: { a: version(EDS) } });
      } else {
        // The version of the subset {a} of the assignments, from a stream that has it.
        const endpointVersion = fixture.server.nodes()[0]?.types.find((type) => type.typeUrl === EDS)?.acked ?? '';
        back.ask({ typeUrl: CDS, versionInfo: before.types.get(CDS)?.version ?? '' });
        back.ask({ typeUrl: EDS, names: ['a'], versionInfo: endpointVersion });
      }
      const cluster = await back.next();
      expect(short(cluster)).to.equal('CDS a=2');
      back.ack(cluster);
      expect(short(await back.next())).to.equal('EDS a=1');
    });

    it('adds before it uses, and removes after the last use was acknowledged', async () => {
      fixture.publish('g', configuration('a', ['a']));
      await subscribeAll();
      fixture.publish('g', configuration('b', ['b']));
      const seen: string[] = [];
      const last: Record<string, Received> = {};
      const step = async (): Promise<Received> => {
        const response = await client.next();
        seen.push(short(response));
        last[response.typeUrl] = response;
        return response;
      };
      const clusters = await step();
      accept(clusters);
      // The new cluster is warming until its endpoints have come: the routes wait for that.
      await client.quiet(100);
      if (variant === 'delta') alsoAsk(EDS, 'b', last);
      else {
        // In SotW the request repeats the nonce of the last assignment.
        names[EDS] = ['a', 'b'];
        client.ask({ typeUrl: EDS, names: ['a', 'b'], nonce: '2' });
      }
      accept(await step());
      const routes = await step();
      await client.quiet(100);
      accept(routes);
      const removal = await step();
      expect(seen).to.deep.equal(
        variant === 'delta'
          ? ['CDS b=1', 'EDS b=1', 'RDS r=b', 'CDS -a']
          : ['CDS a=1 b=1', 'EDS b=1', 'RDS r=b', 'CDS b=1'],
      );
      accept(removal);
      if (variant === 'delta') expect(short(await client.next())).to.equal('EDS -a');
    });

    it('holds removals while the routes that would stop using them are rejected', async () => {
      fixture.publish('g', configuration('a', ['a', 'old']));
      await subscribeAll();
      fixture.publish('g', configuration('bad', ['a']));
      const routes = await client.next();
      expect(short(routes)).to.equal('RDS r=bad');
      client.nack(routes, 'r is bad', ['r']);
      await client.quiet(600);
      fixture.publish('g', configuration('good', ['a']));
      const good = await client.next();
      expect(short(good)).to.equal('RDS r=good');
      accept(good);
      expect(short(await client.next())).to.equal(variant === 'delta' ? 'CDS -old' : 'CDS a=1');
    });

    it('removes at once what nothing else of the change could be using', async () => {
      fixture.publish('g', configuration('a', ['a', 'old']));
      await subscribeAll();
      fixture.publish('g', configuration('a', ['a']));
      expect(short(await client.next())).to.equal(variant === 'delta' ? 'CDS -old' : 'CDS a=1');
    });

    it('goes on with removals when the client does not answer', async () => {
      fixture.publish('g', configuration('a', ['a', 'old']));
      await subscribeAll();
      fixture.publish('g', configuration('b', ['a']));
      expect(short(await client.next())).to.equal('RDS r=b');
      await client.quiet(150);
      expect(short(await client.next())).to.equal(variant === 'delta' ? 'CDS -old' : 'CDS a=1');
    });

    it('goes from one unfinished change to the next without losing what is in use', async () => {
      fixture.publish('g', configuration('a', ['a', 'b']));
      await subscribeAll();
      fixture.publish('g', configuration('x', ['b']));
      const routes = await client.next();
      expect(short(routes)).to.equal('RDS r=x');
      // `a` is still held; the next revision drops `b` as well.
      fixture.publish('g', configuration('y', ['c']));
      const clusters = await client.next();
      expect(short(clusters)).to.equal(variant === 'delta' ? 'CDS c=1' : 'CDS a=1 b=1 c=1');
    });

    it('sends a changed secret before the cluster that changed with it', async () => {
      const withSecret = (content: string) => [
        resource(SDS, 's', content),
        resource(CDS, 'a', content, [{ typeUrl: SDS, name: 's' }]),
      ];
      fixture.publish('g', withSecret('1'));
      client.ask(subscription(variant, CDS, []));
      accept(await client.next());
      client.ask(subscription(variant, SDS, ['s']));
      names[SDS] = ['s'];
      accept(await client.next());
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      fixture.publish('g', withSecret('2'));
      const secret = await client.next();
      expect(short(secret)).to.equal('SDS s=2');
      expect(short(await client.next())).to.equal('CDS a=2');
    });
  });
}

describe('xDS order on a per-type stream', () => {
  it('does not wait for types that the stream cannot carry', async () => {
    const fixture = await startServer();
    try {
      fixture.publish('g', configuration('a', ['a']));
      for (const variant of VARIANTS as readonly Variant[]) {
        const path = `/envoy.service.cluster.v3.ClusterDiscoveryService/${variant === 'sotw' ? 'Stream' : 'Delta'}Clusters`;
        const client = fixture.client(variant, { path });
        client.ask({});
        const first = await client.next();
        expect(short(first)).to.equal('CDS a=1');
        client.ack({ ...first, typeUrl: '' });
      }
    } finally {
      await fixture.close();
    }
  });
});
