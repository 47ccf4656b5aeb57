/** Long because it is one list of cases: every rule of the two kinds is seen to hold or to break here. */
import { type CorpusCase, casesOf } from './corpus-case.ts';

const apiVersion = 'gateway.envoyproxy.io/v1alpha1';
const backend = casesOf(apiVersion, 'Backend');
const policy = casesOf(apiVersion, 'BackendTrafficPolicy');

const fqdn = { fqdn: { hostname: 'api.openai.com', port: 443 } };
const ip = (address: string) => ({ ip: { address, port: 8080 } });
const at = (...endpoints: unknown[]) => ({ endpoints });

const backends: CorpusCase[] = [
  backend.good('nothing at all', {}),
  backend.good('host name', at(fqdn)),
  backend.good('addresses and a socket', at(ip('10.0.0.1'), ip('2001:db8::1'), { unix: { path: '/run/a.sock' } })),
  backend.good('named endpoint in a zone', at({ ...ip('10.0.0.1'), hostname: 'a.example.com', zone: 'a' })),
  backend.good('port 0', at({ fqdn: { hostname: 'a', port: 0 } })),
  backend.good('all else', {
    ...at(fqdn),
    appProtocols: ['gateway.envoyproxy.io/h2c'],
    fallback: true,
    tls: {
      wellKnownCACertificates: 'System',
      sni: 'a.example.com',
      minVersion: '1.2',
      maxVersion: '1.3',
      ciphers: ['ECDHE-RSA-AES128-GCM-SHA256'],
      alpnProtocols: ['h2'],
      clientCertificateRef: { name: 'client' },
    },
  }),
  backend.good('resolved by each request', { type: 'DynamicResolver' }),
  backend.bad('no endpoint', 'spec.endpoints', at()),
  backend.bad('endpoint of no address', 'spec.endpoints[0]', at({ hostname: 'a' })),
  backend.bad('endpoint of two addresses', 'spec.endpoints[0]', at({ ...fqdn, ...ip('10.0.0.1') })),
  backend.bad('host name beside an address', 'spec.endpoints', at(fqdn, ip('10.0.0.1'))),
  backend.bad('address that is a host name', 'spec.endpoints[0].ip.address', at(ip('localhost'))),
  backend.bad('the shortest IPv6 address, which its pattern forgets', 'spec.endpoints[0].ip.address', at(ip('::1'))),
  backend.bad('address out of range', 'spec.endpoints[0].ip.address', at(ip('10.0.0.256'))),
  backend.bad('URL as host name', 'spec.endpoints[0].fqdn.hostname', at({ fqdn: { hostname: 'http://a', port: 1 } })),
  backend.bad('no port', 'spec.endpoints[0].fqdn.port', at({ fqdn: { hostname: 'a' } })),
  backend.bad('port 65536', 'spec.endpoints[0].fqdn.port', at({ fqdn: { hostname: 'a', port: 65536 } })),
  backend.bad('long socket path', 'spec.endpoints[0].unix.path', at({ unix: { path: `/${'a'.repeat(108)}` } })),
  backend.bad('257 endpoints', 'spec.endpoints', at(...Array.from({ length: 257 }, () => fqdn))),
  backend.bad('endpoints of a resolver', 'spec', { type: 'DynamicResolver', ...at(fqdn) }),
  backend.bad('unknown type', 'spec.type', { type: 'Static', ...at(fqdn) }),
  backend.bad('unknown protocol', 'spec.appProtocols[0]', { ...at(fqdn), appProtocols: ['h2'] }),
  backend.bad('two sorts of authorities', 'spec.tls', {
    ...at(fqdn),
    tls: { wellKnownCACertificates: 'System', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
  }),
  backend.bad('unchecked, yet with authorities', 'spec.tls', {
    ...at(fqdn),
    tls: { insecureSkipVerify: true, wellKnownCACertificates: 'System' },
  }),
  backend.bad('ciphers of TLS 1.3', 'spec.tls', { ...at(fqdn), tls: { minVersion: '1.3', ciphers: ['a'] } }),
  backend.bad('versions the wrong way round', 'spec.tls', {
    ...at(fqdn),
    tls: { minVersion: '1.3', maxVersion: '1.2' },
  }),
  backend.bad('maximum below the usual minimum', 'spec.tls', { ...at(fqdn), tls: { maxVersion: '1.1' } }),
];

const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'chat' }];
const [targetRef] = targetRefs;
const selector = { kind: 'HTTPRoute', matchLabels: { a: 'b' } };
const policyOf = (fields: object) => ({ targetRefs, ...fields });

