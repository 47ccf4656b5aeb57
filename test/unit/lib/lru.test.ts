import { expect } from 'chai';
import { createLru } from '../../../src/lib/lru.ts';

describe('lib: lru', () => {
  it('forgets what was not used for the longest time', () => {
    const lru = createLru<number>(2);
    lru.set('a', 1);
    lru.set('b', 2);
    expect(lru.get('a')).to.equal(1);
    lru.set('c', 3);
    expect([lru.get('a'), lru.get('b'), lru.get('c')]).to.deep.equal([1, undefined, 3]);
    expect(lru.size).to.equal(2);
  });

  it('counts costs, and does not keep what alone costs too much', () => {
    const lru = createLru<string>(10, (value) => value.length);
    lru.set('a', 'xxxx');
    lru.set('b', 'xxxx');
    lru.set('c', 'xxxxxx');
    expect([lru.get('a'), lru.get('b'), lru.get('c')]).to.deep.equal([undefined, 'xxxx', 'xxxxxx']);
    lru.set('d', 'x'.repeat(11));
    expect([lru.get('b'), lru.get('d')]).to.deep.equal(['xxxx', undefined]);
    lru.set('c', 'y');
    lru.set('e', 'xxxxx');
    expect([lru.get('b'), lru.get('c'), lru.get('e')]).to.deep.equal(['xxxx', 'y', 'xxxxx']);
  });

  it('makes a value once', () => {
    const lru = createLru<object>(2);
    const first = lru.take('a', () => ({}));
    expect(lru.take('a', () => ({}))).to.equal(first);
  });
});
