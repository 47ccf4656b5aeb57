/**
 * Arbitrary sets of objects whose references find each other now and then: few names, two namespaces, and every so often
 * a field that its schema refuses.
 */
import fc from 'fast-check';
import type { UnknownObject } from '../../src/resources/index.ts';

const AI = 'aigateway.envoyproxy.io';
const EG = 'gateway.envoyproxy.io';
const GW = 'gateway.networking.k8s.io';

type Arb<T> = fc.Arbitrary<T>;

const name = fc.constantFrom('a', 'a', 'a', 'b', 'c');
const namespace = fc.constantFrom('default', 'default', 'default', 'other');
const hostname = fc.constantFrom('a.example.com', '*.example.com', 'b.a.example.com', 'example.org');
const duration = fc.constantFrom('0s', '1s', '500ms', '1h');
const regex = fc.constantFrom('a.*', '[0-9]+', '.*', '(');

/** A record whose optional parts come and go. */
function some<T extends object>(
  required: { [K in keyof T]: Arb<T[K]> },
  optional: Record<string, Arb<unknown>>,
): Arb<object> {
  const keys = Object.keys(required) as (keyof T)[];
  return fc.record({ ...required, ...optional }, { requiredKeys: keys as never[] });
}

function list<T>(item: Arb<T>, maxLength = 3, minLength = 0): Arb<T[]> {
  return fc.array(item, { maxLength, minLength });
}

const valueMatch = (headerName: Arb<string>): Arb<object> =>
  fc.oneof(
    fc.record({ name: headerName, value: fc.constantFrom('m1', 'm2') }),
    fc.record({ name: headerName, type: fc.constant('RegularExpression'), value: regex }),
  );
const headers = fc.uniqueArray(valueMatch(fc.constantFrom('x-ai-eg-model', 'X-Team', 'x-team')), {
  maxLength: 2,
  selector: (match) => (match as { name: string }).name,
});

const parentRef = some(
  { name },
  { namespace, sectionName: fc.constantFrom('http', 'http', 'https', 'lost'), port: fc.constantFrom(80, 443) },
);
const parents = list(parentRef, 2, 1);
const secretRef = some({ name }, { namespace });

const mutation = {
  headerMutation: fc.record({
    set: list(fc.record({ name: fc.constantFrom('x-a', 'X-B', 'x-c', 'host'), value: fc.constant('v') }), 1),
    remove: list(fc.constantFrom('X-A', 'x-b', 'x-c', 'bad name'), 1),
  }),
  bodyMutation: fc.record({
    set: list(fc.record({ path: fc.constantFrom('p', 'q'), value: fc.constantFrom('1', '{}', '"s"', 'x') }), 1),
    remove: list(fc.constant('p'), 1),
  }),
};

const cost = fc.oneof(
  fc.record({ metadataKey: name, type: fc.constantFrom('InputToken', 'TotalToken') }),
  fc.record({
    metadataKey: name,
    type: fc.constant('CEL'),
    cel: fc.constantFrom('input_tokens', 'nope', '1u / total_tokens'),
  }),
);

const aiRule = some(
  {
    backendRefs: list(
      some({ name }, { namespace, weight: fc.nat(2), priority: fc.nat(1), modelNameOverride: name, ...mutation }),
    ),
  },
  {
    name,
    matches: list(fc.record({ headers }), 2),
    timeouts: fc.record({ request: duration }),
    streamIdleTimeout: duration,
    modelsCreatedAt: fc.constantFrom('2025-01-01T00:00:00Z'),
  },
);

const backendRef = some(
  { name },
  { group: fc.constant(EG), kind: fc.constant('Backend'), namespace, weight: fc.nat(2), port: fc.constant(80) },
);
const path = fc.oneof(
  fc.record({ type: fc.constantFrom('Exact', 'PathPrefix'), value: fc.constantFrom('/', '/a', '/a/', '/a/b') }),
  fc.record({ type: fc.constant('RegularExpression'), value: regex }),
);
const httpFilter = fc.oneof(
  fc.record({
    type: fc.constant('RequestHeaderModifier'),
    requestHeaderModifier: fc.record({ remove: list(fc.constantFrom('x', 'Host'), 1) }),
  }),
  fc.record({ type: fc.constant('URLRewrite'), urlRewrite: fc.record({ hostname: fc.constant('h.example.com') }) }),
  fc.record({ type: fc.constant('RequestMirror'), requestMirror: fc.record({ backendRef }) }),
  fc.constant({ type: 'ExtensionRef', extensionRef: { group: 'example.com', kind: 'X', name: 'x' } }),
  fc.constant({ type: 'CORS', cors: {} }),
);
const httpRule = some(
  { backendRefs: list(backendRef) },
  {
    name,
    matches: list(some({ path }, { headers, method: fc.constantFrom('GET', 'POST'), queryParams: headers }), 2),
    filters: list(httpFilter, 2),
  },
);

