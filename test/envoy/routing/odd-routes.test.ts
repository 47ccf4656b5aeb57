import { expect } from 'chai';
import { emitBootstrap } from '../../../src/envoy/bootstrap.ts';
import { checkResources } from '../../../src/envoy/check-resources.ts';
import { capabilitiesOf, compileGateway, DEFAULT_COMPILE_OPTIONS, NEWEST_ENVOY } from '../../../src/envoy/index.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../../src/policy/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { inlineStatic, validateWithEnvoy } from '../../support/index.ts';
import {
  aiRoute,
  aiRule,
  exactly,
  type Fields,
  gatewayObject,
  httpRoute,
  like,
  modelIs,
  policyYaml,
  serviceObject,
  toService,
} from './policy.ts';

/** Values that something on the way to Envoy might trip over. Keys of rules of HTTPRoutes are taken in turn. */
const VALUES = [
  'a\nb',
  'a\rb',
  '\ta',
  '\u0000',
  'é',
  '%REQ(x)%',
  '%',
  '%%',
  '\\1\\',
  ' ',
  'v'.repeat(4096),
  '__proto__',
  '"\\',
];
const NAMES = [
  'host',
  'Connection',
  'transfer-encoding',
  'content-length',
  ':path',
  ':status',
  'x-ai-eg-model',
  'x-headgate-path',
  'X_A',
  '__proto__',
];
const PATHS = ['/', '/a?b', '/a#b', '/a%20b', '/a//b', '/é', '/a.b(c', '/%', '/\\E', '/a/', '/.', '/..', '/__proto__'];
const HOSTS = ['A.test', 'a.test.', 'a.test:80', '1.2.3.4', '*', '*.com', '__proto__', 'a_b.test', 'xn--a.test'];
const MODELS = [...VALUES, '模型', 'constructor', 'a/b', 'toString', '\u{1F600}'];

const one = (rule: Fields, rest: Fields = {}): ((name: string) => Fields) => {
  return (name) => httpRoute(name, [{ backendRefs: [toService('s')], ...rule }], rest);
};
const filter = (type: string, key: string, value: Fields): Fields => ({ type, [key]: value });
const edit = (side: 'Request' | 'Response', value: Fields): Fields => ({
  filters: [filter(`${side}HeaderModifier`, `${side.toLowerCase()}HeaderModifier`, value)],
});
const rewrite = (value: Fields, prefix = '/a'): Fields => ({
  matches: [{ path: { type: 'PathPrefix', value: prefix } }],
  filters: [filter('URLRewrite', 'urlRewrite', value)],
});
const redirect = (value: Fields): ((name: string) => Fields) => {
  return (name) => httpRoute(name, [{ filters: [filter('RequestRedirect', 'requestRedirect', value)] }]);
};
const ai = (rule: Fields): ((name: string) => Fields) => {
  return (name) => aiRoute(name, [rule]);
};
const ref = (fields: Fields): Fields => ({
  matches: [{ headers: [modelIs('m')] }],
  backendRefs: [{ name: 'o', ...fields }],
});

