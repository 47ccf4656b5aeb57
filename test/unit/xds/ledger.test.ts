import { expect } from 'chai';
import { blamedResources } from '../../../src/xds/ledger.ts';
import { createNameSet } from '../../../src/xds/names.ts';

const blame = (names: string[], message: string) => blamedResources(createNameSet(names), message);

describe('xds: who a rejection is about', () => {
  it('is read from the names in its message, as whole words', () => {
    const names = ['route/ns/a', 'route/ns/ab', 'b.c', 'd'];
    expect(blame(names, 'Error adding/updating cluster(s) route/ns/ab: no such thing, b.c: bad')).to.deep.equal([
      'route/ns/ab',
      'b.c',
    ]);
    expect(blame(names, 'field x of route/ns/a.')).to.deep.equal(['route/ns/a']);
    expect(blame(names, 'something is wrong')).to.deep.equal([]);
  });

  it('is the resource itself when there was but one', () => {
    expect(blame(['a'], 'something is wrong')).to.deep.equal(['a']);
  });
});
