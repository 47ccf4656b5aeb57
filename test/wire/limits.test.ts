/** What one client may take from the others: nothing. */
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { XdsServerOptions } from '../../src/xds/index.ts';
import { connectDeaf, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS } = TYPE;

describe('xDS limits', () => {
  let fixture: Fixture | undefined;
  const start = async (options: Partial<XdsServerOptions> = {}): Promise<Fixture> => {
    fixture = await startServer(options);
    fixture.publish('g', [resource(CDS, 'a')]);
    return fixture;
  };
  afterEach(async () => {
    await fixture?.close();
    fixture = undefined;
  });

  for (const variant of VARIANTS) {
    it(`refuses nodes, streams and names beyond the limits, and nobody else, ${variant}`, async () => {
      const limits = { maxNodes: 2, maxStreamsPerNode: 2, maxNames: 3 };
      const { server, client } = await start({ limits });
      const open = (id: string) => {
        const one = client(variant, { node: { id } });
        one.ask({ typeUrl: CDS });
        return one;
      };
      const good = open('n1');
      good.ack(await good.next());
      await open('n1').next();
      await open('n2').next();
      for (const [id, word] of [
        ['n3', 'nodes'],
        ['n1', 'streams'],
      ] as const) {
        const end = await open(id).status();
        expect(end).to.include({ code: status.RESOURCE_EXHAUSTED });
        expect(end.details).to.contain(word);
      }
      const greedy = client(variant, { node: { id: 'n2' } });
      greedy.ask(subscription(variant, EDS, ['a', 'b', 'c', 'd']));
      expect(await greedy.status()).to.include({ code: status.RESOURCE_EXHAUSTED });
      await until(() => server.nodes().find(({ node }) => node.id === 'n2')?.streams === 1, 'the greedy one is gone');
      await open('n2').next();
      fixture?.publish('g', [resource(CDS, 'a', '2')]);
      expect((await good.next()).resources).to.deep.equal([['a', 'a=2']]);
    });

    it(`refuses streams beyond those of all nodes, ${variant}`, async () => {
      const { client } = await start({ limits: { maxStreams: 1 } });
      const first = client(variant);
      first.ask({ typeUrl: CDS });
      await first.next();
      const second = client(variant);
      second.ask({ typeUrl: CDS });
      expect(await second.status()).to.include({ code: status.RESOURCE_EXHAUSTED });
    });

    it(`moves connections on when they are old, and sends nothing again, ${variant}`, async () => {
      const { client, publish } = await start({ connectionAge: { maxMs: 300, graceMs: 100 } });
      const snapshot = publish('g', [resource(CDS, 'a')]);
      const first = client(variant);
      first.ask({ typeUrl: CDS });
      const answer = await first.next();
      first.ack(answer);
      expect(await first.status()).to.include({ code: status.UNAVAILABLE });
      const again = client(variant);
      const held = { a: snapshot.types.get(CDS)?.resources.get('a')?.version ?? '' };
      again.ask({ typeUrl: CDS, ...(variant === 'sotw' ? { versionInfo: answer.version } : { initial: held }) });
      await again.quiet();
    });
  }

  it('counts the names of a subscription, however many requests they came in', async () => {
    const { client } = await start({ limits: { maxNames: 3 } });
    const one = client('delta');
    one.ask({ typeUrl: EDS, subscribe: ['a', 'b'] });
    await one.next();
    one.ask({ typeUrl: EDS, subscribe: ['c', 'd'] });
    expect(await one.status()).to.include({ code: status.RESOURCE_EXHAUSTED });
  });

  it('cuts off who does not read, and who does not ask', async () => {
    const { server, client, publish, port } = await start({ limits: { stuckMs: 200 } });
    publish('g', [resource(CDS, 'a'), resource(EDS, 'big', 'x'.repeat(1024 * 1024))]);
    const good = client('delta');
    good.ask({ typeUrl: CDS });
    good.ack(await good.next());
    const deaf = connectDeaf(port, EDS, ['big']);
    const mute = client('delta');
    try {
      await until(() => server.nodes().length === 2, 'both are there');
      expect(await mute.status()).to.include({ code: status.DEADLINE_EXCEEDED });
      await until(() => server.nodes().length === 1, 'the deaf one is gone');
      expect(server.nodes()[0]?.node.id).to.equal('n1');
      publish('g', [resource(CDS, 'a', '2')]);
      expect((await good.next()).resources).to.deep.equal([['a', 'a=2']]);
    } finally {
      deaf.close();
    }
  });

  it('holds one response for each of 200 clients that never read, however much is published', async () => {
    const { server, client, publish, port } = await start({ ackTimeoutMs: 20 });
    const big = (content: string) => [resource(CDS, 'a', content), resource(EDS, 'big', content.repeat(100_000))];
    publish('g', big('0'));
    const deaf = Array.from({ length: 200 }, (_, i) => connectDeaf(port, EDS, ['big'], `deaf-${i}`));
    try {
      await until(() => server.nodes().filter(({ types }) => types[0]?.sent).length === 200, 'all are served', 10_000);
      const good = client('delta');
      good.ask({ typeUrl: CDS });
      good.ack(await good.next());
      const before = process.memoryUsage();
      for (let i = 1; i <= 30; i++) {
        publish('g', big(String(i % 10)));
        good.ack(await good.next());
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      const after = process.memoryUsage();
      // One more response each would be 20 MB.
      expect(after.arrayBuffers - before.arrayBuffers).to.be.lessThan(15_000_000);
      expect(after.heapUsed - before.heapUsed).to.be.lessThan(30_000_000);
    } finally {
      for (const one of deaf) one.close();
    }
  });
});