const ODD: readonly ((name: string) => Fields)[] = [
  ...VALUES.flatMap((value) => [
    one(edit('Request', { set: [{ name: 'x-a', value }] })),
    one(edit('Response', { add: [{ name: 'x-a', value }] })),
    one({ matches: [{ headers: [exactly('x-a', value)] }] }),
    one({ matches: [{ headers: [like('x-a', value)] }] }),
    one({ matches: [{ queryParams: [exactly('q', value)] }] }),
    redirect({ path: { type: 'ReplaceFullPath', replaceFullPath: `/${value}` } }),
    redirect({ hostname: value }),
    one(rewrite({ hostname: value })),
    one(rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: `/${value}` } })),
    one(rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: value } })),
    ai(ref({ modelNameOverride: value })),
    ai(ref({ headerMutation: { set: [{ name: 'x-a', value }] } })),
    ai(ref({ bodyMutation: { set: [{ path: value, value }] } })),
    ai({ ...ref({}), modelsOwnedBy: value }),
  ]),
  ...NAMES.flatMap((name) => [
    one(edit('Request', { set: [{ name, value: 'x' }] })),
    one(edit('Response', { remove: [name] })),
    one({ matches: [{ headers: [exactly(name, 'x')] }] }),
    one({ matches: [{ queryParams: [exactly(name, 'x')] }] }),
    ai(ref({ headerMutation: { set: [{ name, value: 'x' }], remove: [name] } })),
    ai(aiRule([modelIs('m'), exactly(name, 'x')], 'o')),
  ]),
  ...PATHS.flatMap((value) => [
    ...['Exact', 'PathPrefix', 'RegularExpression'].map((type) => one({ matches: [{ path: { type, value } }] })),
    one({ matches: [{ path: { type: 'PathPrefix', value }, queryParams: [like('q', 'x')] }] }),
    one(rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: value } }, value)),
  ]),
  ...HOSTS.map((host) => one({}, { hostnames: [host, host] })),
  ...MODELS.flatMap((model) => [ai(aiRule([modelIs(model)], 'o')), ai(aiRule([like('x-ai-eg-model', model)], 'o'))]),
  ...['0s', '1ms', '1h0m0s', '99999h', '-1s', ''].map((time) =>
    one({ timeouts: { request: time, backendRequest: time } }),
  ),
  ...['0s', '1ms', '99999h'].map((time) => ai({ ...ref({}), timeouts: { request: time }, streamIdleTimeout: time })),
  ...['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', 'never'].map((time) => ai({ ...ref({}), modelsCreatedAt: time })),
  one({ backendRefs: Array.from({ length: 16 }, () => toService('s', { weight: 1_000_000 })) }),
  one({
    filters: [
      filter('RequestMirror', 'requestMirror', {
        backendRef: toService('s'),
        fraction: { numerator: 1, denominator: 3 },
      }),
    ],
  }),
  one({ filters: [filter('CORS', 'cors', { allowOrigins: ['*'] })] }),
  redirect({}),
  redirect({ port: 65_535, statusCode: 303, scheme: 'https' }),
  ai({}),
  ai(ref({ weight: 0 })),
];

describe('odd routes', function () {
  this.timeout(60_000);

  it('are taken by Envoy or have a finding; none is in the way of another', async () => {
    const yaml = policyYaml(
      { o: { port: 9000, key: 'k' } },
      gatewayObject({ name: 'http', protocol: 'HTTP', port: 12_345 }),
      serviceObject('s', 9001),
      ...ODD.map((make, i) => make(`odd-${i}`)),
    );
    const read = await readSources(['-'], { env: {}, stdin: async () => yaml });
    if (!read.ok) throw new Error(JSON.stringify(read.findings));
    const { ir, secrets } = translate(read.set, DEFAULT_POLICY_OPTIONS);
    const gateway = ir.gateways.find(({ key }) => key === 'default/gw');
    if (!gateway) throw new Error('no gateway');
    const { resources } = compileGateway(gateway, secrets, capabilitiesOf(NEWEST_ENVOY), DEFAULT_COMPILE_OPTIONS);
    expect(checkResources(resources)).to.deep.equal([]);
    const of = (type: string) => resources.filter((each) => each.type === type).map(({ message }) => ({ ...message }));
    const { layered_runtime } = emitBootstrap({
      gateway: 'default/gw',
      nodeId: 'a',
      xds: { host: '127.0.0.1', port: 1 },
      delta: true,
    });
    const { ok, output } = await validateWithEnvoy({
      layered_runtime,
      ...inlineStatic({
        listeners: of('listener'),
        routes: of('route'),
        clusters: of('cluster'),
        endpoints: of('endpoints'),
        secrets: of('secret'),
      }),
    });
    expect(ok, output).to.equal(true);
    const text = JSON.stringify(resources);
    for (const i of [ODD.length - 7, ODD.length - 4]) expect(text).to.contain(`default/odd-${i}/`);
  });
});