const targets: CorpusCase[] = [
  policy.good('one target', { targetRef }),
  policy.good('targets', policyOf({})),
  policy.good('target section', { targetRef: { ...targetRef, sectionName: 'rule-1' } }),
  policy.good('targets by label', {
    targetSelectors: [{ ...selector, namespaces: { from: 'Selector', selector: { matchLabels: { c: 'd' } } } }],
  }),
  policy.bad('no target', 'spec', {}),
  policy.bad('no target selector', 'spec', { targetSelectors: [] }),
  policy.bad('target in two forms', 'spec', { targetRef, targetRefs }),
  policy.bad('target of another group', 'spec', {
    targetRef: { group: 'aigateway.envoyproxy.io', kind: 'AIGatewayRoute', name: 'a' },
  }),
  policy.bad('target of another kind', 'spec', { targetRefs: [{ ...targetRef, kind: 'Backend' }] }),
  policy.bad('target without a name', 'spec.targetRefs[0].name', {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway' }],
  }),
  policy.bad('selected group', 'spec.targetSelectors[0]', { targetSelectors: [{ ...selector, group: 'a.b' }] }),
  policy.bad('selected namespaces without a selector', 'spec.targetSelectors[0].namespaces', {
    targetSelectors: [{ ...selector, namespaces: { from: 'Selector' } }],
  }),
  policy.bad('merge that replaces', 'spec.mergeType', policyOf({ mergeType: 'Replace' })),
];

