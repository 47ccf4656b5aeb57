/** Random gateways in the intermediate form, valid as `policy` would make them. */
import fc from 'fast-check';
import type {
  ActionIr,
  BackendIr,
  ConnectionIr,
  CredentialIr,
  EndpointIr,
  FilterChainIr,
  ForwardIr,
  GatewayIr,
  HostIr,
  InferenceRuleIr,
  ListenerIr,
  MatchIr,
  ProviderIr,
  RetryIr,
  RouteIr,
  SecretRef,
  SecretValues,
  ValueMatchIr,
} from '../../../src/ir/index.ts';

export interface RandomGateway {
  readonly gateway: GatewayIr;
  readonly secrets: SecretValues;
}

const ms = fc.integer({ min: 1, max: 600_000 });
const label = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);
/** Texts that could break out of what they stand in: quotes, formats, separators, regular expressions. */
const anyText = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('%', '"', '\\', '%REQ(x)%', '${a}', '\u2028', 'é', "'"),
);
const headerValue = fc.constantFrom('a', '100%', '%REQ(x)%', 'a "b"', '', 'x,y;z=1');
const headerName = fc.constantFrom('x-a', 'x-b', 'x-c-d', 'authorization');

const TLS_SECRET: SecretRef = { name: 'Secret/default/tls/tls.crt', kind: 'tls' };
const CA_SECRET: SecretRef = { name: 'ConfigMap/default/ca/ca.crt', kind: 'ca' };
const KEY_SECRET: SecretRef = { name: 'Secret/default/key/apiKey', kind: 'generic' };
const SECRETS: SecretValues = new Map([
  [TLS_SECRET.name, { kind: 'tls', certificateChain: 'chain', privateKey: 'key' }],
  [CA_SECRET.name, { kind: 'ca', certificates: 'ca' }],
  [KEY_SECRET.name, { kind: 'generic', value: 'sk' }],
]);

const endpoint: fc.Arbitrary<EndpointIr> = fc.oneof(
  fc.record({ kind: fc.constant('ip' as const), address: fc.ipV4(), port: fc.integer({ min: 1, max: 65535 }) }),
  fc.record({
    kind: fc.constant('fqdn' as const),
    hostname: fc.constantFrom('localhost', 'Localhost'),
    port: fc.constant(443),
  }),
  fc.record({ kind: fc.constant('unix' as const), path: label.map((name) => `/run/${name}.sock`) }),
);

const connection: fc.Arbitrary<ConnectionIr> = fc.record(
  {
    connectTimeoutMs: ms,
    loadBalancer: fc.constantFrom('round_robin' as const, 'least_request' as const, 'random' as const),
    maxConnections: fc.nat(),
    idleTimeoutMs: ms,
    tcpKeepalive: fc.record({ probes: fc.constant(3), idleTimeMs: ms }),
    dnsRefreshRateMs: ms,
    outlier: fc.record({
      consecutive5xx: fc.integer({ min: 1, max: 9 }),
      alwaysEjectOne: fc.boolean(),
      splitExternalLocalOriginErrors: fc.boolean(),
      intervalMs: ms,
      baseEjectionTimeMs: ms,
      maxEjectionPercent: fc.integer({ min: 0, max: 100 }),
    }),
    activeHealthCheck: fc.record({
      timeoutMs: ms,
      intervalMs: ms,
      unhealthyThreshold: fc.constant(2),
      healthyThreshold: fc.constant(1),
      path: fc.constant('/health'),
      expectedStatuses: fc.constant([200, 204]),
    }),
  },
  { requiredKeys: ['connectTimeoutMs', 'loadBalancer'] },
);

const provider: fc.Arbitrary<ProviderIr> = fc.oneof(
  fc.record(
    {
      schema: fc.constantFrom('OpenAI' as const, 'Anthropic' as const, 'Cohere' as const),
      prefix: fc.constantFrom('', 'api/v1'),
    },
    { requiredKeys: ['schema'] },
  ),
  fc.record({ schema: fc.constant('AzureOpenAI' as const), version: fc.constant('2025-01-01-preview') }),
);

const credential: fc.Arbitrary<CredentialIr> = fc.record(
  {
    header: fc.constantFrom('authorization', 'api-key', 'x-api-key'),
    prefix: fc.constantFrom('Bearer ', ''),
    secret: fc.constant(KEY_SECRET),
    override: fc.record(
      { requestHeader: fc.constant('x-their-key'), fallbackToConfigured: fc.boolean() },
      { requiredKeys: ['requestHeader', 'fallbackToConfigured'] },
    ),
  },
  { requiredKeys: ['header', 'prefix'] },
);

