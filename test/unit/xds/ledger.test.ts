import { expect } from 'chai';
import { TYPE } from '../../../src/xds/index.ts';
import { blamedResources, showableMessage } from '../../../src/xds/ledger.ts';
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

describe('xds: what of a rejection is shown', () => {
  it('is the reason, not a dump of the resource', () => {
    const dump = 'goo.gle/debugproto    \nname: "bad"\nkey {\n  inline_string: "hunter2"\n}\n';
    expect(showableMessage(TYPE.cluster, `${dump}: Proto constraint validation failed (Cluster.X: required)`)).to.equal(
      'Proto constraint validation failed (Cluster.X: required)',
    );
    expect(showableMessage(TYPE.listener, `Error adding/updating listener(s) l: no such filter: ${dump}`)).to.equal(
      'Error adding/updating listener(s) l: no such filter:',
    );
    for (const quoted of ['"hunter2"', "'hunter2'", '"hunter2', '"a\\"hunter2"']) {
      expect(showableMessage(TYPE.secret, `cannot load ${quoted}`), quoted).to.not.contain('hunter2');
    }
    expect(showableMessage(TYPE.cluster, 'bad header Bearer hunter2hunter2')).to.not.contain('hunter2');
    expect(showableMessage(TYPE.cluster, 'unknown cluster "a"')).to.equal('unknown cluster "a"');
  });

  it('is bounded', () => {
    expect(showableMessage(TYPE.cluster, 'x'.repeat(100_000)).length).to.be.lessThan(3000);
  });
});
