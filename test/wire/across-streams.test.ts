/** Make before break where one stream does not see all of it: after a reconnection, and with a stream for each type. */
import { expect } from 'chai';
import type { ResourceInput } from '../../src/xds/index.ts';
import { XDS_METHODS } from '../../src/xds/services.ts';
import { type RawClient, type Received, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS } = TYPE;
const TYPES = [CDS, EDS, LDS, RDS];

/** One listener, whose routes go to one cluster. */
function configuration(to: string, content = '1'): ResourceInput[] {
  return [
    resource(CDS, to, content, [{ typeUrl: EDS, name: to }]),
    resource(EDS, to),
    resource(LDS, 'l', '1', [{ typeUrl: RDS, name: 'r' }]),
    resource(RDS, 'r', to),
  ];
}

const short = ({ typeUrl, resources, removed }: Received): string =>
  [
    { [CDS]: 'CDS', [EDS]: 'EDS', [LDS]: 'LDS', [RDS]: 'RDS' }[typeUrl],
    ...resources.map(([, content]) => content),
    ...removed.map((name) => `-${name}`),
  ].join(' ');

const NAMES: Record<string, string[]> = { [CDS]: [], [EDS]: ['a'], [LDS]: [], [RDS]: ['r'] };

for (const variant of VARIANTS) {
  describe(`xDS across streams, ${variant}`, () => {
    let fixture: Fixture;
    beforeEach(async () => {
      fixture = await startServer({ ackTimeoutMs: 500 });
    });
    afterEach(() => fixture.close());

    /** What a client says of a type when it comes back. */
    function comeBack(client: RawClient, typeUrl: string, had: Record<string, Received>, names: string[]): void {
      const held = versions[typeUrl] ?? {};
      if (variant === 'delta') client.ask({ typeUrl, subscribe: names, initial: held });
      else client.ask({ typeUrl, names, versionInfo: had[typeUrl]?.version ?? '' });
    }

    let versions: Record<string, Record<string, string>> = {};
    const remember = (snapshot: ReturnType<Fixture['publish']>): void => {
      versions = Object.fromEntries(
        [...snapshot.types].map(([typeUrl, type]) => [
          typeUrl,
          Object.fromEntries([...type.resources.values()].map(({ name, version }) => [name, version])),
        ]),
      );
    };

    /** A client with the first configuration, on one stream. */
    async function settled(): Promise<{ client: RawClient; had: Record<string, Received> }> {
      remember(fixture.publish('g', configuration('a')));
      const client = fixture.client(variant);
      const had: Record<string, Received> = {};
      for (const typeUrl of TYPES) {
        client.ask(subscription(variant, typeUrl, NAMES[typeUrl] ?? []));
        const answer = await client.next();
        had[typeUrl] = answer;
        client.ack(answer, NAMES[typeUrl]);
      }
      await client.quiet(50);
      return { client, had };
    }

    /** Answers until nothing comes any more, and asks for new assignments. */
    async function follow(client: RawClient): Promise<string[]> {
      const seen: string[] = [];
      let asked = false;
      for (;;) {
        const answer = await client.next(300).catch(() => undefined);
        if (answer === undefined) return seen;
        seen.push(short(answer));
        const names = answer.typeUrl === EDS && asked ? ['a', 'b'] : NAMES[answer.typeUrl];
        client.ack(answer, names);
        if (answer.typeUrl !== CDS || asked || !seen.at(-1)?.includes('b=1')) continue;
        asked = true;
        if (variant === 'delta') client.ask({ typeUrl: EDS, subscribe: ['b'] });
        else client.ask({ typeUrl: EDS, names: ['a', 'b'] });
      }
    }

    for (const when of ['noticed', 'not noticed']) {
      it(`takes nothing away from a client that comes back before it stopped using it, its end ${when}`, async () => {
        const { client, had } = await settled();
        client.close();
        if (when === 'noticed') await until(() => fixture.server.nodes().length === 0, 'gone');
        fixture.publish('g', configuration('b'));
        const back = fixture.client(variant);
        for (const typeUrl of TYPES) comeBack(back, typeUrl, had, NAMES[typeUrl] ?? []);
        // Whether the client still waits for an assignment is unknown: it may get the one that it has again.
        const seen = (await follow(back)).filter((response) => response !== 'EDS a=1');
        expect(seen).to.deep.equal(
          variant === 'delta'
            ? ['CDS b=1', 'EDS b=1', 'RDS r=b', 'CDS -a', 'EDS -a']
            : ['CDS a=1 b=1', 'EDS b=1', 'RDS r=b', 'CDS b=1'],
        );
      });

      it(`waits for all that a client that comes back has yet to ask for, but not for ever, its end ${when}`, async () => {
        const { client, had } = await settled();
        client.close();
        if (when === 'noticed') await until(() => fixture.server.nodes().length === 0, 'gone');
        fixture.publish(
          'g',
          configuration('a').filter(({ typeUrl }) => typeUrl !== CDS && typeUrl !== EDS),
        );
        const back = fixture.client(variant);
        comeBack(back, CDS, had, []);
        await back.quiet(250);
        const removal = await back.next(1500);
        expect(short(removal)).to.equal(variant === 'delta' ? 'CDS -a' : 'CDS');
      });
    }

    if (variant === 'delta') {
      it('goes by what the client says it holds, on a server that never saw it', async () => {
        const { had } = await settled();
        const other = await startServer({ ackTimeoutMs: 500 });
        try {
          other.publish('g', configuration('b'));
          const back = other.client(variant);
          for (const typeUrl of TYPES) comeBack(back, typeUrl, had, NAMES[typeUrl] ?? []);
          expect(await follow(back)).to.deep.equal(['CDS b=1', 'EDS b=1', 'RDS r=b', 'CDS -a', 'EDS -a']);
        } finally {
          await other.close();
        }
      });
    }

    describe('with a stream for each type', () => {
      const open = async (): Promise<Record<string, RawClient>> => {
        fixture.publish('g', configuration('a'));
        const clients: Record<string, RawClient> = {};
        for (const typeUrl of TYPES) {
          const method = XDS_METHODS.find((one) => one.typeUrl === typeUrl && one.variant === variant);
          const client = fixture.client(variant, { path: method?.path ?? '' });
          clients[typeUrl] = client;
          client.ask(subscription(variant, typeUrl, NAMES[typeUrl] ?? []));
          // The assignments come again once the clusters are accepted, as the routes do.
          client.ack(await client.next(), NAMES[typeUrl]);
          await client.quiet(40);
        }
        return clients;
      };
      const on = (clients: Record<string, RawClient>, typeUrl: string): RawClient => {
        const client = clients[typeUrl];
        if (client === undefined) throw new Error(`no stream of ${typeUrl}`);
        return client;
      };

      it('adds before it uses, and removes after the last use', async () => {
        const clients = await open();
        const [cds, eds, rds] = [on(clients, CDS), on(clients, EDS), on(clients, RDS)];
        fixture.publish('g', configuration('b'));
        const clusters = await cds.next();
        expect(short(clusters)).to.equal(variant === 'delta' ? 'CDS b=1' : 'CDS a=1 b=1');
        await rds.quiet(60);
        cds.ack(clusters);
        await rds.quiet(60);
        if (variant === 'delta') eds.ask({ typeUrl: EDS, subscribe: ['b'] });
        else eds.ask({ typeUrl: EDS, names: ['a', 'b'], nonce: '1' });
        const endpoints = await eds.next();
        expect(endpoints.resources).to.deep.include(['b', 'b=1']);
        await rds.quiet(60);
        eds.ack(endpoints, ['a', 'b']);
        const routes = await rds.next();
        expect(short(routes)).to.equal('RDS r=b');
        await cds.quiet(60);
        rds.ack(routes, ['r']);
        expect(short(await cds.next())).to.equal(variant === 'delta' ? 'CDS -a' : 'CDS b=1');
      });

      it('sends the assignment again once the changed cluster is accepted', async () => {
        const clients = await open();
        const [cds, eds] = [on(clients, CDS), on(clients, EDS)];
        fixture.publish('g', configuration('a', '2'));
        const clusters = await cds.next();
        expect(short(clusters)).to.equal('CDS a=2');
        await eds.quiet(60);
        cds.ack(clusters);
        expect(short(await eds.next())).to.equal('EDS a=1');
      });

      it('goes on without a stream that ends', async () => {
        const clients = await open();
        const [cds, rds] = [on(clients, CDS), on(clients, RDS)];
        fixture.publish('g', configuration('b'));
        await cds.next();
        await rds.quiet(60);
        cds.close();
        expect(short(await rds.next(300))).to.equal('RDS r=b');
      });
    });
  });
}
