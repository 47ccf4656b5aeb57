import { expect } from 'chai';
import { createNameSet, type NameList } from '../../../src/xds/names.ts';
import { createSubscriptions, type Subscription } from '../../../src/xds/subscription.ts';

const list = (...names: string[]): NameList => ({ count: names.length, key: names.join(), decode: () => names });
const asked = (change: { asked?: { names: ReadonlySet<string> } }) => [...(change.asked?.names ?? [])];

describe('xds: subscriptions', () => {
  it('are shared by streams that asked for the same, in whatever steps', () => {
    const { sotw, delta } = createSubscriptions();
    const one = sotw(undefined, list('a', 'b')).next;
    const two = sotw(sotw(undefined, list('b')).next, list('b', 'a')).next;
    const three = delta(delta(undefined, list('b'), list()).next, list('a'), list()).next;
    expect(two).to.equal(one);
    expect(three).to.equal(one);
  });

  it('tell an explicit wildcard from a legacy one', () => {
    const { sotw, delta } = createSubscriptions();
    const legacy = sotw(undefined, list()).next;
    expect(sotw(legacy, list()).next.wildcard).to.equal(true);
    const explicit = sotw(undefined, list('*')).next;
    expect(sotw(explicit, list()).next.wildcard).to.equal(false);
    expect(delta(undefined, list(), list()).next.wildcard).to.equal(true);
    const named = delta(undefined, list('a'), list()).next;
    expect(delta(named, list(), list('a')).next).to.include({ wildcard: false });
  });

  it('ask in SotW for what is new, in delta for all that is said', () => {
    const { sotw, delta } = createSubscriptions();
    const base = sotw(undefined, list('a')).next;
    expect(asked(sotw(base, list('a', 'b')))).to.deep.equal(['b']);
    expect(asked(sotw(base, list()))).to.deep.equal([]);
    expect(asked(delta(base, list('a', 'b'), list()))).to.deep.equal(['a', 'b']);
    expect(asked(delta(base, list(), list('a')))).to.deep.equal([]);
    const all = delta(undefined, list('*', 'a'), list()).next;
    expect(asked(delta(all, list(), list('a')))).to.deep.equal(['a']);
  });

  it('know whether names are covered', () => {
    const { sotw, covers } = createSubscriptions();
    const subscription: Subscription = sotw(undefined, list('a', 'b')).next;
    expect(covers(subscription, createNameSet(['a']))).to.equal(true);
    expect(covers(subscription, createNameSet(['a', 'c']))).to.equal(false);
    expect(covers(sotw(undefined, list('*')).next, createNameSet(['a', 'c']))).to.equal(true);
  });
});
