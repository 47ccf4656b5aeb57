import { type CorpusCase, casesOf } from './corpus-case.ts';

const group = 'gateway.networking.k8s.io';
const gatewayClass = casesOf(`${group}/v1`, 'GatewayClass', false);
const gateway = casesOf(`${group}/v1`, 'Gateway');
const grant = casesOf(`${group}/v1beta1`, 'ReferenceGrant');
const tls = casesOf(`${group}/v1`, 'BackendTLSPolicy');

const http = { name: 'http', port: 80, protocol: 'HTTP' };
const certificateRefs = [{ name: 'cert' }];
const listening = (...listeners: unknown[]) => ({ gatewayClassName: 'envoy', listeners });

const gatewayClasses: CorpusCase[] = [
  gatewayClass.good('controller alone', { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' }),
  gatewayClass.good('with parameters', {
    controllerName: 'example.com/a',
    description: 'x',
    parametersRef: { group: '', kind: 'ConfigMap', name: 'p', namespace: 'default' },
  }),
  gatewayClass.bad('no controller', 'spec.controllerName', {}),
  gatewayClass.bad('controller without a path', 'spec.controllerName', { controllerName: 'example.com' }),
  gatewayClass.bad('description too long', 'spec.description', {
    controllerName: 'example.com/a',
    description: 'x'.repeat(65),
  }),
  gatewayClass.bad('parameters without a kind', 'spec.parametersRef.kind', {
    controllerName: 'example.com/a',
    parametersRef: { group: '', name: 'p' },
  }),
];

const gateways: CorpusCase[] = [
  gateway.good('one HTTP listener', listening(http)),
  gateway.good(
    'HTTPS beside HTTP',
    listening(http, {
      name: 'https',
      port: 443,
      protocol: 'HTTPS',
      hostname: '*.example.com',
      tls: { certificateRefs },
    }),
  ),
  gateway.good(
    'one port, two host names',
    listening({ ...http, hostname: 'a.example.com' }, { ...http, name: 'b', hostname: 'b.example.com' }),
  ),
  gateway.good('protocol of an implementation', listening({ ...http, protocol: 'example.com/bar' })),
  gateway.good(
    'routes of selected namespaces',
    listening({
      ...http,
      allowedRoutes: {
        kinds: [{ kind: 'HTTPRoute' }],
        namespaces: {
          from: 'Selector',
          selector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'c', operator: 'In', values: ['d'] }] },
        },
      },
    }),
  ),
  gateway.good('addresses', {
    ...listening(http),
    addresses: [{ value: '10.0.0.1' }, { type: 'IPAddress', value: '::1' }, { type: 'Hostname', value: 'example.com' }],
  }),
  gateway.good('infrastructure', {
    ...listening(http),
    infrastructure: {
      labels: { 'example.com/team': 'a' },
      annotations: { plain: 'x y' },
      parametersRef: { group: 'example.com', kind: 'Config', name: 'c' },
    },
  }),
  gateway.good('client certificates by port', {
    ...listening({ name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs } }),
    tls: {
      backend: { clientCertificateRef: { name: 'client' } },
      frontend: {
        default: { validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] } },
        perPort: [{ port: 443, tls: {} }],
      },
    },
  }),
  gateway.bad('no class', 'spec.gatewayClassName', { listeners: [http] }),
  gateway.bad('no listener', 'spec.listeners', listening()),
  gateway.bad('65 listeners', 'spec.listeners', {
    gatewayClassName: 'envoy',
    listeners: Array.from({ length: 65 }, (_, index) => ({ ...http, name: `l${index}`, port: index + 1 })),
  }),
  gateway.bad('two listeners of one name', 'spec.listeners[1]', listening(http, { ...http, port: 81 })),
  gateway.bad('two listeners of one port', 'spec.listeners', listening(http, { ...http, name: 'b' })),
  gateway.bad('port 0', 'spec.listeners[0].port', listening({ ...http, port: 0 })),
  gateway.bad('port 65536', 'spec.listeners[0].port', listening({ ...http, port: 65536 })),
  gateway.bad('port as text', 'spec.listeners[0].port', listening({ ...http, port: '80' })),
  gateway.bad('listener without a name', 'spec.listeners[0].name', listening({ port: 80, protocol: 'HTTP' })),
  gateway.bad('listener name in capitals', 'spec.listeners[0].name', listening({ ...http, name: 'HTTP' })),
  gateway.bad('host name with a port', 'spec.listeners[0].hostname', listening({ ...http, hostname: 'a.com:80' })),
  gateway.bad('empty host name', 'spec.listeners[0].hostname', listening({ ...http, hostname: '' })),
  gateway.bad('TLS on HTTP', 'spec.listeners', listening({ ...http, tls: { certificateRefs } })),
  gateway.bad(
    'passthrough on HTTPS',
    'spec.listeners',
    listening({ ...http, protocol: 'HTTPS', tls: { mode: 'Passthrough', certificateRefs } }),
  ),
  gateway.bad(
    'host name on TCP',
    'spec.listeners',
    listening({ name: 'tcp', port: 5000, protocol: 'TCP', hostname: 'a.com' }),
  ),
  gateway.bad('TLS without tls', 'spec.listeners', listening({ ...http, protocol: 'TLS' })),
  gateway.bad(
    'terminating without a certificate',
    'spec.listeners[0].tls',
    listening({ ...http, protocol: 'HTTPS', tls: {} }),
  ),
  gateway.bad(
    'unknown TLS mode',
    'spec.listeners[0].tls.mode',
    listening({ ...http, protocol: 'HTTPS', tls: { mode: 'None', certificateRefs } }),
  ),
  gateway.bad(
    'unknown namespaces',
    'spec.listeners[0].allowedRoutes.namespaces.from',
    listening({ ...http, allowedRoutes: { namespaces: { from: 'Other' } } }),
  ),
  gateway.bad(
    'nine route kinds',
    'spec.listeners[0].allowedRoutes.kinds',
    listening({ ...http, allowedRoutes: { kinds: Array.from({ length: 9 }, () => ({ kind: 'HTTPRoute' })) } }),
  ),
  gateway.bad('one address twice', 'spec.addresses', {
    ...listening(http),
    addresses: [{ value: '10.0.0.1' }, { value: '10.0.0.1' }],
  }),
  gateway.bad('address that is none', 'spec.addresses[0]', { ...listening(http), addresses: [{ value: 'example' }] }),
  gateway.bad('host name address in capitals', 'spec.addresses[0]', {
    ...listening(http),
    addresses: [{ type: 'Hostname', value: 'EXAMPLE' }],
  }),
  gateway.bad('label value with a space', 'spec.infrastructure.labels.a', {
    ...listening(http),
    infrastructure: { labels: { a: 'b c' } },
  }),
  gateway.bad('label key with a space', 'spec.infrastructure.labels', {
    ...listening(http),
    infrastructure: { labels: { 'a b': 'c' } },
  }),
  gateway.bad('nine annotations', 'spec.infrastructure.annotations', {
    ...listening(http),
    infrastructure: {
      annotations: Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`a${index}`, 'x'])),
    },
  }),
  gateway.bad('one port twice', 'spec.tls.frontend.perPort[1]', {
    ...listening(http),
    tls: {
      frontend: {
        default: {},
        perPort: [
          { port: 443, tls: {} },
          { port: 443, tls: {} },
        ],
      },
    },
  }),
  gateway.bad('client validation without authorities', 'spec.tls.frontend.default.validation.caCertificateRefs', {
    ...listening(http),
    tls: { frontend: { default: { validation: { caCertificateRefs: [] } } } },
  }),
];

