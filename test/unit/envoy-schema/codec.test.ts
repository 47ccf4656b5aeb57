import { expect } from 'chai';
import {
  decodeAny,
  decodeMessage,
  encodeAny,
  encodeMessage,
  SchemaError,
  typedAny,
} from '../../../src/envoy/schema/index.ts';

const CLUSTER = 'envoy.config.cluster.v3.Cluster';
const ROUTE = 'envoy.config.route.v3.Route';
const METADATA = 'envoy.config.core.v3.Metadata';

function errorOf(typeName: string, json: unknown): SchemaError {
  try {
    encodeMessage(typeName, json);
  } catch (error) {
    if (error instanceof SchemaError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('errors of the protobuf codec', () => {
  const cases: readonly (readonly [string, string, unknown, string, RegExp])[] = [
    ['a wrong scalar', ROUTE, { match: { prefix: 1 } }, 'match.prefix', /expected a string, got a number/],
    ['an unknown field', ROUTE, { nope: 1 }, 'nope', /unknown field of envoy.config.route.v3.Route$/],
    [
      'a camel case field',
      ROUTE,
      { requestHeadersToAdd: [] },
      'requestHeadersToAdd',
      /did you mean request_headers_to_add/,
    ],
    ['two fields of a oneof', ROUTE, { match: { prefix: '', path: '' } }, 'match.path', /together with prefix/],
    ['an object for a list', CLUSTER, { health_checks: {} }, 'health_checks', /expected a list, got an object/],
    ['null in a list', CLUSTER, { health_checks: [null] }, 'health_checks[0]', /got null/],
    ['a text for a message', CLUSTER, { metadata: 'x' }, 'metadata', /expected an object/],
    ['an unknown enum value', CLUSTER, { lb_policy: 'BEST' }, 'lb_policy', /expected one of ROUND_ROBIN/],
    ['a duration without unit', CLUSTER, { connect_timeout: '5' }, 'connect_timeout', /a duration such as 1.5s/],
    [
      'a duration as a number',
      CLUSTER,
      { connect_timeout: 5 },
      'connect_timeout',
      /a duration such as 1.5s, got a number/,
    ],
    ['a negative uint32', CLUSTER, { max_requests_per_connection: -1 }, 'max_requests_per_connection', /from 0 to/],
    ['a fraction', CLUSTER, { max_requests_per_connection: 1.5 }, 'max_requests_per_connection', /fraction/],
    [
      'a number beyond a Struct',
      METADATA,
      { filter_metadata: { a: { b: [Number.NaN] } } },
      'filter_metadata.a.b[0]',
      /finite/,
    ],
    [
      'a key that is no name',
      METADATA,
      { filter_metadata: { 'a b': 1 } },
      'filter_metadata["a b"]',
      /expected an object/,
    ],
    ['a lone surrogate', CLUSTER, { name: '\ud800' }, 'name', /not valid Unicode/],
    ['broken base64', 'envoy.config.core.v3.DataSource', { inline_bytes: '%' }, 'inline_bytes', /base64/],
    [
      'an Any without a type',
      METADATA,
      { typed_filter_metadata: { a: {} } },
      'typed_filter_metadata.a',
      /needs an @type/,
    ],
  ];
  for (const [what, typeName, json, path, reason] of cases) {
    it(`names the place of ${what}`, () => {
      const error = errorOf(typeName, json);
      expect(error.path).to.equal(path);
      expect(error.reason).to.match(reason);
    });
  }

  it('finds a mistake inside an Any inside an Any', () => {
    const filter = typedAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      http_filters: [
        {
          name: 'r',
          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router', x: 1 },
        },
      ],
    });
    const error = errorOf('envoy.config.listener.v3.Listener', {
      filter_chains: [{ filters: [{ typed_config: filter }] }],
    });
    expect(error.path).to.equal('filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.x');
  });

  it('names an unknown type of an Any, and of a message', () => {
    const any = { '@type': 'type.googleapis.com/envoy.Nope', x: 1 };
    expect(errorOf('envoy.config.core.v3.TypedExtensionConfig', { typed_config: any }).path).to.equal(
      'typed_config["@type"]',
    );
    expect(() => encodeMessage('envoy.Nope', {})).to.throw(SchemaError, 'unknown message type envoy.Nope');
    expect(() => decodeMessage('envoy.Nope', new Uint8Array())).to.throw(SchemaError, 'unknown message type');
  });

  it('never shows the value, which may be a secret', () => {
    for (const json of [
      { inline_bytes: 'sk-$ecret' },
      { inline_string: ['sk-$ecret'] },
      { filename: { a: 'sk-$ecret' } },
    ]) {
      expect(errorOf('envoy.config.core.v3.DataSource', json).message).not.to.contain('ecret');
    }
  });

  it('refuses nesting without end instead of exhausting the stack', () => {
    let deep: unknown = {};
    for (let i = 0; i < 20_000; i++) deep = { a: deep };
    expect(errorOf(METADATA, { filter_metadata: { x: deep } }).reason).to.contain('nested too deeply');
    let medium: unknown = {};
    for (let i = 0; i < 100; i++) medium = { a: medium };
    expect(errorOf(METADATA, { filter_metadata: { x: medium } }).reason).to.contain('nested too deeply');
  });

  it('reports broken bytes', () => {
    expect(() => decodeMessage(CLUSTER, Buffer.from([0x0a, 0xff]))).to.throw(
      SchemaError,
      /not the bytes of a .*Cluster/,
    );
  });
});

describe('values of the protobuf codec', () => {
  const again = (typeName: string, json: unknown): unknown => decodeMessage(typeName, encodeMessage(typeName, json));

  it('gives equal bytes for equal values in any order of keys', () => {
    const one = { name: 'a', metadata: { filter_metadata: { x: { b: 1, a: 2 }, c: {} } }, alt_stat_name: 's' };
    const two = { alt_stat_name: 's', metadata: { filter_metadata: { c: {}, x: { a: 2, b: 1 } } }, name: 'a' };
    expect(Buffer.compare(encodeMessage(CLUSTER, one), encodeMessage(CLUSTER, two))).to.equal(0);
  });

  it('keeps null and undefined apart: absent as a field, a value in a Struct', () => {
    expect(again(CLUSTER, { name: null, metadata: undefined })).to.deep.equal({});
    expect(again(METADATA, { filter_metadata: { a: { b: null, c: undefined } } })).to.deep.equal({
      filter_metadata: { a: { b: null } },
    });
    expect(again('google.protobuf.Value', null)).to.equal(null);
  });

  it('keeps keys that JavaScript treats in a special way', () => {
    const struct = JSON.parse('{"__proto__": {"constructor": 1}, "toString": "x", "10": 1, "9": 2}') as unknown;
    const result = again('google.protobuf.Struct', struct) as object;
    expect(Object.keys(result)).to.have.members(['__proto__', 'toString', '10', '9']);
    expect(JSON.stringify(result)).to.contain('"__proto__":{"constructor":1}');
  });

  it('prints durations and timestamps canonically', () => {
    const durations = { '0.25s': '0.250s', '1.5s': '1.500s', '-0.000001s': '-0.000001s', '0s': '0s', '007s': '7s' };
    for (const [input, output] of Object.entries(durations)) {
      expect(again('google.protobuf.Duration', input)).to.equal(output);
    }
    const timestamps = {
      '2026-01-02T03:04:05Z': '2026-01-02T03:04:05Z',
      '2026-01-02T03:04:05.120000001+02:00': '2026-01-02T01:04:05.120000001Z',
      '1969-12-31T23:59:59.5Z': '1969-12-31T23:59:59.500Z',
    };
    for (const [input, output] of Object.entries(timestamps)) {
      expect(again('google.protobuf.Timestamp', input)).to.equal(output);
    }
    expect(() => encodeMessage('google.protobuf.Timestamp', '2026-13-02T03:04:05Z')).to.throw(SchemaError);
    expect(() => encodeMessage('google.protobuf.Duration', '315576000001s')).to.throw(SchemaError);
  });

  it('keeps 64-bit integers exact', () => {
    for (const text of ['0', '9007199254740993', '18446744073709551615']) {
      expect(again('google.protobuf.UInt64Value', text)).to.equal(text);
    }
    expect(again('google.protobuf.Int64Value', -9007199254740991)).to.equal('-9007199254740991');
    expect(again('google.protobuf.Int64Value', '-9223372036854775808')).to.equal('-9223372036854775808');
    for (const wrong of ['18446744073709551616', '-1', 2 ** 53, 'x', '']) {
      expect(() => encodeMessage('google.protobuf.UInt64Value', wrong), String(wrong)).to.throw(SchemaError);
    }
  });

  it('prints a 32-bit float as it was written', () => {
    for (const value of [0.1, 3.4028235e38, 1e-7, 16777216, -0.3]) {
      expect(again('google.protobuf.FloatValue', value)).to.equal(value);
    }
    expect(again('google.protobuf.DoubleValue', 'NaN')).to.equal('NaN');
    expect(() => encodeMessage('google.protobuf.FloatValue', 3.5e38)).to.throw(SchemaError, 'range of a float');
  });

  it('puts a well-known type in an Any under "value"', () => {
    const any = { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' };
    const { typeUrl, value } = encodeAny(any);
    expect(decodeAny(typeUrl, value)).to.deep.equal(any);
    expect(() => encodeAny({ ...any, seconds: 1 })).to.throw(SchemaError, 'seconds');
  });

  it('carries an Any of an unknown type as bytes', () => {
    const any = { '@type': 'type.googleapis.com/acme.Filter', value: 'CgF4' };
    const json = { name: 'x', typed_config: any };
    expect(again('envoy.config.core.v3.TypedExtensionConfig', json)).to.deep.equal(json);
  });
});