const connections: CorpusCase[] = [
  policy.good(
    'retry',
    policyOf({
      retry: {
        numRetries: 3,
        numAttemptsPerPriority: 1,
        perRetry: { timeout: '10s', backOff: { baseInterval: '25ms', maxInterval: '1s' } },
        retryOn: { httpStatusCodes: [429, 503], triggers: ['connect-failure', 'retriable-status-codes'] },
      },
    }),
  ),
  policy.good(
    'time limits',
    policyOf({ timeout: { http: { requestTimeout: '0s', streamIdleTimeout: '5m' }, tcp: { connectTimeout: '1s' } } }),
  ),
  policy.good(
    'health checks',
    policyOf({
      healthCheck: {
        active: {
          type: 'HTTP',
          http: { path: '/healthz', expectedStatuses: [200], expectedResponse: { type: 'Binary', binary: 'cG9uZw==' } },
        },
        passive: { consecutive5XxErrors: 3, maxEjectionPercent: 50 },
        panicThreshold: 0,
      },
    }),
  ),
  policy.good('circuit breaker', policyOf({ circuitBreaker: { maxConnections: 4294967295, perEndpoint: {} } })),
  policy.good(
    'consistent hash',
    policyOf({
      loadBalancer: { type: 'ConsistentHash', consistentHash: { type: 'Header', header: { name: 'x-user' } } },
    }),
  ),
  policy.good('slow start', policyOf({ loadBalancer: { type: 'LeastRequest', slowStart: { window: '30s' } } })),
  policy.good(
    'preconnect',
    policyOf({ loadBalancer: { type: 'Random' }, connection: { preconnect: { predictivePercent: 150 } } }),
  ),
  policy.good(
    'buffers by number and by quantity',
    policyOf({ connection: { bufferLimit: 32768, socketBufferLimit: '64Ki' }, requestBuffer: { limit: '4Mi' } }),
  ),
  policy.good(
    'HTTP/2, DNS, PROXY protocol, keepalive',
    policyOf({
      http2: { initialStreamWindowSize: '64Ki', connectionKeepalive: { interval: '10s', timeout: '5s' } },
      dns: { dnsRefreshRate: '5s', lookupFamily: 'IPv4AndIPv6', respectDnsTtl: true },
      proxyProtocol: { version: 'V2' },
      tcpKeepalive: { probes: 3, idleTime: '1m', interval: '10s' },
    }),
  ),
  policy.bad('retries below zero', 'spec.retry.numRetries', policyOf({ retry: { numRetries: -1 } })),
  policy.bad(
    'retry on status 99',
    'spec.retry.retryOn.httpStatusCodes[0]',
    policyOf({ retry: { retryOn: { httpStatusCodes: [99] } } }),
  ),
  policy.bad(
    'retry on an unknown trigger',
    'spec.retry.retryOn.triggers[0]',
    policyOf({ retry: { retryOn: { triggers: ['4xx'] } } }),
  ),
  policy.bad(
    'retry limit in hours and days',
    'spec.retry.perRetry.timeout',
    policyOf({ retry: { perRetry: { timeout: '1d' } } }),
  ),
  policy.bad(
    'request limit as a number',
    'spec.timeout.http.requestTimeout',
    policyOf({ timeout: { http: { requestTimeout: 5 } } }),
  ),
  policy.bad(
    'HTTP check without its settings',
    'spec.healthCheck.active',
    policyOf({ healthCheck: { active: { type: 'HTTP' } } }),
  ),
  policy.bad(
    'TCP check with gRPC settings',
    'spec.healthCheck.active',
    policyOf({ healthCheck: { active: { type: 'TCP', tcp: {}, grpc: {} } } }),
  ),
  policy.bad(
    'expected answer in the wrong form',
    'spec.healthCheck.active.http.expectedResponse',
    policyOf({
      healthCheck: {
        active: { type: 'HTTP', http: { path: '/', expectedResponse: { type: 'Text', binary: 'YQ==' } } },
      },
    }),
  ),
  policy.bad(
    'ejection above the whole',
    'spec.healthCheck.passive.maxEjectionPercent',
    policyOf({ healthCheck: { passive: { maxEjectionPercent: 101 } } }),
  ),
  policy.bad(
    'connections above 32 bits',
    'spec.circuitBreaker.maxConnections',
    policyOf({ circuitBreaker: { maxConnections: 4294967296 } }),
  ),
  policy.bad(
    'hash settings without the hash',
    'spec.loadBalancer',
    policyOf({ loadBalancer: { type: 'RoundRobin', consistentHash: { type: 'SourceIP' } } }),
  ),
  policy.bad(
    'hash of a header that is not named',
    'spec.loadBalancer.consistentHash',
    policyOf({ loadBalancer: { type: 'ConsistentHash', consistentHash: { type: 'Header' } } }),
  ),
  policy.bad(
    'slow start of a random pick',
    'spec.loadBalancer',
    policyOf({ loadBalancer: { type: 'Random', slowStart: { window: '1s' } } }),
  ),
  policy.bad(
    'two zone settings',
    'spec.loadBalancer',
    policyOf({
      loadBalancer: {
        type: 'RoundRobin',
        zoneAware: { preferLocal: {}, weightedZones: [{ zone: 'a', weight: 1 }] },
      },
    }),
  ),
  policy.bad(
    'one zone twice',
    'spec.loadBalancer.zoneAware.weightedZones[1]',
    policyOf({
      loadBalancer: {
        type: 'RoundRobin',
        zoneAware: {
          weightedZones: [
            { zone: 'a', weight: 1 },
            { zone: 'a', weight: 2 },
          ],
        },
      },
    }),
  ),
  policy.bad(
    'preconnect without a fitting load balancer',
    'spec',
    policyOf({ connection: { preconnect: { predictivePercent: 150 } } }),
  ),
  policy.bad('buffer of zero', 'spec.connection.bufferLimit', policyOf({ connection: { bufferLimit: '0' } })),
  policy.bad('buffer in bits', 'spec.connection.bufferLimit', policyOf({ connection: { bufferLimit: '64b' } })),
  policy.bad('buffer as a boolean', 'spec.requestBuffer.limit', policyOf({ requestBuffer: { limit: true } })),
  policy.bad(
    'keepalive that outlasts its interval',
    'spec.http2.connectionKeepalive',
    policyOf({ http2: { connectionKeepalive: { interval: '5s', timeout: '5s' } } }),
  ),
  policy.bad('unknown address family', 'spec.dns.lookupFamily', policyOf({ dns: { lookupFamily: 'ipv4' } })),
];

