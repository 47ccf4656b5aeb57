import { expect } from 'chai';
import { createSnapshot, type ResourceInput } from '../../../src/xds/index.ts';

const input = (name: string, content: string, typeUrl = 't/a'): ResourceInput => ({
  typeUrl,
  name,
  value: Buffer.from(content),
});

describe('xds: snapshots', () => {
  it('have versions of their content, whatever the order', () => {
    const one = createSnapshot([input('a', '1'), input('b', '2'), input('c', '3', 't/b')]);
    const two = createSnapshot([input('c', '3', 't/b'), input('b', '2'), input('a', '1')]);
    expect(one.version).to.equal(two.version);
    expect(one.types.get('t/a')?.version).to.equal(two.types.get('t/a')?.version);
  });

  it('differ where the content differs, and only there', () => {
    const one = createSnapshot([input('a', '1'), input('b', '2'), input('c', '3', 't/b')]);
    for (const other of [
      [input('a', '1'), input('b', '3'), input('c', '3', 't/b')],
      [input('a', '1'), input('c', '3', 't/b')],
      [input('a', '2'), input('b', '1'), input('c', '3', 't/b')],
      [input('a', '1'), input('bb', '2'), input('c', '3', 't/b')],
    ]) {
      const two = createSnapshot(other, one);
      expect(two.version).to.not.equal(one.version);
      expect(two.types.get('t/a')?.version).to.not.equal(one.types.get('t/a')?.version);
      expect(two.types.get('t/b')).to.equal(one.types.get('t/b'));
    }
  });

  it('take over what is equal as the same objects', () => {
    const long = 'x'.repeat(300);
    const one = createSnapshot([input('a', long), input('b', '2'), input('empty', '')]);
    const two = createSnapshot([input('b', '3'), input('a', long), input('empty', '')], one);
    const type = two.types.get('t/a');
    expect(type?.resources.get('a')).to.equal(one.types.get('t/a')?.resources.get('a'));
    expect(type?.resources.get('empty')).to.equal(one.types.get('t/a')?.resources.get('empty'));
    expect(type?.resources.get('b')).to.not.equal(one.types.get('t/a')?.resources.get('b'));
    expect(createSnapshot([input('a', long), input('b', '2'), input('empty', '')], one)).to.equal(one);
  });

  it('notice that only the references of a resource changed', () => {
    const one = createSnapshot([input('a', '1')]);
    const two = createSnapshot([{ ...input('a', '1'), requires: [{ typeUrl: 't/b', name: 'x' }] }], one);
    expect(two.version).to.equal(one.version);
    expect(two.types.get('t/a')?.resources.get('a')?.requires).to.deep.equal([{ typeUrl: 't/b', name: 'x' }]);
  });
});
