import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { GatewayError } from '../../src/lib/errors.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { createSnapshot, createXdsServer, type NodeEvent, type NodeInfo } from '../../src/xds/index.ts';
import { connectDeaf, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS } = TYPE;

describe('xDS server', () => {
  let fixture: Fixture | undefined;
  const start = async (options: Parameters<typeof startServer>[0] = {}): Promise<Fixture> => {
    fixture = await startServer(options);
    return fixture;
  };
  afterEach(async () => {
    await fixture?.close();
    fixture = undefined;
  });

  for (const variant of VARIANTS) {
    it(`holds unknown nodes and answers when they become known, ${variant}`, async () => {
      let known = false;
      const events: NodeEvent[] = [];
      const { server, publish, client } = await start({
        resolve: () => (known ? 'g' : undefined),
        onNodeChange: (event) => events.push(event),
      });
      const stranger = client(variant, { node: { id: 'who', cluster: 'x' } });
      stranger.ask({ typeUrl: CDS });
      stranger.ask(subscription(variant, EDS, ['a']));
      await stranger.quiet();
      expect(server.nodes()[0]).to.include({ waiting: true, synced: false, streams: 1 });
      known = true;
      server.reresolve();
      await stranger.quiet();
      expect(server.nodes()[0]).to.include({ waiting: true, key: 'g' });
      publish('g', [resource(CDS, 'a'), resource(EDS, 'a')]);
      const answers = [await stranger.next(), await stranger.next()];
      expect(answers.map((answer) => answer.typeUrl).sort()).to.deep.equal([CDS, EDS].sort());
      expect(server.nodes()[0]).to.include({ waiting: false });
      server.deleteSnapshot('g');
      await stranger.quiet();
      expect(server.nodes()[0]).to.include({ waiting: true });
      stranger.close();
      await until(() => events.length === 2, 'disconnected');
      expect(events.map(({ kind }) => kind)).to.deep.equal(['connected', 'disconnected']);
    });

    it(`serves several keys, and moves a node from one to another, ${variant}`, async () => {
      const keys: Record<string, string> = { n1: 'one', n2: 'two' };
      const { server, publish, client } = await start({ resolve: (node) => keys[node.id] });
      publish('one', [resource(CDS, 'a', 'one')]);
      publish('two', [resource(CDS, 'a', 'two')]);
      const first = client(variant, { node: { id: 'n1' } });
      const second = client(variant, { node: { id: 'n2' } });
      first.ask({ typeUrl: CDS });
      second.ask({ typeUrl: CDS });
      const answer = await first.next();
      expect(answer.resources).to.deep.equal([['a', 'a=one']]);
      first.ack(answer);
      expect((await second.next()).resources).to.deep.equal([['a', 'a=two']]);
      publish('one', [resource(CDS, 'a', 'new')]);
      const changed = await first.next();
      expect(changed.resources).to.deep.equal([['a', 'a=new']]);
      first.ack(changed);
      await second.quiet();
      keys.n1 = 'two';
      server.reresolve();
      expect((await first.next()).resources).to.deep.equal([['a', 'a=two']]);
    });

    it(`refuses what is malformed, and goes on serving, ${variant}`, async () => {
      const { publish, client } = await start();
      publish('g', [resource(CDS, 'a')]);
      const noType = client(variant);
      noType.ask({});
      expect(await noType.status()).to.include({ code: status.INVALID_ARGUMENT });
      const empty = client(variant);
      empty.raw(new Uint8Array());
      expect(await empty.status()).to.include({ code: status.INVALID_ARGUMENT });
      const noNode = client(variant);
      noNode.ask({ typeUrl: CDS, node: null });
      const refused = await noNode.status();
      expect(refused).to.include({ code: status.INVALID_ARGUMENT });
      expect(refused.details).to.contain('node');
      for (const bytes of [[0x0a, 0xff], [0xff, 0xff, 0xff], [0x07], [0x00, 0x01], [0x12, 0x02, 0x0a, 0x09]]) {
        const broken = client(variant);
        broken.raw(Uint8Array.from(bytes));
        expect(await broken.status(), `${bytes}`).to.include({ code: status.INVALID_ARGUMENT });
      }
      const good = client(variant);
      good.ask({ typeUrl: CDS });
      expect((await good.next()).resources).to.deep.equal([['a', 'a=1']]);
    });

    it(`serves a type on its own service, type_url or not, ${variant}`, async () => {
      const { publish, client } = await start();
      publish('g', [resource(EDS, 'a')]);
      const path = `/envoy.service.endpoint.v3.EndpointDiscoveryService/${variant === 'sotw' ? 'Stream' : 'Delta'}Endpoints`;
      const plain = client(variant, { path });
      plain.ask(variant === 'sotw' ? { names: ['a'] } : { subscribe: ['a'] });
      expect((await plain.next()).typeUrl).to.equal(EDS);
      const wrong = client(variant, { path });
      wrong.ask({ typeUrl: CDS });
      expect(await wrong.status()).to.include({ code: status.INVALID_ARGUMENT });
    });

    it(`carries messages beyond 4 MiB both ways, ${variant}`, async () => {
      const { publish, client } = await start();
      const big = 'x'.repeat(6 * 1024 * 1024);
      publish('g', [resource(EDS, 'a', big)]);
      const greedy = client(variant);
      const names = Array.from({ length: 60_000 }, (_, i) => `${'n'.repeat(100)}${i}`);
      greedy.ask(subscription(variant, EDS, ['a', ...names]));
      const answer = await greedy.next(10_000);
      expect(answer.resources[0]?.[1].length).to.equal(big.length + 2);
      expect(answer.removed.length).to.equal(variant === 'delta' ? names.length : 0);
    });

    it(`limits what a client may send, ${variant}`, async () => {
      const { publish, client } = await start({ limits: { maxReceiveBytes: 1000, maxTypesPerStream: 2 } });
      publish('g', [resource(CDS, 'a')]);
      const big = client(variant);
      big.ask(subscription(variant, CDS, ['x'.repeat(2000)]));
      expect(await big.status()).to.include({ code: status.RESOURCE_EXHAUSTED });
      const many = client(variant);
      for (const typeUrl of ['t1', 't2', 't3']) many.ask({ typeUrl });
      expect(await many.status()).to.include({ code: status.RESOURCE_EXHAUSTED });
    });

    it(`ends streams with UNAVAILABLE when it drains, ${variant}`, async () => {
      const { server, publish, client } = await start();
      publish('g', [resource(CDS, 'a')]);
      const open = [client(variant), client(variant)];
      for (const stream of open) {
        stream.ask({ typeUrl: CDS });
        await stream.next();
      }
      await server.drain(2000);
      for (const stream of open) expect(await stream.status()).to.include({ code: status.UNAVAILABLE });
      expect(server.nodes()).to.deep.equal([]);
    });
  }

  it('takes an unsubscribed client, one that leaves, and one that ends its side as a matter of course', async () => {
    const { server, publish, client } = await start();
    publish('g', [resource(CDS, 'a')]);
    const leaving = client('sotw');
    leaving.ask({ typeUrl: CDS });
    await leaving.next();
    leaving.close();
    await until(() => server.nodes().length === 0, 'gone');
    publish('g', [resource(CDS, 'a', '2')]);
    const next = client('sotw');
    next.ask({ typeUrl: CDS });
    expect((await next.next()).resources).to.deep.equal([['a', 'a=2']]);
  });

  it('sends a client that does not read one response, and the newest once it reads', async () => {
    const { server, port, publish } = await start({ ackTimeoutMs: 30 });
    const sent = () => server.nodes()[0]?.types[0]?.sent;
    const big = (content: string) => [resource(EDS, 'a', content.repeat(1024 * 1024))];
    const first = publish('g', big('0')).types.get(EDS)?.version;
    const deaf = connectDeaf(port, EDS, ['a']);
    try {
      await until(() => sent() === first, 'the first response');
      let last: string | undefined;
      for (let i = 1; i <= 9; i++) {
        last = publish('g', big(String(i))).types.get(EDS)?.version;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(sent()).to.equal(first);
      deaf.listen();
      await until(() => sent() === last, 'the newest');
    } finally {
      deaf.close();
    }
  });

  it('ends the one stream on which something fails, and no other', async () => {
    const { server, publish, client } = await start({
      resolve: (node) => {
        if (node.id === 'unlucky') throw new Error('a bug');
        return 'g';
      },
    });
    publish('g', [resource(CDS, 'a')]);
    const good = client('delta');
    good.ask({ typeUrl: CDS });
    good.ack(await good.next());
    const unlucky = client('delta', { node: { id: 'unlucky' } });
    unlucky.ask({ typeUrl: CDS });
    const end = await unlucky.status();
    expect(end).to.include({ code: status.UNAVAILABLE });
    expect(end.details).to.not.contain('a bug');
    await until(() => server.nodes().length === 1, 'the failed one is gone');
    publish('g', [resource(CDS, 'a', '2')]);
    expect((await good.next()).resources).to.deep.equal([['a', 'a=2']]);
  });

  it('reads what a node says of itself', async () => {
    const nodes: NodeInfo[] = [];
    const { client } = await start({
      resolve: (node) => {
        nodes.push(node);
        return undefined;
      },
    });
    client('delta', {
      node: {
        id: 'n',
        cluster: 'c',
        user_agent_name: 'envoy',
        user_agent_build_version: { version: { major_number: 1, minor_number: 40, patch: 0 } },
        extensions: [
          { name: 'envoy.filters.http.router', category: 'envoy.filters.http', type_urls: ['t1', 't2'] },
          { name: 'off', disabled: true },
        ],
        client_features: ['xds.config.resource-in-sotw'],
        metadata: { zone: 'a', list: [1, true, null, { deep: 'x' }] },
      },
    }).ask({ typeUrl: CDS });
    await until(() => nodes.length === 1, 'resolved');
    expect(nodes[0]).to.deep.equal({
      id: 'n',
      cluster: 'c',
      userAgentName: 'envoy',
      userAgentVersion: '1.40.0',
      extensions: [
        { name: 'envoy.filters.http.router', category: 'envoy.filters.http', typeUrls: ['t1', 't2'] },
        { name: 'off', typeUrls: [], disabled: true },
      ],
      clientFeatures: ['xds.config.resource-in-sotw'],
      metadata: { zone: 'a', list: [1, true, null, { deep: 'x' }] },
    });
  });

  it('names the address that is in use', async () => {
    const { port } = await start();
    const second = createXdsServer({ resolve: () => undefined, logger: silentLogger });
    try {
      await second.listen({ host: '127.0.0.1', port });
      expect.fail('it listened');
    } catch (caught) {
      expect(caught).to.be.instanceOf(GatewayError);
      expect(caught).to.include({ code: 'port_in_use' });
      expect((caught as GatewayError).message).to.contain(`127.0.0.1:${port}`);
    } finally {
      await second.close();
    }
  });

  it('sends the bytes of one endpoint when one of a thousand changes', async () => {
    const { publish, client } = await start();
    const many = (changed: string) =>
      Array.from({ length: 1000 }, (_, i) => resource(EDS, `cluster-${i}`, i === 500 ? changed : 'x'.repeat(200)));
    publish('g', many('1'));
    const names = many('1').map(({ name }) => name);
    for (const variant of VARIANTS) {
      publish('g', many('1'));
      const fleet = [client(variant), client(variant)];
      for (const one of fleet) {
        one.ask(subscription(variant, EDS, names));
        one.ack(await one.next(), names);
      }
      publish('g', many('2'));
      for (const one of fleet) {
        const push = await one.next();
        expect(push.resources).to.deep.equal([['cluster-500', 'cluster-500=2']]);
        expect(push.bytes).to.be.lessThan(300);
        one.close();
      }
    }
  });

  it('does not push a snapshot of equal content, even one that was built anew', async () => {
    const { server, client } = await start();
    server.setSnapshot('g', createSnapshot([resource(CDS, 'a')]));
    const one = client('sotw');
    one.ask({ typeUrl: CDS });
    one.ack(await one.next());
    server.setSnapshot('g', createSnapshot([resource(CDS, 'a')]));
    await one.quiet();
  });
});
