import { expect } from 'chai';
import type { Backend, BackendTrafficPolicy } from '../../../src/resources/envoy-gateway/index.ts';
import { validateObject } from '../../../src/resources/index.ts';

function accepted<T>(kind: string, spec: unknown): T {
  const metadata = { name: 'a', namespace: 'default' };
  const { object, findings } = validateObject(
    { apiVersion: 'gateway.envoyproxy.io/v1alpha1', kind, metadata, spec },
    () => undefined,
  );
  expect(findings.filter((finding) => finding.level === 'error')).to.deep.equal([]);
  const read: unknown = object;
  return read as T;
}

const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'chat' }];
const policy = (fields: object) =>
  accepted<BackendTrafficPolicy>('BackendTrafficPolicy', { targetRefs, ...fields }).spec;

describe('Envoy Gateway: defaults', () => {
  it('takes a Backend for a list of endpoints', () => {
    const { spec } = accepted<Backend>('Backend', { endpoints: [{ fqdn: { hostname: 'a', port: 1 } }], tls: {} });
    expect(spec).to.deep.equal({
      type: 'Endpoints',
      endpoints: [{ fqdn: { hostname: 'a', port: 1 } }],
      tls: { insecureSkipVerify: false },
    });
  });

  it('retries twice', () => {
    expect(policy({ retry: {} }).retry).to.deep.equal({ numRetries: 2 });
  });

  it('completes health checks', () => {
    const { healthCheck } = policy({ healthCheck: { active: { type: 'TCP', tcp: {} }, passive: {} } });
    expect(healthCheck?.active).to.deep.equal({
      type: 'TCP',
      tcp: {},
      healthyThreshold: 1,
      unhealthyThreshold: 3,
      interval: '3s',
      timeout: '1s',
    });
    expect(healthCheck?.passive).to.deep.equal({
      alwaysEjectOneEndpoint: false,
      baseEjectionTime: '30s',
      consecutive5XxErrors: 5,
      consecutiveLocalOriginFailures: 5,
      interval: '3s',
      maxEjectionPercent: 10,
      splitExternalLocalOriginErrors: false,
    });
  });

  it('completes circuit breakers and retry budgets', () => {
    const { circuitBreaker } = policy({
      circuitBreaker: { maxConnections: 5, perEndpoint: {}, retryBudget: { percent: { numerator: 20 } } },
    });
    expect(circuitBreaker).to.deep.equal({
      maxConnections: 5,
      maxParallelRequests: 1024,
      maxParallelRetries: 1024,
      maxPendingRequests: 1024,
      perEndpoint: { maxConnections: 1024 },
      retryBudget: { percent: { numerator: 20, denominator: 100 } },
    });
  });

  it('completes selectors of rate limits and of targets', () => {
    const spec = accepted<BackendTrafficPolicy>('BackendTrafficPolicy', {
      targetSelectors: [{ kind: 'Gateway', namespaces: {} }],
      rateLimit: {
        global: {
          rules: [
            {
              limit: { requests: 1, unit: 'Day' },
              clientSelectors: [{ headers: [{ name: 'a' }], path: {}, methods: [{ value: 'GET' }] }],
            },
          ],
        },
      },
    }).spec;
    expect(spec.targetSelectors).to.deep.equal([
      { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespaces: { from: 'Same' } },
    ]);
    expect(spec.rateLimit?.global?.rules[0]?.clientSelectors).to.deep.equal([
      {
        headers: [{ name: 'a', type: 'Exact', invert: false }],
        path: { type: 'PathPrefix', value: '/', invert: false },
        methods: [{ value: 'GET', invert: false }],
      },
    ]);
  });

  it('keeps quantities as they are written', () => {
    const { connection } = policy({ connection: { bufferLimit: 32768, socketBufferLimit: '64Ki' } });
    expect(connection).to.deep.equal({ bufferLimit: 32768, socketBufferLimit: '64Ki' });
  });
});
