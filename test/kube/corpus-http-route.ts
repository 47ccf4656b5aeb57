/** Long because it is one list of cases, in the order of the fields. */
import { type CorpusCase, casesOf } from './corpus-case.ts';

const route = casesOf('gateway.networking.k8s.io/v1', 'HTTPRoute');
const backend = { name: 'plain', port: 80 };
const ruled = (...rules: unknown[]) => ({ parentRefs: [{ name: 'gw' }], rules });
const filtered = (...filters: unknown[]) => ruled({ filters, backendRefs: [backend] });
const matched = (...matches: unknown[]) => ruled({ matches, backendRefs: [backend] });
const path = (type: string, value: string) => matched({ path: { type, value } });
const prefix = { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' };

const whole: CorpusCase[] = [
  route.good('nothing at all', {}),
  route.good('one Service', ruled({ backendRefs: [backend] })),
  route.good('another kind needs no port', ruled({ backendRefs: [{ group: 'a.b', kind: 'Backend', name: 'c' }] })),
  route.good(
    'weights',
    ruled({
      backendRefs: [
        { ...backend, weight: 0 },
        { ...backend, weight: 1000000 },
      ],
    }),
  ),
  route.good('host names', { hostnames: ['a.example.com', '*.example.com'], parentRefs: [{ name: 'gw' }] }),
  route.good('two sections of one Gateway', {
    parentRefs: [
      { name: 'gw', sectionName: 'a' },
      { name: 'gw', sectionName: 'b' },
    ],
  }),
  route.good('one name in two namespaces', { parentRefs: [{ name: 'gw' }, { name: 'gw', namespace: 'other' }] }),
  route.good('time limits', ruled({ name: 'slow', timeouts: { request: '1m30s', backendRequest: '500ms' } })),
  route.good('no limit on the whole', ruled({ timeouts: { request: '0s', backendRequest: '500ms' } })),
  route.bad('no rule', 'spec.rules', { rules: [] }),
  route.bad('17 rules', 'spec.rules', ruled(...Array.from({ length: 17 }, () => ({})))),
  route.bad(
    '129 matches',
    'spec.rules',
    ruled(...[64, 64, 1].map((length) => ({ matches: Array.from({ length }, () => ({ method: 'GET' })) }))),
  ),
  route.bad('host name that is an address with a port', 'spec.hostnames[0]', { hostnames: ['10.0.0.1:80'] }),
  route.bad('17 host names', 'spec.hostnames', { hostnames: Array.from({ length: 17 }, (_, index) => `a${index}`) }),
  route.bad('one Gateway twice', 'spec.parentRefs', { parentRefs: [{ name: 'gw' }, { name: 'gw' }] }),
  route.bad('a Gateway and its section', 'spec.parentRefs', {
    parentRefs: [{ name: 'gw' }, { name: 'gw', sectionName: 'a' }],
  }),
  route.bad('parent without a name', 'spec.parentRefs[0].name', { parentRefs: [{ namespace: 'a' }] }),
  route.bad('Service without a port', 'spec.rules[0].backendRefs[0]', ruled({ backendRefs: [{ name: 'a' }] })),
  route.bad(
    'weight below zero',
    'spec.rules[0].backendRefs[0].weight',
    ruled({ backendRefs: [{ ...backend, weight: -1 }] }),
  ),
  route.bad(
    'weight above a million',
    'spec.rules[0].backendRefs[0].weight',
    ruled({ backendRefs: [{ ...backend, weight: 1000001 }] }),
  ),
  route.bad(
    '17 backends',
    'spec.rules[0].backendRefs',
    ruled({ backendRefs: Array.from({ length: 17 }, () => backend) }),
  ),
  route.bad('duration without a unit', 'spec.rules[0].timeouts.request', ruled({ timeouts: { request: '30' } })),
  route.bad('duration in days', 'spec.rules[0].timeouts.request', ruled({ timeouts: { request: '1d' } })),
  route.bad('fraction of a second', 'spec.rules[0].timeouts.request', ruled({ timeouts: { request: '1.5s' } })),
  route.bad(
    'a try longer than the whole',
    'spec.rules[0].timeouts',
    ruled({ timeouts: { request: '1s', backendRequest: '2s' } }),
  ),
];

const matches: CorpusCase[] = [
  route.good('all conditions', {
    rules: [
      {
        matches: [
          {
            path: { type: 'Exact', value: '/v1/chat' },
            method: 'POST',
            headers: [
              { name: 'x-a', value: 'b' },
              { name: 'x-b', type: 'RegularExpression', value: '^v[0-9]+$' },
            ],
            queryParams: [{ name: 'q', value: '1' }],
          },
        ],
        backendRefs: [backend],
      },
    ],
  }),
  route.good('path by expression', path('RegularExpression', '/v1/.*')),
  route.good('encoded characters', path('Exact', '/a%20b')),
  route.bad('path without a slash', 'spec.rules[0].matches[0].path', path('PathPrefix', 'v1')),
  route.bad('empty exact path', 'spec.rules[0].matches[0].path', path('Exact', '')),
  route.bad('two slashes', 'spec.rules[0].matches[0].path', path('PathPrefix', '/a//b')),
  route.bad('dot segment', 'spec.rules[0].matches[0].path', path('PathPrefix', '/a/./b')),
  route.bad('dot-dot segment', 'spec.rules[0].matches[0].path', path('Exact', '/a/../b')),
  route.bad('trailing dots', 'spec.rules[0].matches[0].path', path('Exact', '/a/..')),
  route.bad('encoded slash', 'spec.rules[0].matches[0].path', path('Exact', '/a%2Fb')),
  route.bad('fragment', 'spec.rules[0].matches[0].path', path('Exact', '/a#b')),
  route.bad('space in a path', 'spec.rules[0].matches[0].path', path('Exact', '/a b')),
  route.bad('unknown path type', 'spec.rules[0].matches[0].path.type', path('Prefix', '/a')),
  route.bad('long path', 'spec.rules[0].matches[0].path.value', path('Exact', `/${'a'.repeat(1024)}`)),
  route.bad('unknown method', 'spec.rules[0].matches[0].method', matched({ method: 'QUERY' })),
  route.bad(
    'header name with a space',
    'spec.rules[0].matches[0].headers[0].name',
    matched({ headers: [{ name: 'a b', value: 'c' }] }),
  ),
  route.bad(
    'empty header value',
    'spec.rules[0].matches[0].headers[0].value',
    matched({ headers: [{ name: 'a', value: '' }] }),
  ),
  route.bad(
    'one header twice',
    'spec.rules[0].matches[0].headers[1]',
    matched({
      headers: [
        { name: 'a', value: 'b' },
        { name: 'a', value: 'c' },
      ],
    }),
  ),
  route.bad(
    'one parameter twice',
    'spec.rules[0].matches[0].queryParams[1]',
    matched({
      queryParams: [
        { name: 'a', value: 'b' },
        { name: 'a', value: 'c' },
      ],
    }),
  ),
  route.bad('65 matches', 'spec.rules[0].matches', matched(...Array.from({ length: 65 }, () => ({ method: 'GET' })))),
];

const modifier = { set: [{ name: 'x-a', value: 'b' }], remove: ['x-b'] };
const filters: CorpusCase[] = [
  route.good(
    'header changes',
    filtered(
      { type: 'RequestHeaderModifier', requestHeaderModifier: modifier },
      { type: 'ResponseHeaderModifier', responseHeaderModifier: modifier },
    ),
  ),
  route.good('redirect', ruled({ filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https' } }] })),
  route.good(
    'rewrite of a prefix',
    ruled({
      matches: [{ path: { value: '/a' } }],
      filters: [{ type: 'URLRewrite', urlRewrite: { hostname: 'b.com', path: prefix } }],
      backendRefs: [backend],
    }),
  ),
  route.good(
    'mirror of a share',
    filtered({ type: 'RequestMirror', requestMirror: { backendRef: backend, fraction: { numerator: 1 } } }),
  ),
  route.good('two mirrors', filtered(...['a', 'b'].map((name) => mirror({ name, port: 80 })))),
  route.good(
    'CORS',
    filtered({
      type: 'CORS',
      cors: { allowOrigins: ['https://*.example.com', 'http://a:8080'], allowMethods: ['GET'], allowHeaders: ['x-a'] },
    }),
  ),
  route.good(
    'extension',
    filtered({ type: 'ExtensionRef', extensionRef: { group: 'a.b', kind: 'HTTPRouteFilter', name: 'c' } }),
  ),
  route.bad('filter without its field', 'spec.rules[0].filters[0]', filtered({ type: 'URLRewrite' })),
  route.bad(
    'filter with the field of another',
    'spec.rules[0].filters[0]',
    filtered({ type: 'URLRewrite', urlRewrite: {}, cors: {} }),
  ),
  route.bad('unknown filter', 'spec.rules[0].filters[0].type', filtered({ type: 'RateLimit' })),
  route.bad(
    'two rewrites',
    'spec.rules[0].filters',
    filtered({ type: 'URLRewrite', urlRewrite: {} }, { type: 'URLRewrite', urlRewrite: {} }),
  ),
  route.bad(
    'redirect and rewrite',
    'spec.rules[0].filters',
    ruled({
      filters: [
        { type: 'URLRewrite', urlRewrite: {} },
        { type: 'RequestRedirect', requestRedirect: {} },
      ],
    }),
  ),
  route.bad(
    'redirect beside a backend',
    'spec.rules[0]',
    filtered({ type: 'RequestRedirect', requestRedirect: { port: 443 } }),
  ),
  route.bad(
    'prefix rewrite of an exact path',
    'spec.rules[0]',
    ruled({
      matches: [{ path: { type: 'Exact', value: '/a' } }],
      filters: [{ type: 'URLRewrite', urlRewrite: { path: prefix } }],
      backendRefs: [backend],
    }),
  ),
  route.bad(
    'prefix redirect of two paths',
    'spec.rules[0]',
    ruled({
      matches: [{ path: { value: '/a' } }, { path: { value: '/b' } }],
      filters: [{ type: 'RequestRedirect', requestRedirect: { path: prefix } }],
    }),
  ),
  route.bad(
    'prefix rewrite of an exact path, on a backend',
    'spec.rules[0]',
    ruled({
      matches: [{ path: { type: 'Exact', value: '/a' } }],
      backendRefs: [{ ...backend, filters: [{ type: 'URLRewrite', urlRewrite: { path: prefix } }] }],
    }),
  ),
  route.bad(
    'path change without its value',
    'spec.rules[0].filters[0].urlRewrite.path',
    filtered({ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath' } } }),
  ),
  route.bad(
    'redirect status 300',
    'spec.rules[0].filters[0].requestRedirect.statusCode',
    ruled({ filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 300 } }] }),
  ),
  route.bad(
    'share above one',
    'spec.rules[0].filters[0].requestMirror.fraction',
    filtered({
      type: 'RequestMirror',
      requestMirror: { backendRef: backend, fraction: { numerator: 3, denominator: 2 } },
    }),
  ),
  route.bad(
    'share in two forms',
    'spec.rules[0].filters[0].requestMirror',
    filtered({
      type: 'RequestMirror',
      requestMirror: { backendRef: backend, percent: 5, fraction: { numerator: 1 } },
    }),
  ),
  route.bad(
    'any origin beside another',
    'spec.rules[0].filters[0].cors.allowOrigins',
    filtered({ type: 'CORS', cors: { allowOrigins: ['*', 'https://a.com'] } }),
  ),
  route.bad(
    'one method twice',
    'spec.rules[0].filters[0].cors.allowMethods[1]',
    filtered({ type: 'CORS', cors: { allowMethods: ['GET', 'GET'] } }),
  ),
  route.bad(
    'header set twice',
    'spec.rules[0].filters[0].requestHeaderModifier.set[1]',
    filtered({
      type: 'RequestHeaderModifier',
      requestHeaderModifier: {
        set: [
          { name: 'a', value: 'b' },
          { name: 'a', value: 'c' },
        ],
      },
    }),
  ),
];

function mirror(backendRef: unknown) {
  return { type: 'RequestMirror', requestMirror: { backendRef } };
}

export const httpRouteCorpus: readonly CorpusCase[] = [...whole, ...matches, ...filters];
