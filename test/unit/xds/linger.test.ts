import { expect } from 'chai';
import { createLinger, type Linger } from '../../../src/xds/linger.ts';
import { createSnapshot, type Snapshot } from '../../../src/xds/snapshot.ts';
import { TYPE } from '../../../src/xds/types.ts';
import { until } from '../../support/index.ts';

const LINGER_MS = 100;

/** A snapshot of clusters, each with its assignment, and routes. */
function snapshot(clusters: readonly string[], content = 'x'): Snapshot {
  const value = Buffer.from(content);
  return createSnapshot([
    ...clusters.flatMap((name) => [
      { typeUrl: TYPE.cluster, name, value },
      { typeUrl: TYPE.endpoints, name, value },
    ]),
    { typeUrl: TYPE.route, name: `to ${clusters.join()}`, value },
  ]);
}

describe('what lingers of snapshots', () => {
  let linger: Linger;
  let published: Snapshot[];
  beforeEach(() => {
    published = [];
    linger = createLinger(LINGER_MS, (_key, value) => published.push(value));
  });
  afterEach(() => linger.close());

  function names(typeUrl: string): string[] {
    return [...(published.at(-1)?.types.get(typeUrl)?.resources.keys() ?? [])].sort();
  }

  it('is clusters and endpoints, for a while; routes go at once', async () => {
    linger.set('k', snapshot(['a', 'b']));
    linger.set('k', snapshot(['b']));
    expect(names(TYPE.cluster)).to.deep.equal(['a', 'b']);
    expect(names(TYPE.endpoints)).to.deep.equal(['a', 'b']);
    expect(names(TYPE.route)).to.deep.equal(['to b']);
    await until(() => names(TYPE.cluster).length === 1, { what: 'the cluster to go' });
    // What is left is the snapshot itself, so that its version is the one of any other replica.
    expect(published.at(-1)?.version).to.equal(snapshot(['b']).version);
  });

  it('is over when the resource comes back, with what it is then', () => {
    linger.set('k', snapshot(['a', 'b']));
    linger.set('k', snapshot(['b']));
    linger.set('k', snapshot(['a', 'b'], 'other'));
    expect(published.at(-1)?.version).to.equal(snapshot(['a', 'b'], 'other').version);
  });

  it('counts anew for what goes again', async () => {
    linger.set('k', snapshot(['a', 'b']));
    linger.set('k', snapshot(['b']));
    linger.set('k', snapshot(['a', 'b']));
    linger.set('k', snapshot([]));
    expect(names(TYPE.cluster)).to.deep.equal(['a', 'b']);
    await until(() => names(TYPE.cluster).length === 0, { what: 'the clusters to go' });
    expect(published.at(-1)?.version).to.equal(snapshot([]).version);
  });

  it('is apart by key, and gone with its key', () => {
    linger.set('k', snapshot(['a']));
    linger.set('other', snapshot(['b']));
    expect(names(TYPE.cluster)).to.deep.equal(['b']);
    linger.delete('k');
    linger.set('k', snapshot(['c']));
    expect(names(TYPE.cluster)).to.deep.equal(['c']);
  });

  it('is nothing without a time', () => {
    const none = createLinger(0, (_key, value) => published.push(value));
    none.set('k', snapshot(['a', 'b']));
    none.set('k', snapshot(['b']));
    expect(names(TYPE.cluster)).to.deep.equal(['b']);
  });
});
