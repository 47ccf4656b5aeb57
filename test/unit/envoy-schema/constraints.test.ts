import { expect } from 'chai';
import { checkConstraints } from '../../../src/envoy/schema/index.ts';

const CLUSTER = 'envoy.config.cluster.v3.Cluster';

const check = (typeName: string, json: unknown): string[] =>
  checkConstraints(typeName, json).map(({ path, message }) => `${path}: ${message}`);

describe('constraints of the Envoy API', () => {
  const cases: readonly (readonly [string, string, unknown, readonly string[]])[] = [
    ['accepts what holds', CLUSTER, { name: 'a', connect_timeout: '1s' }, []],
    ['min_len on an absent text', CLUSTER, {}, ['name: must not be empty']],
    [
      'a duration above zero',
      CLUSTER,
      { name: 'a', connect_timeout: '0s' },
      ['connect_timeout: must be greater than 0s'],
    ],
    ['a list that needs items', 'envoy.config.route.v3.VirtualHost', { name: 'v' }, ['domains: needs at least 1 item']],
    [
      'a oneof that needs a field, and the chosen field alone',
      'envoy.config.route.v3.RouteMatch',
      {},
      [
        ': path_specifier needs one of prefix, path, safe_regex, connect_matcher, path_separated_prefix, path_match_policy',
      ],
    ],
    ['a chosen field that is empty', 'envoy.config.route.v3.RouteMatch', { prefix: '' }, []],
    [
      'a pattern',
      'envoy.config.route.v3.RouteMatch',
      { path_separated_prefix: '/a/' },
      ['path_separated_prefix: must match ^[^?#]+[^?#/]$'],
    ],
    ['a required message', 'envoy.config.route.v3.Route', { route: { cluster: 'x' } }, ['match: is required']],
    ['a range on a wrapper', 'envoy.type.v3.Percent', { value: 101 }, ['value: must be at most 100']],
    ['an enum value that is forbidden', 'envoy.type.v3.HttpStatus', {}, ['code: must not be Empty']],
    ['an enum value that is not defined', CLUSTER, { name: 'a', type: 99 }, ['type: must be a defined value']],
    [
      'a list of set values',
      'envoy.extensions.filters.http.router.v3.Router',
      { strict_check_headers: ['x'] },
      [
        'strict_check_headers[0]: must be one of x-envoy-upstream-rq-timeout-ms, x-envoy-upstream-rq-per-try-timeout-ms, x-envoy-max-retries, x-envoy-retry-grpc-on, x-envoy-retry-on',
      ],
    ],
    [
      'a header that cannot be one',
      'envoy.config.core.v3.HeaderValue',
      { key: 'a', value: 'x\ny' },
      ['value: is not a header value'],
    ],
    [
      'the length in bytes',
      'envoy.config.core.v3.HeaderValue',
      { key: 'é'.repeat(9000) },
      ['key: takes at most 16384 bytes'],
    ],
    [
      'prefix and suffix',
      'envoy.config.route.v3.RateLimit.HitsAddend',
      { format: 'x' },
      ['format: must start with %', 'format: must end with %'],
    ],
    ['a value that may be empty', 'envoy.config.route.v3.RateLimit.HitsAddend', {}, []],
    [
      'a 64-bit bound',
      'envoy.config.route.v3.RateLimit.HitsAddend',
      { number: '1000000001' },
      ['number: must be at most 1000000000'],
    ],
    [
      'an empty key of a map',
      'envoy.config.core.v3.Metadata',
      { filter_metadata: { '': {} } },
      ['filter_metadata[""]: the key must not be empty'],
    ],
    ['a constant', 'envoy.config.rbac.v3.Principal', { any: false }, ['any: must be true']],
    [
      'a value that stands twice',
      'envoy.config.route.v3.InternalRedirectPolicy',
      { response_headers_to_copy: ['a', 'a'] },
      ['response_headers_to_copy: must not hold a value twice'],
    ],
  ];
  for (const [what, typeName, json, expected] of cases) {
    it(what, () => {
      expect(check(typeName, json)).to.deep.equal(expected);
    });
  }

  it('goes down into messages, lists, maps and Any', () => {
    const tls = {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: 'a'.repeat(256),
    };
    const options = {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    };
    const json = {
      name: 'a',
      transport_socket_matches: [{ name: 'm', transport_socket: { name: 't', typed_config: tls } }],
      typed_extension_protocol_options: { 'envoy.x': options },
    };
    expect(check(CLUSTER, json)).to.deep.equal([
      'transport_socket_matches[0].transport_socket.typed_config.sni: takes at most 255 bytes',
      'typed_extension_protocol_options["envoy.x"]: upstream_protocol_options needs one of explicit_http_config, use_downstream_protocol_config, auto_config',
    ]);
  });

  it('leaves an Any of an unknown type alone', () => {
    expect(
      check('envoy.config.core.v3.TypedExtensionConfig', { name: 'x', typed_config: { '@type': 'a/b.C' } }),
    ).to.deep.equal([]);
  });
});
