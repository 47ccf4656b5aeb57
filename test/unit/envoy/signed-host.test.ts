import { expect } from 'chai';
import { backendHost } from '../../../src/envoy/upstream-filters.ts';
import { translate } from '../../../src/policy/index.ts';
import { gatewayYaml } from '../../envoy/support/objects.ts';
import { OPTIONS, objectsOf, setOf } from '../policy/fixtures.ts';

const VPC = 'vpce-0a1b-2c3d.bedrock-runtime.eu-central-1.vpce.amazonaws.com';

/** Region and host that a backend of addresses is signed for; `hostname`: of its endpoint; `sni`: of its BackendTLSPolicy. */
function signedFor({ hostname, sni, region }: { hostname?: string; sni?: string; region?: string }): unknown {
  const text = gatewayYaml({
    port: 80,
    backends: {
      a: {
        schema: { name: 'AWSBedrock' },
        endpoints: [{ ip: { address: '10.0.0.1', port: 443 }, ...(hostname !== undefined && { hostname }) }],
        policy: { type: 'AWSCredentials', awsCredentials: { region: region ?? 'us-east-1' } },
      },
    },
    models: { m: { refs: ['a'] } },
    extra:
      sni === undefined
        ? []
        : [
            {
              apiVersion: 'gateway.networking.k8s.io/v1',
              kind: 'BackendTLSPolicy',
              metadata: { name: 'a', namespace: 'default' },
              spec: {
                targetRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'a' }],
                validation: { hostname: sni, wellKnownCACertificates: 'System' },
              },
            },
          ],
  });
  const backend = translate(setOf(objectsOf(text)), OPTIONS).ir.gateways[0]?.backends[0];
  return backend && [backend.signing?.region, backendHost(backend)];
}

describe('envoy: the host that a request is signed for', () => {
  it('is the name of the endpoint, else that of its certificate, else that of the region', () => {
    expect(signedFor({ hostname: VPC })).to.eql(['eu-central-1', VPC]);
    expect(signedFor({ sni: VPC })).to.eql(['eu-central-1', VPC]);
    expect(signedFor({ hostname: 'bedrock-runtime-fips.us-gov-west-1.amazonaws.com', sni: VPC })).to.eql([
      'us-gov-west-1',
      'bedrock-runtime-fips.us-gov-west-1.amazonaws.com',
    ]);
    expect(signedFor({})).to.eql(['us-east-1', 'bedrock-runtime.us-east-1.amazonaws.com']);
  });

  it('is known in every partition, by each kind of its names', () => {
    const names = {
      'cn-north-1': [
        'bedrock-runtime.cn-north-1.amazonaws.com.cn',
        'a.bedrock-runtime.cn-north-1.vpce.amazonaws.com.cn',
      ],
      'eusc-de-east-1': [
        'bedrock-runtime.eusc-de-east-1.amazonaws.eu',
        'bedrock-runtime-fips.eusc-de-east-1.api.amazonwebservices.eu',
        'vpce-0a1b.bedrock-runtime.eusc-de-east-1.vpce.amazonaws.eu',
      ],
      'us-iso-east-1': ['bedrock-runtime.us-iso-east-1.c2s.ic.gov', 'bedrock-runtime.us-iso-east-1.api.aws.ic.gov'],
      'us-west-2': ['bedrock-runtime.us-west-2.amazonaws.com', 'bedrock-runtime-fips.us-west-2.api.aws'],
    };
    for (const [region, hosts] of Object.entries(names)) {
      for (const hostname of hosts) expect(signedFor({ hostname })).to.eql([region, hostname]);
      expect(signedFor({ region })).to.eql([region, hosts[0]]);
    }
    for (const hostname of ['bedrock-runtime.us-west-2.amazonaws.com.example', 'xbedrock-runtime.us-west-2.api.aws']) {
      expect(signedFor({ hostname })).to.eql(['us-east-1', hostname]);
    }
  });

  it('is never a name that AWS does not have', () => {
    expect(signedFor({ sni: 'bedrock.inside.example' })).to.eql([
      'us-east-1',
      'bedrock-runtime.us-east-1.amazonaws.com',
    ]);
  });
});
