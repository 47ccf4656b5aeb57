import { expect } from 'chai';
import { createSnapshot, type Snapshot, TYPE } from '../../../src/xds/index.ts';
import { createLinger } from '../../../src/xds/linger.ts';

const snapshotOf = (clusters: string[], listeners: string[] = []): Snapshot =>
  createSnapshot(
    [...clusters.map((name) => [TYPE.cluster, name]), ...listeners.map((name) => [TYPE.listener, name])].map(
      ([typeUrl = '', name = '']) => ({ typeUrl, name, value: Buffer.from(name) }),
    ),
  );

describe('xds: what lingers', () => {
  const namesIn = (snapshot: Snapshot | undefined, typeUrl: string): string[] =>
    [...(snapshot?.types.get(typeUrl)?.resources.keys() ?? [])].sort();

  it('is what a snapshot dropped and requests under way may still need, for a while', async () => {
    const published: Snapshot[] = [];
    const linger = createLinger(60, (_key, snapshot) => published.push(snapshot));
    linger.set('g', snapshotOf(['a', 'b'], ['l']));
    const next = snapshotOf(['b', 'c']);
    linger.set('g', next);
    expect(namesIn(published.at(-1), TYPE.cluster)).to.deep.equal(['a', 'b', 'c']);
    expect(namesIn(published.at(-1), TYPE.listener)).to.deep.equal([]);
    while (published.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(published.at(-1)).to.equal(next);
    linger.close();
  });

  it('is not what came back, nor anything without the option', () => {
    const published: Snapshot[] = [];
    const linger = createLinger(60_000, (_key, snapshot) => published.push(snapshot));
    linger.set('g', snapshotOf(['a', 'b']));
    linger.set('g', snapshotOf(['b']));
    const back = snapshotOf(['a', 'b']);
    linger.set('g', back);
    expect(published.at(-1)).to.equal(back);
    linger.close();

    const none = createLinger(0, (_key, snapshot) => published.push(snapshot));
    none.set('g', snapshotOf(['a', 'b']));
    const less = snapshotOf(['b']);
    none.set('g', less);
    expect(published.at(-1)).to.equal(less);
    none.close();
  });
});
