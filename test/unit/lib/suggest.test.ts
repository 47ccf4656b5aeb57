import { expect } from 'chai';
import { editDistance, suggestWord } from '../../../src/lib/suggest.ts';

describe('suggestWord', () => {
  const known = ['weight', 'backendRefs', 'backendRef', 'matches', 'name'];

  it('finds the word that was meant', () => {
    expect(suggestWord('wieght', known)).to.equal('weight');
    expect(suggestWord('backendrefs', known)).to.equal('backendRefs');
    expect(suggestWord('matchs', known)).to.equal('matches');
  });

  it('says nothing where no word is near', () => {
    expect(suggestWord('timeout', known)).to.equal(undefined);
    expect(suggestWord('a'.repeat(1_000_000), known)).to.equal(undefined);
    expect(suggestWord('a', [])).to.equal(undefined);
  });

  it('counts a swap of neighbours once', () => {
    expect(editDistance('ab', 'ba')).to.equal(1);
    expect(editDistance('abc', '')).to.equal(3);
    expect(editDistance('kitten', 'sitting')).to.equal(3);
  });
});
