import { expect } from 'chai';
import { backendNeeds } from '../../../src/envoy/backend-needs.ts';
import { capabilitiesOf } from '../../../src/envoy/capabilities.ts';
import type { BackendIr } from '../../../src/ir/index.ts';
import { translate } from '../../../src/policy/index.ts';
import { gatewayYaml } from '../../envoy/support/objects.ts';
import { OPTIONS, objectsOf, setOf } from '../policy/fixtures.ts';

function translated(credentialOverride?: object): ReturnType<typeof translate> {
  const override = credentialOverride === undefined ? {} : { credentialOverride };
  const text = gatewayYaml({
    port: 80,
    backends: { a: { port: 443, policy: { type: 'AWSCredentials', awsCredentials: { region: 'r-1' }, ...override } } },
    models: { m: { refs: ['a'] } },
  });
  return translate(setOf(objectsOf(text)), OPTIONS);
}

const backendOf = (override?: object): BackendIr | undefined => translated(override).ir.gateways[0]?.backends[0];

describe('envoy: AWS keys of a request', () => {
  it('are signed with by a script of the cluster, which every Envoy can have', () => {
    const needs = (backend: BackendIr | undefined, version: string): unknown =>
      backend && backendNeeds(backend, capabilitiesOf(version));
    const own = backendOf({ fromRequestHeaders: {} });
    expect(needs(own, '1.39.3')).to.eql(['lua', 'aws_request_signing']);
    const only = { fromRequestHeaders: { fallbackToConfigured: false } };
    expect(needs(backendOf(only), '1.36.4')).to.eql(['lua']);
    expect(needs(own, '1.40.0')).to.eql(['lua_filter_context', 'aws_request_signing']);
  });

  it('come in headers that begin alike, or under a key of metadata', () => {
    const override = (fields: object): unknown => backendOf(fields)?.signing?.override;
    expect(override({ fromRequestHeaders: {} })).to.eql({ requestHeader: 'x-aigw-aws-', fallbackToConfigured: true });
    expect(override({ fromRequestHeaders: { header: 'X-Tenant-AWS-', fallbackToConfigured: false } })).to.eql({
      requestHeader: 'x-tenant-aws-',
      fallbackToConfigured: false,
    });
    expect(override({ fromDynamicMetadata: { namespace: 'auth' } })).to.eql({
      dynamicMetadata: { namespace: 'auth', key: 'x-aigw-aws-credentials' },
      fallbackToConfigured: true,
    });
    const { findings } = translated({ fromRequestHeaders: { header: 'no header' } });
    expect(findings.map(({ code }) => code)).to.include('HG0402');
  });
});