const from = [{ group, kind: 'HTTPRoute', namespace: 'apps' }];
const to = [{ group: '', kind: 'Secret' }];
const grants: CorpusCase[] = [
  grant.good('all objects of a kind', { from, to }),
  grant.good('one object', { from, to: [{ group: '', kind: 'Secret', name: 'cert' }] }),
  grant.bad('nobody', 'spec.from', { from: [], to }),
  grant.bad('nothing', 'spec.to', { from }),
  grant.bad('from no namespace', 'spec.from[0].namespace', { from: [{ group, kind: 'HTTPRoute' }], to }),
  grant.bad('wildcard namespace', 'spec.from[0].namespace', { from: [{ ...from[0], namespace: '*' }], to }),
  grant.bad('wildcard kind', 'spec.to[0].kind', { from, to: [{ group: '', kind: '*' }] }),
  grant.bad('group with a version', 'spec.from[0].group', { from: [{ ...from[0], group: `${group}/v1` }], to }),
  grant.bad('17 targets', 'spec.to', { from, to: Array.from({ length: 17 }, () => to[0]) }),
];

const target = { group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'openai' };
const validation = { hostname: 'api.openai.com', wellKnownCACertificates: 'System' };
const tlsPolicies: CorpusCase[] = [
  tls.good('system authorities', { targetRefs: [target], validation }),
  tls.good('own authorities', {
    targetRefs: [target],
    validation: { hostname: 'a', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
  }),
  tls.good('further names', {
    targetRefs: [target],
    options: { 'example.com/a': 'b' },
    validation: {
      ...validation,
      subjectAltNames: [
        { type: 'Hostname', hostname: '*.example.com' },
        { type: 'URI', uri: 'spiffe://a/b' },
      ],
    },
  }),
  tls.good('two sections of one target', {
    targetRefs: [
      { ...target, sectionName: 'a' },
      { ...target, sectionName: 'b' },
    ],
    validation,
  }),
  tls.bad('no target', 'spec.targetRefs', { targetRefs: [], validation }),
  tls.bad('one target twice', 'spec.targetRefs', { targetRefs: [target, target], validation }),
  tls.bad('a target and its section', 'spec.targetRefs', {
    targetRefs: [target, { ...target, sectionName: 'a' }],
    validation,
  }),
  tls.bad('no host name', 'spec.validation.hostname', {
    targetRefs: [target],
    validation: { wellKnownCACertificates: 'System' },
  }),
  tls.bad('wildcard host name', 'spec.validation.hostname', {
    targetRefs: [target],
    validation: { ...validation, hostname: '*.openai.com' },
  }),
  tls.bad('no authorities', 'spec.validation', { targetRefs: [target], validation: { hostname: 'a' } }),
  tls.bad('two sorts of authorities', 'spec.validation', {
    targetRefs: [target],
    validation: { ...validation, caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
  }),
  tls.bad('unknown authorities', 'spec.validation.wellKnownCACertificates', {
    targetRefs: [target],
    validation: { hostname: 'a', wellKnownCACertificates: 'Mozilla' },
  }),
  tls.bad('name of the wrong type', 'spec.validation.subjectAltNames[0]', {
    targetRefs: [target],
    validation: { ...validation, subjectAltNames: [{ type: 'URI', hostname: 'a' }] },
  }),
  tls.bad('six names', 'spec.validation.subjectAltNames', {
    targetRefs: [target],
    validation: {
      ...validation,
      subjectAltNames: Array.from({ length: 6 }, () => ({ type: 'Hostname', hostname: 'a' })),
    },
  }),
  tls.bad('17 options', 'spec.options', {
    targetRefs: [target],
    validation,
    options: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`example.com/${index}`, 'x'])),
  }),
];

export const gatewayApiCorpus: readonly CorpusCase[] = [...gatewayClasses, ...gateways, ...grants, ...tlsPolicies];
