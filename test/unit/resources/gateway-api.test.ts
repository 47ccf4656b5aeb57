import { expect } from 'chai';
import type { BackendTLSPolicy, Gateway, HTTPRoute, ReferenceGrant } from '../../../src/resources/gateway-api/index.ts';
import { validateObject } from '../../../src/resources/index.ts';

const group = 'gateway.networking.k8s.io';

function validated(apiVersion: string, kind: string, spec: unknown, namespace?: string) {
  const metadata = { name: 'a', ...(namespace !== undefined && { namespace }) };
  return validateObject({ apiVersion, kind, metadata, spec }, () => undefined);
}

function accepted<T>(apiVersion: string, kind: string, spec: unknown): T {
  const { object, findings } = validated(apiVersion, kind, spec, 'default');
  expect(findings).to.deep.equal([]);
  const read: unknown = object;
  return read as T;
}

describe('Gateway API: defaults', () => {
  it('lets routes of its own namespace attach to a listener', () => {
    const gateway = accepted<Gateway>(`${group}/v1`, 'Gateway', {
      gatewayClassName: 'envoy',
      listeners: [
        { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } },
        { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] } },
      ],
    });
    const [https, http] = gateway.spec.listeners;
    expect(https?.allowedRoutes).to.deep.equal({ namespaces: { from: 'Same' } });
    expect(https?.tls).to.deep.equal({
      mode: 'Terminate',
      certificateRefs: [{ group: '', kind: 'Secret', name: 'cert' }],
    });
    expect(http?.allowedRoutes).to.deep.equal({ kinds: [{ group, kind: 'HTTPRoute' }], namespaces: { from: 'Same' } });
  });

  it('gives a route one rule that matches every path', () => {
    const route = accepted<HTTPRoute>(`${group}/v1`, 'HTTPRoute', { parentRefs: [{ name: 'gw' }] });
    expect(route.spec).to.deep.equal({
      parentRefs: [{ group, kind: 'Gateway', name: 'gw' }],
      rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }],
    });
  });

  it('completes matches, filters and backends', () => {
    const route = accepted<HTTPRoute>(`${group}/v1`, 'HTTPRoute', {
      rules: [
        {
          matches: [{ headers: [{ name: 'a', value: 'b' }] }, { path: { value: '/v1' } }],
          filters: [
            {
              type: 'RequestMirror',
              requestMirror: { backendRef: { name: 'm', port: 1 }, fraction: { numerator: 1 } },
            },
          ],
          backendRefs: [{ name: 'b', port: 80 }],
        },
        { filters: [{ type: 'RequestRedirect', requestRedirect: {} }] },
      ],
    });
    const [first, second] = route.spec.rules;
    expect(first?.matches).to.deep.equal([
      { headers: [{ type: 'Exact', name: 'a', value: 'b' }], path: { type: 'PathPrefix', value: '/' } },
      { path: { type: 'PathPrefix', value: '/v1' } },
    ]);
    expect(first?.filters?.[0]?.requestMirror).to.deep.equal({
      backendRef: { group: '', kind: 'Service', name: 'm', port: 1 },
      fraction: { numerator: 1, denominator: 100 },
    });
    expect(first?.backendRefs).to.deep.equal([{ group: '', kind: 'Service', name: 'b', port: 80, weight: 1 }]);
    expect(second?.filters?.[0]?.requestRedirect?.statusCode).to.equal(302);
  });

  it('leaves a BackendTLSPolicy as it is written', () => {
    const spec = {
      targetRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'a' }],
      validation: { hostname: 'api.openai.com', wellKnownCACertificates: 'System' },
    };
    expect(accepted<BackendTLSPolicy>(`${group}/v1`, 'BackendTLSPolicy', spec).spec).to.deep.equal(spec);
  });
});

describe('Gateway API: versions and status', () => {
  it('takes the older version of a kind and keeps one', () => {
    expect(accepted<HTTPRoute>(`${group}/v1beta1`, 'HTTPRoute', {}).apiVersion).to.equal(`${group}/v1`);
    const grant = {
      from: [{ group, kind: 'HTTPRoute', namespace: 'a' }],
      to: [{ group: '', kind: 'Secret' }],
    };
    for (const version of ['v1', 'v1beta1']) {
      const object = accepted<ReferenceGrant>(`${group}/${version}`, 'ReferenceGrant', grant);
      expect(object.apiVersion).to.equal(`${group}/v1beta1`);
      expect(object.spec).to.deep.equal(grant);
    }
  });

  it('reads the BackendTLSPolicy that files still have, and says which version is current', () => {
    const spec = {
      targetRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'a' }],
      validation: { hostname: 'a.example', wellKnownCACertificates: 'System' },
    };
    const { valid, object, findings } = validated(`${group}/v1alpha3`, 'BackendTLSPolicy', spec, 'default');
    expect(valid).to.equal(true);
    expect(object.apiVersion).to.equal(`${group}/v1`);
    expect(findings.map(({ code, level, hint }) => ({ code, level, hint }))).to.deep.equal([
      { code: 'HG0112', level: 'warning', hint: `use ${group}/v1` },
    ]);
  });

  it('refuses a version of a known kind that never was, and says which is', () => {
    const { valid, findings } = validated(`${group}/v2`, 'BackendTLSPolicy', {}, 'default');
    expect(valid).to.equal(false);
    expect(findings.map(({ code, level, hint }) => ({ code, level, hint }))).to.deep.equal([
      { code: 'HG0110', level: 'error', hint: `use ${group}/v1 or ${group}/v1alpha3` },
    ]);
  });

  it('lets a status through, whatever it holds', () => {
    const object = {
      apiVersion: `${group}/v1`,
      kind: 'Gateway',
      metadata: { name: 'a' },
      spec: { gatewayClassName: 'envoy', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      status: { addresses: [{ value: '10.0.0.1' }], conditions: [], next: { new: true } },
    };
    expect(validateObject(object, () => undefined).findings).to.deep.equal([]);
  });

  it('names a field that is misspelt', () => {
    const { findings } = validated(`${group}/v1`, 'HTTPRoute', { rules: [{ backendRef: [] }] }, 'default');
    expect(findings.map(({ code, field, hint }) => ({ code, field, hint }))).to.deep.equal([
      { code: 'HG0108', field: 'spec.rules[0].backendRef', hint: 'did you mean backendRefs?' },
    ]);
  });
});
