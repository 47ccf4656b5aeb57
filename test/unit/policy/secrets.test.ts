import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { translateYaml } from './fixtures.ts';

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

describe('policy: certificates', () => {
  const { secrets } = translateYaml(readFileSync('test/golden/policy/backends.in.yaml', 'utf8'));

  it('of several authorities become one secret', () => {
    const joined = secrets.get('BackendTLSPolicy/default/private-ca/ca.crt');
    const single = secrets.get('ConfigMap/default/ca/ca.crt');
    if (joined?.kind !== 'ca' || single?.kind !== 'ca') throw new Error('not there');
    expect(joined.certificates.match(PEM)).to.have.length(2);
    expect(single.certificates.match(PEM)).to.have.length(1);
  });

  it('of a client come with their key', () => {
    const client = secrets.get('Secret/default/client/tls.crt');
    if (client?.kind !== 'tls') throw new Error('not there');
    expect(client.certificateChain).to.match(PEM);
    expect(client.privateKey).to.contain('PRIVATE KEY');
  });
});
