/** Rejections, brought down to the resource that they are about. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type RawClient, type Received, resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS } = TYPE;

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/** Answers as Envoy does: a response that holds something bad is rejected, all of it. Returns the contents accepted. */
async function converse(client: RawClient, says: (bad: string[]) => string, names: string[]): Promise<string[][]> {
  const accepted: string[][] = [];
  for (;;) {
    let answer: Received;
    try {
      answer = await client.next(200);
    } catch {
      return accepted;
    }
    const contents = answer.resources.map(([, content]) => content);
    const bad = answer.resources.filter(([, content]) => content.endsWith('bad')).map(([name]) => name);
    if (bad.length > 0) client.nack(answer, says(bad), names);
    else {
      accepted.push([...contents, ...answer.removed.map((name) => `-${name}`)]);
      client.ack(answer, names);
    }
  }
}

for (const variant of VARIANTS) {
  describe(`xDS rejections, ${variant}`, () => {
    let fixture: Fixture;
    let client: RawClient;
    beforeEach(async () => {
      fixture = await startServer();
      client = fixture.client(variant);
    });
    afterEach(() => fixture.close());

    const publish = (bad: string[], content = '2') =>
      fixture.publish(
        'g',
        NAMES.map((name) => resource(RDS, name, bad.includes(name) ? 'bad' : content)),
      );
    const rejected = () => fixture.server.nodes()[0]?.types[0]?.rejected ?? [];
    const start = async (): Promise<void> => {
      publish([], '1');
      client.ask(subscription(variant, RDS, NAMES));
      client.ack(await client.next(), NAMES);
    };

    it('finds the resource that a message does not name, and brings the others through', async () => {
      await start();
      publish(['f']);
      const accepted = (await converse(client, () => 'something is wrong', NAMES)).flat();
      expect(accepted.sort()).to.deep.equal(NAMES.filter((name) => name !== 'f').map((name) => `${name}=2`));
      expect(fixture.nacks.map(({ rejection }) => [rejection.resources, rejection.searching])).to.deep.equal([
        [[], true],
        [['f'], undefined],
      ]);
      expect(rejected().map(({ name, count }) => [name, count])).to.deep.equal([['f', 1]]);
      expect(rejected()[0]?.accepted).to.not.equal(rejected()[0]?.version);
      expect(fixture.server.nodes()[0]?.synced).to.equal(false);
    });

    it('does not send again what is dropped while it is rejected, and keeps what ran for as long as it is used', async () => {
      fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b'), resource(LDS, 'l')]);
      client.ask({ typeUrl: CDS });
      client.ack(await client.next());
      client.ask({ typeUrl: LDS });
      client.ack(await client.next());
      const bad = ['a', 'c'].map((name) => resource(CDS, name, 'bad'));
      fixture.publish('g', [...bad, resource(CDS, 'b'), resource(LDS, 'l')]);
      client.nack(await client.next(), 'Error adding clusters a: no, c: no');
      await until(() => fixture.nacks.length === 1, 'rejected');
      fixture.publish('g', [resource(CDS, 'b', '2'), resource(LDS, 'l', '2')]);
      const answers: Received[] = [];
      while (fixture.server.nodes()[0]?.synced !== true) {
        const answer = await client.next();
        answers.push(answer);
        client.ack(answer);
        await sleep(20);
      }
      expect(JSON.stringify(answers)).to.not.contain('bad');
      const users = answers.findIndex(({ typeUrl }) => typeUrl === LDS);
      const contents = (list: readonly Received[]) => list.map(({ resources }) => resources.map(([, text]) => text));
      const removed = (list: readonly Received[]) => list.flatMap((answer) => answer.removed);
      if (variant === 'sotw') expect(contents(answers)).to.deep.equal([['a=1', 'b=2'], ['l=2'], ['b=2']]);
      else {
        expect(removed(answers.slice(0, users))).to.deep.equal([]);
        expect(removed(answers.slice(users)).sort()).to.deep.equal(['a', 'c']);
      }
    });

    it('finds several', async () => {
      await start();
      publish(['a', 'd', 'h']);
      const accepted = (await converse(client, () => 'something is wrong', NAMES)).flat();
      expect(accepted.sort()).to.deep.equal(['b=2', 'c=2', 'e=2', 'f=2', 'g=2']);
      expect(rejected().map(({ name }) => name)).to.deep.equal(['a', 'd', 'h']);
      publish([], '3');
      await converse(client, () => '', NAMES);
      expect(rejected()).to.deep.equal([]);
      expect(fixture.server.nodes()[0]).to.include({ synced: true });
    });

    it('sends the company of a named resource again, without it', async () => {
      await start();
      publish(['c', 'd']);
      const accepted = await converse(client, ([first]) => `route ${first}: no such thing`, NAMES);
      expect(accepted).to.deep.equal([NAMES.filter((name) => name !== 'c' && name !== 'd').map((name) => `${name}=2`)]);
      expect(fixture.nacks.map(({ rejection }) => rejection.resources)).to.deep.equal([['c'], ['d']]);
    });

    it('does not send what was rejected again, whatever else changes', async () => {
      await start();
      publish(['c']);
      await converse(client, () => 'route c: no such thing', NAMES);
      publish(['c'], '3');
      const accepted = await converse(client, () => 'route c: no such thing', NAMES);
      expect(accepted).to.deep.equal([NAMES.filter((name) => name !== 'c').map((name) => `${name}=3`)]);
      expect(rejected().map(({ name, count }) => [name, count])).to.deep.equal([['c', 1]]);
    });

    it('gives the search up when something newer is published', async () => {
      await start();
      publish(['b']);
      client.nack(await client.next(), 'something is wrong', NAMES);
      const half = await client.next();
      expect(half.resources.length).to.equal(4);
      publish([], '3');
      client.nack(half, 'something is wrong', NAMES);
      const all = await client.next();
      expect(all.resources.map(([, content]) => content)).to.deep.equal(NAMES.map((name) => `${name}=3`));
      client.ack(all, NAMES);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      await client.quiet();
    });

    it('takes a rejection back when each part of it is accepted alone', async () => {
      await start();
      publish([]);
      client.nack(await client.next(), 'out of memory', NAMES);
      const accepted = await converse(client, () => '', NAMES);
      expect(accepted.length).to.equal(2);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      expect(fixture.server.nodes()[0]?.types[0]?.rejection).to.include({ standing: false });
    });

    it('ends the search after a bounded number of parts', async () => {
      const many = Array.from({ length: 200 }, (_, i) => `r${i}`);
      fixture.publish(
        'g',
        many.map((name) => resource(RDS, name, 'bad')),
      );
      client.ask(subscription(variant, RDS, many));
      let rounds = 0;
      const says = (): string => {
        rounds += 1;
        return 'something is wrong';
      };
      await converse(client, says, many);
      expect(rounds).to.be.lessThan(40);
      expect(fixture.server.nodes()[0]?.synced).to.equal(false);
    });

    it('forgets a rejection of what is no longer wanted', async () => {
      await start();
      publish(['c']);
      await converse(client, () => 'route c: no such thing', NAMES);
      fixture.publish(
        'g',
        NAMES.filter((name) => name !== 'c').map((name) => resource(RDS, name, '2')),
      );
      const accepted = await converse(client, () => '', NAMES);
      expect(accepted).to.deep.equal(variant === 'delta' ? [['-c']] : []);
      expect(rejected()).to.deep.equal([]);
      expect(fixture.server.nodes()[0]).to.include({ synced: true });
    });
  });
}