const tlsListener = fc.record({ certificateRefs: list(secretRef, 2, 1) });
const listener = fc.oneof(
  some(
    {
      name: fc.constantFrom('http', 'more'),
      protocol: fc.constantFrom('HTTP', 'HTTP', 'HTTP', 'SCTP'),
      port: fc.constantFrom(80, 81),
    },
    {
      hostname,
      allowedRoutes: fc.record({
        namespaces: fc.oneof(
          fc.record({ from: fc.constantFrom('All', 'Same') }),
          fc.constant({ from: 'Selector', selector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] } }),
        ),
      }),
    },
  ),
  some(
    { name: fc.constant('https'), protocol: fc.constant('HTTPS'), port: fc.constantFrom(80, 443), tls: tlsListener },
    { hostname },
  ),
);

const target = (group: string, ...kinds: string[]): Arb<object> =>
  some(
    { group: fc.constant(group), kind: fc.constantFrom(...kinds), name },
    { sectionName: fc.constantFrom('a', 'http') },
  );
const plainTarget = (group: string, kind: string): Arb<object> =>
  fc.record({ group: fc.constant(group), kind: fc.constant(kind), name });

const trafficSpec = some(
  { targetRefs: list(target(GW, 'Gateway', 'HTTPRoute', 'GRPCRoute'), 2, 1) },
  {
    mergeType: fc.constant('JSONMerge'),
    retry: some(
      {},
      {
        numRetries: fc.nat(3),
        perRetry: fc.record({ timeout: duration, backOff: fc.record({ baseInterval: duration }) }),
      },
    ),
    timeout: fc.record({ http: fc.record({ requestTimeout: duration }), tcp: fc.record({ connectTimeout: duration }) }),
    circuitBreaker: fc.record({ maxConnections: fc.nat(3) }),
    loadBalancer: fc.record({ type: fc.constantFrom('RoundRobin', 'Random') }),
  },
);

const spec: Readonly<Record<string, readonly [apiVersion: string, spec: Arb<object>]>> = {
  GatewayClass: [
    `${GW}/v1`,
    fc.record({ controllerName: fc.constantFrom('headgate.dev/gateway-controller', 'example.com/x') }),
  ],
  Gateway: [
    `${GW}/v1`,
    fc.record({
      gatewayClassName: name,
      listeners: fc.uniqueArray(listener, {
        minLength: 1,
        maxLength: 3,
        selector: (one) => (one as { name: string }).name,
      }),
    }),
  ],
  AIGatewayRoute: [
    `${AI}/v1beta1`,
    some(
      { rules: list(aiRule) },
      { parentRefs: parents, hostnames: list(hostname, 2), llmRequestCosts: list(cost, 2) },
    ),
  ],
  HTTPRoute: [`${GW}/v1`, some({ rules: list(httpRule, 2, 1) }, { parentRefs: parents, hostnames: list(hostname, 2) })],
  AIServiceBackend: [
    `${AI}/v1beta1`,
    some(
      {
        schema: some(
          { name: fc.constantFrom('OpenAI', 'AzureOpenAI', 'AWSBedrock', 'Cohere') },
          { version: name, prefix: name },
        ),
        backendRef: some({ group: fc.constant(EG), kind: fc.constant('Backend'), name }, { namespace }),
      },
      mutation,
    ),
  ],
  BackendSecurityPolicy: [
    `${AI}/v1beta1`,
    fc
      .record({ targetRefs: list(plainTarget(AI, 'AIServiceBackend'), 2), secretRef, isHeader: fc.boolean() })
      .map(({ targetRefs, secretRef: ref, isHeader }) => ({
        targetRefs,
        type: 'APIKey',
        apiKey: { secretRef: ref },
        ...(isHeader && { credentialOverride: { fromRequestHeaders: { fallbackToConfigured: false } } }),
      })),
  ],
  Backend: [
    `${EG}/v1alpha1`,
    some(
      {
        endpoints: list(
          fc.record({
            fqdn: fc.record({
              hostname: fc.constantFrom('h.example.com', '10.0.0.1'),
              port: fc.constantFrom(0, 80, 8080, 443),
            }),
          }),
          2,
          1,
        ),
      },
      { tls: some({}, { insecureSkipVerify: fc.boolean(), sni: name, clientCertificateRef: secretRef }) },
    ),
  ],
  BackendTLSPolicy: [
    `${GW}/v1`,
    fc.record({
      targetRefs: list(plainTarget(EG, 'Backend'), 1, 1),
      validation: fc.oneof(
        fc.constant({ hostname: 'h.example.com', wellKnownCACertificates: 'System' }),
        fc.record({ hostname: fc.constant('h'), caCertificateRefs: list(plainTarget('', 'ConfigMap'), 1, 1) }),
      ),
    }),
  ],
  BackendTrafficPolicy: [`${EG}/v1alpha1`, trafficSpec],
  GatewayConfig: [
    `${AI}/v1beta1`,
    some(
      {},
      { forwardProxy: fc.record({ address: fc.constantFrom('p:1', 'none') }), globalLLMRequestCosts: list(cost, 1) },
    ),
  ],
  ReferenceGrant: [
    `${GW}/v1beta1`,
    fc.record({
      from: list(
        fc.record({
          group: fc.constantFrom(AI, GW),
          kind: fc.constantFrom('AIGatewayRoute', 'HTTPRoute', 'Gateway'),
          namespace,
        }),
        2,
        1,
      ),
      to: list(
        some(
          { group: fc.constantFrom('', AI, EG), kind: fc.constantFrom('Secret', 'AIServiceBackend', 'Backend') },
          { name },
        ),
        2,
        1,
      ),
    }),
  ],
};