function backend(kind: 'AIServiceBackend' | 'Backend', index: number): fc.Arbitrary<BackendIr> {
  const name = `b${index}`;
  return fc.record(
    {
      name: fc.constant(`${kind}/default/${name}`),
      displayName: fc.constant(`default/${name}`),
      endpoints: fc.array(endpoint, { minLength: 1, maxLength: 3 }),
      protocol: fc.constantFrom('auto' as const, 'http1' as const, 'h2c' as const),
      connection,
      tls: fc.record({
        sni: fc.constant('name.internal'),
        ca: fc.constantFrom('system' as const, 'none' as const, CA_SECRET),
        subjectAltNames: fc.constant([]),
      }),
      ...(kind === 'AIServiceBackend' && { provider, credential, forwardProxy: fc.constant('10.0.0.9:3128') }),
    },
    {
      requiredKeys: [
        'name',
        'displayName',
        'endpoints',
        'protocol',
        'connection',
        ...(kind === 'Backend' ? [] : ['provider' as never]),
      ],
    },
  ) as fc.Arbitrary<BackendIr>;
}

const valueMatch = (name: fc.Arbitrary<string>): fc.Arbitrary<ValueMatchIr> =>
  fc.oneof(
    fc.record({ name, type: fc.constant('exact' as const), value: anyText.filter((text) => text !== '') }),
    fc.record({ name, type: fc.constant('regex' as const), value: fc.constantFrom('.*', 'a+', '[^/]*|b', 'gpt-.*') }),
  );

const match: fc.Arbitrary<MatchIr> = fc.boolean().chain((inference) =>
  fc.record(
    {
      inference: fc.constant(inference),
      headers: fc.uniqueArray(valueMatch(fc.constantFrom('x-ai-eg-model', 'x-tier', 'x-team')), {
        maxLength: 3,
        selector: ({ name }) => name,
      }),
      queryParams: inference
        ? fc.constant([])
        : fc.uniqueArray(valueMatch(fc.constantFrom('v', 'w')), { maxLength: 2, selector: ({ name }) => name }),
      ...(!inference && {
        path: fc.record({
          type: fc.constantFrom('exact' as const, 'prefix' as const),
          value: fc.constantFrom('/', '/a', '/a/b/', '/v1/chat/completions', '/a.b(c)'),
        }),
        method: fc.constantFrom('GET', 'POST'),
      }),
    },
    { requiredKeys: ['inference', 'headers', 'queryParams'] },
  ),
) as fc.Arbitrary<MatchIr>;

const retry: fc.Arbitrary<RetryIr> = fc.record(
  {
    attemptsPerBackend: fc.integer({ min: 1, max: 3 }),
    numRetries: fc.nat({ max: 4 }),
    statusCodes: fc.subarray([429, 500, 503]),
    triggers: fc.constantFrom(['5xx', 'reset'], ['connect-failure']),
    perTryTimeoutMs: ms,
    backOff: fc.constant({ baseIntervalMs: 25, maxIntervalMs: 250 }),
  },
  { requiredKeys: ['attemptsPerBackend', 'statusCodes', 'triggers'] },
);

function inferenceRule(backends: readonly BackendIr[], name: string): fc.Arbitrary<InferenceRuleIr> {
  const ref = fc.record(
    {
      backend: fc.constantFrom(...backends.map((one) => one.name)),
      priority: fc.nat({ max: 2 }),
      weight: fc.integer({ min: 1, max: 5 }),
      modelOverride: anyText,
      headerMutation: fc.record({
        set: fc.uniqueArray(fc.record({ name: headerName, value: headerValue }), {
          maxLength: 2,
          selector: (h) => h.name,
        }),
        remove: fc.subarray(['x-gone', 'x-lost']),
      }),
      bodyMutation: fc.record({
        set: fc.uniqueArray(fc.record({ path: anyText, value: fc.json() }), { maxLength: 2, selector: (f) => f.path }),
        remove: fc.array(anyText, { maxLength: 2 }),
      }),
    },
    { requiredKeys: ['backend', 'priority', 'weight'] },
  );
  return fc.record(
    {
      route: fc.constant('default/route'),
      name: fc.constant(name),
      backends: fc.array(ref, { minLength: 1, maxLength: 4 }),
      requestTimeoutMs: fc.oneof(fc.constant(0), ms),
      streamIdleTimeoutMs: ms,
      retry,
      costs: fc.uniqueArray(
        fc.record({
          metadataKey: label,
          value: fc.oneof(
            fc.record({
              kind: fc.constant('count' as const),
              count: fc.constantFrom('input' as const, 'total' as const),
            }),
            fc.record({
              kind: fc.constant('cel' as const),
              expression: fc.constantFrom('input_tokens', "model == 'a' ? 1u : output_tokens * 2u"),
            }),
          ),
        }),
        { maxLength: 3, selector: ({ metadataKey }) => metadataKey },
      ),
    },
    { requiredKeys: ['route', 'name', 'backends', 'requestTimeoutMs', 'retry', 'costs'] },
  );
}

const headerEdit = fc.record({
  set: fc.array(fc.record({ name: headerName, value: headerValue }), { maxLength: 1 }),
  add: fc.array(fc.record({ name: headerName, value: headerValue }), { maxLength: 1 }),
  remove: fc.subarray(['x-gone']),
});

