import { expect } from 'chai';
import { globOf, inGlob } from '../../../src/xds/names.ts';

const holds = (collection: string, name: string): boolean => {
  const glob = globOf(collection);
  return glob !== undefined && inGlob(glob, name);
};

describe('xds: collections', () => {
  it('are names that end in /*', () => {
    expect(holds('a/*', 'a/b')).to.equal(true);
    expect(holds('a/*', 'a/b/c')).to.equal(true);
    expect(holds('a/*', 'a/*')).to.equal(true);
    expect(holds('a/*', 'a')).to.equal(false);
    expect(holds('a/*', 'ab/c')).to.equal(false);
    for (const plain of ['*', 'a*', 'a/*b', 'a/*?x=y', '', '/']) expect(globOf(plain), plain).to.equal(undefined);
  });

  it('of xdstp names are one directory, with all of the parameters', () => {
    const name = (rest: string): string => `xdstp://authority/type/${rest}`;
    expect(holds(name('a/*'), name('a/b'))).to.equal(true);
    expect(holds(name('a/*'), name('a/b/c'))).to.equal(false);
    expect(holds(name('a/*'), name('a/b?x=y'))).to.equal(false);
    expect(holds(name('a/*?x=y'), name('a/b?x=y'))).to.equal(true);
    expect(holds(name('a/*?x=y'), name('a/b?x=z'))).to.equal(false);
    expect(holds(name('a/*?x=y'), name('a/b'))).to.equal(false);
    expect(globOf(name('a/b'))).to.equal(undefined);
  });
});