const limit = { requests: 10, unit: 'Minute' };
const global = (rule: object) => policyOf({ rateLimit: { type: 'Global', global: { rules: [rule] } } });
const local = (rule: object) => policyOf({ rateLimit: { type: 'Local', local: { rules: [rule] } } });
const cost = { from: 'Metadata', metadata: { namespace: 'io.envoy.ai_gateway', key: 'llm_total_token' } };

/** The published definition gives limits the format int32 and a maximum beyond it. */
const goodLimits: CorpusCase[] = [
  policy.good('global limit', global({ limit })),
  policy.good(
    'tokens of a user',
    global({
      clientSelectors: [{ headers: [{ name: 'x-user', type: 'Distinct' }], sourceCIDR: { value: '10.0.0.0/8' } }],
      limit: { requests: 1000000, unit: 'Month' },
      cost: { request: { from: 'Number', number: 0 }, response: cost },
      shared: true,
    }),
  ),
  policy.good('local limit', local({ limit, cost: { request: cost } })),
  policy.good('limit above 31 bits', global({ limit: { ...limit, requests: 4294967295 } })),
].map((entry) => ({ ...entry, publishedCrdRefuses: 'the maximum of limit.requests does not fit its format' }));

const limits: CorpusCase[] = [
  ...goodLimits,
  policy.bad(
    'limit above 32 bits',
    'spec.rateLimit.global.rules[0].limit.requests',
    global({ limit: { ...limit, requests: 4294967296 } }),
  ),
  policy.bad(
    'limit of zero',
    'spec.rateLimit.global.rules[0].limit.requests',
    global({ limit: { ...limit, requests: 0 } }),
  ),
  policy.bad(
    'limit a week',
    'spec.rateLimit.global.rules[0].limit.unit',
    global({ limit: { ...limit, unit: 'Week' } }),
  ),
  policy.bad('no limit', 'spec.rateLimit.global.rules[0].limit', global({})),
  policy.bad(
    'selector of nothing',
    'spec.rateLimit.global.rules[0].clientSelectors[0]',
    global({ limit, clientSelectors: [{}] }),
  ),
  policy.bad(
    'cost in two forms',
    'spec.rateLimit.global.rules[0].cost.request',
    global({ limit, cost: { request: { ...cost, number: 1 } } }),
  ),
  policy.bad(
    'cost without its source',
    'spec.rateLimit.global.rules[0].cost.response.from',
    global({ limit, cost: { response: { number: 1 } } }),
  ),
  policy.bad('local response cost', 'spec.rateLimit.local.rules', local({ limit, cost: { response: cost } })),
  policy.bad('unknown sort of limit', 'spec.rateLimit.type', policyOf({ rateLimit: { type: 'Shared' } })),
];

const override = (fields: object) =>
  policyOf({ responseOverride: [{ match: { statusCodes: [{ value: 500 }] }, ...fields }] });
