import { expect } from 'chai';
import { encodeMessage } from '../../../src/envoy/schema/index.ts';
import { createSnapshot, TYPE } from '../../../src/xds/index.ts';
import { secretsOf, showable, showableMessage } from '../../../src/xds/showable.ts';

const SECRETS = ['hunter2-hunter2'];

describe('xds: what of a rejection is shown', () => {
  it('is the reason, not a dump of the resource', () => {
    const dump = 'goo.gle/debugproto    \nname: "bad"\nkey {\n  inline_string: "hunter2"\n}\n';
    expect(showableMessage(`${dump}: Proto constraint validation failed (Cluster.X: required)`, [])).to.equal(
      'Proto constraint validation failed (Cluster.X: required)',
    );
    expect(showableMessage(`Error adding/updating listener(s) l: no such filter: ${dump}`, [])).to.equal(
      'Error adding/updating listener(s) l: no such filter:',
    );
    expect(showableMessage('bad header Bearer hunter2hunter2', [])).to.not.contain('hunter2');
    expect(showableMessage('unknown cluster "a"', [])).to.equal('unknown cluster "a"');
  });

  it('is without the secrets of the resource, and without what might be a part of one', () => {
    for (const quoted of ['"hunter2"', "'hunter2'", '"hunter2', '"a\\"hunter2"', 'hunter2-hunter2']) {
      expect(showableMessage(`cannot load ${quoted}`, SECRETS), quoted).to.not.contain('hunter2');
    }
    expect(showableMessage('listener l: duplicate key hunter2-hunter2 at 3', SECRETS)).to.equal(
      'listener l: duplicate key [redacted] at 3',
    );
  });

  it('is bounded', () => {
    expect(showableMessage('x'.repeat(100_000), []).length).to.be.lessThan(3000);
  });
});

describe('xds: what of a resource is shown', () => {
  const snapshot = createSnapshot([
    { typeUrl: TYPE.cluster, name: 'a', value: encodeMessage('envoy.config.cluster.v3.Cluster', { name: 'a' }) },
    {
      typeUrl: TYPE.secret,
      name: 's',
      value: encodeMessage('envoy.extensions.transport_sockets.tls.v3.Secret', {
        name: 's',
        generic_secret: { secret: { inline_bytes: Buffer.from('hunter2').toString('base64') } },
      }),
    },
    { typeUrl: TYPE.secret, name: 'broken', value: Buffer.from('hunter2') },
  ]);
  const any = (typeUrl: string, name: string): Buffer =>
    snapshot.types.get(typeUrl)?.resources.get(name)?.any ?? Buffer.alloc(0);
  const secrets = snapshot.types.get(TYPE.secret);

  it('is the resource itself where nothing of it is secret', () => {
    expect(showable(any(TYPE.cluster, 'a'))).to.equal(any(TYPE.cluster, 'a'));
  });

  it('is nothing secret, and nothing of what cannot be read', () => {
    expect(Buffer.from(showable(any(TYPE.secret, 's'))).toString())
      .to.include('[redacted]')
      .and.not.include('hunter2');
    expect(showable(any(TYPE.secret, 'broken'))).to.have.length(0);
    if (secrets === undefined) throw new Error('no secrets');
    expect(secretsOf(secrets, ['s', 'missing'])).to.deep.equal(['hunter2']);
    expect(secretsOf(secrets, ['broken'])).not.to.deep.equal([]);
  });
});