function forward(backends: readonly BackendIr[]): fc.Arbitrary<ForwardIr> {
  const name = fc.constantFrom(...backends.map((one) => one.name));
  return fc.record(
    {
      backends: fc.uniqueArray(
        fc.record(
          { backend: name, weight: fc.nat({ max: 3 }), requestHeaders: headerEdit },
          { requiredKeys: ['backend', 'weight'] },
        ),
        { minLength: 1, maxLength: 2, selector: (ref) => ref.backend },
      ),
      invalidWeight: fc.nat({ max: 2 }),
      requestHeaders: headerEdit,
      responseHeaders: headerEdit,
      rewrite: fc.record({
        hostname: fc.constant('new.internal'),
        path: fc.oneof(
          fc.constant({ kind: 'full' as const, value: '/all\\1' }),
          fc.constant({ kind: 'prefix' as const, matched: '/a', value: '/' }),
        ),
      }),
      mirrors: fc.array(fc.record({ backend: name, percent: fc.integer({ min: 0, max: 100 }) }), { maxLength: 1 }),
      requestTimeoutMs: fc.oneof(fc.constant(0), ms),
      backendRequestTimeoutMs: ms,
      retry,
    },
    { requiredKeys: ['backends', 'invalidWeight', 'mirrors', 'requestTimeoutMs'] },
  );
}

function route(ai: readonly BackendIr[], plain: readonly BackendIr[], name: string): fc.Arbitrary<RouteIr> {
  return match.chain((one) => {
    const own: fc.Arbitrary<ActionIr> = one.inference
      ? fc.record({ kind: fc.constant('inference' as const), rule: inferenceRule(ai, name) })
      : fc.oneof(
          fc.record({ kind: fc.constant('forward' as const), forward: forward(plain) }),
          fc.record({
            kind: fc.constant('redirect' as const),
            redirect: fc.record({
              statusCode: fc.constantFrom(301 as const, 308 as const),
              hostname: fc.constant('x.example'),
            }),
          }),
        );
    const failed = fc.record({ kind: fc.constant('respond' as const), status: fc.constant(500), message: anyText });
    return fc.oneof({ weight: 5, arbitrary: own }, { weight: 1, arbitrary: failed }).map((action) => ({
      name: `${name}/match/0`,
      origin: { object: name, field: ['spec'] },
      match: one,
      action,
    }));
  });
}

/** A gateway with plain and AI routes on one to three ports; the last port speaks TLS. */
export const randomGateway: fc.Arbitrary<RandomGateway> = fc
  .tuple(
    fc.tuple(backend('AIServiceBackend', 0), backend('AIServiceBackend', 1), backend('AIServiceBackend', 2)),
    fc.tuple(backend('Backend', 3), backend('Backend', 4)),
    fc.integer({ min: 1, max: 3 }),
  )
  .chain(([ai, plain, ports]) => {
    const host = (port: number, hostname: string): fc.Arbitrary<HostIr> =>
      fc.record({
        hostname: fc.constant(hostname),
        routes: fc
          .tuple(
            ...Array.from({ length: 4 }, (_, i) =>
              route(ai, plain, `AIGatewayRoute/default/r${port}${hostname.length}/rule/${i}`),
            ),
          )
          .chain((routes) => fc.subarray(routes)),
        models: fc.array(fc.record({ id: anyText, ownedBy: anyText, created: fc.nat() }), { maxLength: 2 }),
      });
    const chain = (port: number, secure: boolean): fc.Arbitrary<FilterChainIr> =>
      fc.record({
        listenerName: fc.constant(`l${port}`),
        routeConfigName: fc.constant(`Gateway/default/gw/port/${port}`),
        serverNames: fc.constant(secure ? ['*.example.com'] : []),
        hosts: fc.tuple(host(port, '*'), host(port, 'a.example.com')),
        ...(secure && { tls: fc.constant({ certificates: [TLS_SECRET] }) }),
      }) as fc.Arbitrary<FilterChainIr>;
    const listener = (port: number, secure: boolean): fc.Arbitrary<ListenerIr> =>
      fc.record({
        name: fc.constant(`Gateway/default/gw/port/${port}`),
        address: fc.constant('0.0.0.0'),
        port: fc.constant(port),
        chains: fc.tuple(chain(port, secure)),
      });
    const listeners = Array.from({ length: ports }, (_, i) => listener(8000 + i, i === 2));
    return fc.tuple(...listeners).map(
      (made): RandomGateway => ({
        gateway: {
          key: 'default/gw',
          origin: { object: 'Gateway/default/gw', field: [] },
          listeners: made,
          backends: [...ai, ...plain],
          secrets: [CA_SECRET, KEY_SECRET, TLS_SECRET],
          endpointPrefixes: { openai: '', anthropic: '/anthropic', cohere: '/cohere' },
          maxRequestBodyBytes: 1_048_576,
        },
        secrets: SECRETS,
      }),
    );
  });
