/** A change goes to a share of the nodes first, and to the rest when these have taken it. */
import { expect } from 'chai';
import type { ResourceInput } from '../../src/xds/index.ts';
import { type RawClient, type Received, resource } from './client.ts';
import { type Fixture, startServer, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS } = TYPE;
const NODES = 10;

/** A client that takes what it gets, unless it is told to refuse. */
interface Taker {
  readonly client: RawClient;
  readonly held: Map<string, string>;
  refuse: boolean;
}

for (const variant of VARIANTS) {
  describe(`rollout, ${variant}`, () => {
    let fixture: Fixture;
    const takers: Taker[] = [];
    afterEach(async () => {
      takers.splice(0);
      await fixture.close();
    });

    async function start(pauseMs: number, share = 0.2): Promise<void> {
      fixture = await startServer({ lastAccepted: true, settleMs: 20, rollout: { share, pauseMs } });
      publish(resource(CDS, 'a'), resource(LDS, 'l'));
      for (let i = 0; i < NODES; i++) connect(i);
      await allHave('a', 'a=1');
    }

    function connect(i: number): Taker {
      const client = fixture.client(variant, { node: { id: `n${i}`, cluster: 'g' } });
      const taker: Taker = { client, held: new Map(), refuse: false };
      takers.push(taker);
      client.ask({ typeUrl: CDS });
      void answer(taker);
      return taker;
    }

    async function answer(taker: Taker): Promise<void> {
      for (;;) {
        const response: Received | undefined = await taker.client.next(1000).catch(() => undefined);
        if (!takers.includes(taker)) return;
        if (response === undefined) continue;
        if (taker.refuse && JSON.stringify(response.resources).includes('bad')) {
          taker.client.nack(response, 'Error adding cluster a: no');
          continue;
        }
        for (const [name, content] of response.resources) taker.held.set(name, content);
        taker.client.ack(response, response.typeUrl === EDS ? ['a'] : []);
      }
    }

    const publish = (...resources: ResourceInput[]): void => void fixture.publish('g', resources);
    const having = (name: string, content: string): Taker[] => takers.filter(({ held }) => held.get(name) === content);
    const allHave = (name: string, content: string): Promise<void> =>
      until(() => having(name, content).length === takers.length, `all have ${content}`);
    const rollout = () => fixture.server.rollouts()[0];

    it('gives a change to the share, and to all when that has accepted it and the pause is over', async () => {
      await start(300);
      publish(resource(CDS, 'a', '2'), resource(LDS, 'l'));
      await until(() => having('a', 'a=2').length === 2, 'two have it');
      await until(() => rollout()?.phase === 'pausing', 'the pause');
      expect(rollout()).to.include({ key: 'g', nodes: 2, of: NODES });
      expect(having('a', 'a=2')).to.have.length(2);
      await allHave('a', 'a=2');
      expect(fixture.server.rollouts()).to.deep.equal([]);
    });

    it('chooses the same ones each time, and takes back what is not to go on', async () => {
      await start(60_000);
      publish(resource(CDS, 'a', '2'), resource(LDS, 'l'));
      await until(() => having('a', 'a=2').length === 2, 'two have it');
      const chosen = having('a', 'a=2');
      publish(resource(CDS, 'a', '3'), resource(LDS, 'l'));
      await until(() => having('a', 'a=3').length === 2, 'two have it');
      expect(having('a', 'a=3')).to.deep.equal(chosen);
      publish(resource(CDS, 'a'), resource(LDS, 'l'));
      await allHave('a', 'a=1');
      expect(fixture.server.rollouts()).to.deep.equal([]);
    });

    it('stops at a rejection: the rest keep what they have until the source changes', async () => {
      await start(30);
      for (const taker of takers) taker.refuse = true;
      publish(resource(CDS, 'a', 'bad'), resource(CDS, 'b'), resource(LDS, 'l'));
      await until(() => rollout()?.phase === 'stopped', 'the stop');
      await until(() => having('b', 'b=1').length === 2, 'the good rest with those that try');
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(having('a', 'a=1')).to.have.length(NODES);
      expect(having('b', 'b=1')).to.have.length(2);
      expect(fixture.nacks.length).to.be.at.most(2 * 2);
      expect(fixture.server.withheld().map(({ name }) => name)).to.deep.equal(['a']);
      publish(resource(CDS, 'a', 'good'), resource(CDS, 'b'), resource(LDS, 'l'));
      await allHave('a', 'a=good');
      await allHave('b', 'b=1');
      expect(fixture.server.rollouts()).to.deep.equal([]);
    });

    it('goes on with others when those that try it are gone', async () => {
      await start(60_000);
      publish(resource(CDS, 'a', '2'), resource(LDS, 'l'));
      await until(() => having('a', 'a=2').length === 2, 'two have it');
      for (const gone of having('a', 'a=2')) {
        takers.splice(takers.indexOf(gone), 1);
        gone.client.close();
      }
      await until(() => having('a', 'a=2').length === 2, 'two others have it');
      await until(() => rollout()?.of === NODES - 2, 'the others are known');
    });

    it('does not wait where nobody could try it, or where endpoints alone change', async () => {
      fixture = await startServer({ rollout: { share: 0.5, pauseMs: 60_000 } });
      publish(resource(CDS, 'a'), resource(EDS, 'a'));
      publish(resource(CDS, 'a', '2'), resource(EDS, 'a'));
      expect(fixture.server.rollouts()).to.deep.equal([]);
      const taker = connect(0);
      await allHave('a', 'a=2');
      taker.client.ask({ typeUrl: EDS, ...(variant === 'sotw' ? { names: ['a'] } : { subscribe: ['a'] }) });
      await until(() => taker.held.get('a') === 'a=1', 'the endpoints');
      publish(resource(CDS, 'a', '2'), resource(EDS, 'a', 'other'));
      await until(() => taker.held.get('a') === 'a=other', 'the endpoints');
      expect(fixture.server.rollouts()).to.deep.equal([]);
    });
  });
}