describe('xDS rejections of a full state', () => {
  it('are told apart by their message alone in SotW, and the rest is not sent again', async () => {
    const fixture = await startServer();
    try {
      fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b', 'bad')]);
      const client = fixture.client('sotw');
      client.ask({ typeUrl: CDS });
      client.nack(await client.next(), 'Error adding/updating cluster(s) b: bad');
      await client.quiet();
      expect(fixture.nacks.map(({ rejection }) => rejection.resources)).to.deep.equal([['b']]);
    } finally {
      await fixture.close();
    }
  });

  it('in delta, clusters come again with their assignments behind them', async () => {
    const fixture = await startServer();
    try {
      const cluster = (name: string, content: string) => resource(CDS, name, content, [{ typeUrl: EDS, name }]);
      const publish = (content: string, b: string) =>
        fixture.publish('g', [cluster('a', content), cluster('b', b), resource(EDS, 'a'), resource(EDS, 'b')]);
      publish('1', '1');
      const client = fixture.client('delta');
      client.ask({ typeUrl: CDS });
      client.ack(await client.next());
      client.ask({ typeUrl: EDS, subscribe: ['a', 'b'] });
      client.ack(await client.next());
      publish('2', 'bad');
      const clusters = await client.next();
      client.ack(await client.next());
      client.nack(clusters, 'cluster b: bad');
      const again = await client.next();
      expect(again.resources).to.deep.equal([['a', 'a=2']]);
      expect((await client.next()).resources).to.deep.equal([['a', 'a=1']]);
    } finally {
      await fixture.close();
    }
  });
});
