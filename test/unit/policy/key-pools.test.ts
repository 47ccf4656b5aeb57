import { expect } from 'chai';
import type { Translation } from '../../../src/policy/index.ts';
import { codesOf, translateYaml } from './fixtures.ts';

const OBJECTS = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw, namespace: default }
spec: { gatewayClassName: headgate, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: { name: r, namespace: default }
spec:
  parentRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: gw }]
  rules: [{ backendRefs: [{ name: a }] }]
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: { name: a, namespace: default }
spec: { schema: { name: OpenAI }, backendRef: { group: gateway.envoyproxy.io, kind: Backend, name: a } }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: a, namespace: default }
spec: { endpoints: [{ ip: { address: 10.0.0.1, port: 80 } }] }
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: { name: a, namespace: default }
spec:
  targetRefs: [{ group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: a }]
  type: APIKey
  apiKey: { secretRef: { name: keys } }
---
`;

function withSecret(fields: object): Translation {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace: 'default' }, ...fields };
  return translateYaml(OBJECTS + JSON.stringify(secret));
}

const valuesOf = ({ secrets }: Translation): string[] =>
  [...secrets].map(
    ([name, value]) => `${name.replace('Secret/default/keys/', '')}=${value.kind === 'generic' ? value.value : ''}`,
  );
const keysOf = (translation: Translation): (string | undefined)[] => {
  const credential = translation.ir.gateways[0]?.backends[0]?.credential;
  return [credential?.secret, ...(credential?.furtherKeys ?? [])].map((ref) => ref?.name.split('/').at(-1));
};

describe('policy: pools of keys', () => {
  it('are all keys of a Secret that begin alike, wherever they stand', () => {
    const data = {
      'apiKey.c': Buffer.from('three').toString('base64'),
      'apiKey.b': Buffer.from('x').toString('base64'),
    };
    const translation = withSecret({
      data,
      stringData: { apiKey: 'one', 'apiKey.b': 'two\n', apiKeyOther: 'no', other: 'no' },
    });
    expect(keysOf(translation)).to.eql(['apiKey', 'apiKey.b', 'apiKey.c']);
    expect(valuesOf(translation)).to.eql(['apiKey=one', 'apiKey.b=two', 'apiKey.c=three']);
    expect(codesOf(translation)).to.eql(['HG0402 warning Secret/default/keys stringData["apiKey.b"]']);
  });

  it('do without a further key that cannot be used, and say which', () => {
    const translation = withSecret({
      data: { 'apiKey.bytes': Buffer.from([0xff]).toString('base64') },
      stringData: {
        apiKey: 'one',
        'apiKey.empty': ' ',
        'apiKey.odd': 'a\u0007b',
        'apiKey.same': 'one',
        'apiKey.z': 'two',
      },
    });
    expect(keysOf(translation)).to.eql(['apiKey', 'apiKey.z']);
    expect(codesOf(translation)).to.have.members([
      'HG0401 error Secret/default/keys data["apiKey.bytes"]',
      'HG0401 error Secret/default/keys stringData["apiKey.empty"]',
      'HG0402 error Secret/default/keys stringData["apiKey.odd"]',
      'HG0402 warning Secret/default/keys stringData["apiKey.same"]',
    ]);
    expect(JSON.stringify(translation.findings)).not.to.match(/one|two|a\\u0007b/);
  });

  it('need their first key, as every policy does', () => {
    const translation = withSecret({ stringData: { 'apiKey.b': 'two' } });
    expect(keysOf(translation)).to.eql([undefined]);
    expect(codesOf(translation)).to.include('HG0401 error BackendSecurityPolicy/default/a spec.apiKey.secretRef');
  });

  it('have sixteen keys at most', () => {
    const further = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`apiKey.${i + 10}`, `key-${i}`]));
    const translation = withSecret({ stringData: { apiKey: 'first', ...further } });
    expect(keysOf(translation)).to.have.length(16);
    expect(codesOf(translation).filter((code) => code.startsWith('HG0402 warning'))).to.have.length(5);
  });
});