const times = fc.constantFrom(undefined, undefined, '2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z');

const custom: Arb<UnknownObject> = fc.constantFrom(...Object.keys(spec)).chain((kind) => {
  const [apiVersion, body] = spec[kind] ?? ['', fc.constant({})];
  return fc
    .record({ name, namespace, creationTimestamp: times, body, junk: fc.integer({ min: 0, max: 19 }) })
    .map(({ body: value, junk, creationTimestamp, ...rest }) => ({
      apiVersion,
      kind,
      metadata: {
        ...(kind === 'GatewayClass' ? { name: rest.name } : rest),
        ...(creationTimestamp && { creationTimestamp }),
        ...(kind === 'Gateway' && { annotations: { [`${AI}/gateway-config`]: 'a' } }),
      },
      spec: spoil(value, junk),
    }));
});

/** Puts something wrong into a few objects: a field that is not known, or one of another type. */
function spoil(value: object, junk: number): object {
  if (junk === 0) return { ...value, junk: true };
  const [first] = Object.keys(value);
  return junk === 1 && first !== undefined ? { ...value, [first]: 7 } : value;
}

const secret: Arb<UnknownObject> = fc
  .record({
    name,
    namespace,
    key: fc.constantFrom('apiKey', 'other'),
    value: fc.constantFrom('s3cret', 's3cret\n', '', 's3cret\u0001'),
  })
  .map(({ key, value, ...metadata }) => ({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { [key]: value } }));

const labelled: Arb<UnknownObject> = namespace.map((ns) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: ns, labels: { team: ns } },
}));

/** A gateway, a route and all they need: something for the others to find. */
const working: readonly UnknownObject[] = [
  ofNameA('Gateway', `${GW}/v1`, {
    gatewayClassName: 'a',
    listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }],
  }),
  ofNameA('AIGatewayRoute', `${AI}/v1beta1`, {
    parentRefs: [{ name: 'a' }],
    rules: [{ backendRefs: [{ name: 'a' }, { name: 'b' }] }],
  }),
  ofNameA('HTTPRoute', `${GW}/v1`, {
    parentRefs: [{ name: 'a' }],
    rules: [{ backendRefs: [{ group: EG, kind: 'Backend', name: 'a' }] }],
  }),
  ofNameA('AIServiceBackend', `${AI}/v1beta1`, {
    schema: { name: 'OpenAI' },
    backendRef: { group: EG, kind: 'Backend', name: 'a' },
  }),
  ofNameA('Backend', `${EG}/v1alpha1`, { endpoints: [{ fqdn: { hostname: 'h.example.com', port: 80 } }] }),
  ofNameA('BackendSecurityPolicy', `${AI}/v1beta1`, {
    targetRefs: [{ group: AI, kind: 'AIServiceBackend', name: 'a' }],
    type: 'APIKey',
    apiKey: { secretRef: { name: 'a' } },
  }),
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'a', namespace: 'default' },
    stringData: { apiKey: 's3cret' },
  },
];

function ofNameA(kind: string, apiVersion: string, body: object): UnknownObject {
  return { apiVersion, kind, metadata: { name: 'a', namespace: 'default' }, spec: body };
}

/** Objects of different identity, as a source hands them on. */
export const objectSet: Arb<UnknownObject[]> = fc
  .tuple(
    fc.subarray([...working], { minLength: working.length - 2 }),
    fc.array(
      fc.oneof({ weight: 12, arbitrary: custom }, { weight: 2, arbitrary: secret }, { weight: 1, arbitrary: labelled }),
      { minLength: 1, maxLength: 40, size: 'max' },
    ),
  )
  .map(([first, rest]) => {
    const identity = ({ kind, metadata }: UnknownObject): string =>
      `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
    const all = [...rest, ...first].map((object): [string, UnknownObject] => [identity(object), object]);
    return [...new Map(all).values()];
  });