const treatment: CorpusCase[] = [
  policy.good('compression', policyOf({ compression: [{ type: 'Gzip', gzip: {}, minContentLength: '1Ki' }] })),
  policy.good(
    'answer of its own',
    override({ response: { statusCode: 503, contentType: 'text/plain', body: { inline: 'sorry' } } }),
  ),
  policy.good('redirect', override({ redirect: { path: { type: 'ReplaceFullPath', replaceFullPath: '/sorry' } } })),
  policy.good(
    'faults',
    policyOf({ faultInjection: { delay: { fixedDelay: '1s' }, abort: { httpStatus: 503, percentage: 0.5 } } }),
  ),
  policy.good('bandwidth', policyOf({ bandwidthLimit: { response: { limit: { value: '1Mi', unit: 'Second' } } } })),
  policy.good('admission control', policyOf({ admissionControl: { samplingWindow: '1s', minSuccessRate: 95 } })),
  policy.good(
    'telemetry',
    policyOf({
      telemetry: { tracing: { samplingFraction: { numerator: 1 }, customTags: { a: { literal: { value: 'b' } } } } },
    }),
  ),
  policy.good(
    'upgrades',
    policyOf({ httpUpgrade: [{ type: 'websocket' }, { type: 'CONNECT', connect: { terminate: true } }] }),
  ),
  policy.bad(
    'compression under two names',
    'spec',
    policyOf({ compression: [{ type: 'Gzip' }], compressor: [{ type: 'Gzip' }] }),
  ),
  policy.bad('unknown compression', 'spec.compression[0].type', policyOf({ compression: [{ type: 'gzip' }] })),
  policy.bad('answer and redirect', 'spec.responseOverride[0]', override({ response: {}, redirect: {} })),
  policy.bad(
    'redirect of a prefix',
    'spec.responseOverride[0].redirect.path',
    override({ redirect: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } }),
  ),
  policy.bad(
    'range the wrong way round',
    'spec.responseOverride[0].match.statusCodes[0].range',
    policyOf({
      responseOverride: [{ match: { statusCodes: [{ type: 'Range', range: { start: 5, end: 4 } }] }, response: {} }],
    }),
  ),
  policy.bad(
    'body from a Secret',
    'spec.responseOverride[0].response.body',
    override({ response: { body: { type: 'ValueRef', valueRef: { group: '', kind: 'Secret', name: 'a' } } } }),
  ),
  policy.bad(
    'headers taken from an answer of its own',
    'spec.responseOverride[0].response.header',
    override({ response: { header: { remove: ['a'] } } }),
  ),
  policy.bad('no fault', 'spec.faultInjection', policyOf({ faultInjection: {} })),
  policy.bad(
    'fault of two statuses',
    'spec.faultInjection.abort',
    policyOf({ faultInjection: { abort: { httpStatus: 503, grpcStatus: 14 } } }),
  ),
  policy.bad('bandwidth of nothing', 'spec.bandwidthLimit', policyOf({ bandwidthLimit: {} })),
  policy.bad('short window', 'spec.admissionControl', policyOf({ admissionControl: { samplingWindow: '999ms' } })),
  policy.bad('admission control of TCP', 'spec', {
    targetRefs: [{ ...targetRef, kind: 'TCPRoute' }],
    admissionControl: {},
  }),
  policy.bad(
    'upgrade settings of another',
    'spec.httpUpgrade[0]',
    policyOf({ httpUpgrade: [{ type: 'websocket', connect: {} }] }),
  ),
  policy.bad(
    'buffer beside upgrades',
    'spec',
    policyOf({ requestBuffer: { limit: 1 }, httpUpgrade: [{ type: 'websocket' }] }),
  ),
];

export const envoyGatewayCorpus: readonly CorpusCase[] = [
  ...backends,
  ...targets,
  ...connections,
  ...limits,
  ...treatment,
];
