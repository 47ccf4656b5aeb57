import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { writeSensitive } from '../../../scripts/protos/sensitive.ts';
import {
  encodeAny,
  encodeMessage,
  holdsSecrets,
  maskSecrets,
  messageTypes,
  typeUrl,
} from '../../../src/envoy/schema/index.ts';

const FULL = new URL('../../../protos/envoy-v3.binpb.gz', import.meta.url);
const GENERATED = new URL('../../../src/envoy/schema/sensitive.gen.ts', import.meta.url);

const any = (typeName: string, message: object) => ({ '@type': typeUrl(typeName), ...message });
const http = (name: string, message: string, fields: object) => ({
  name,
  typed_config: any(`envoy.extensions.filters.http.${message}`, fields),
});
const inline = { inline_string: 'hunter2' };
const bytes = { inline_bytes: Buffer.from('hunter2').toString('base64') };
const TLS = 'envoy.extensions.transport_sockets.tls.v3';

/** Messages that hold `hunter2` where the API says sensitive. */
const HOLDERS = [
  http('key', 'api_key_auth.v3.ApiKeyAuth', { credentials: [{ client: 'hunter2', key: 'hunter2' }] }),
  http('basic', 'basic_auth.v3.BasicAuth', { users: inline }),
  http('aws', 'aws_request_signing.v3.AwsRequestSigning', {
    credential_provider: {
      inline_credential: { access_key_id: 'id', secret_access_key: 'hunter2', session_token: 'hunter2' },
    },
  }),
  {
    name: 'tls',
    typed_config: any(`${TLS}.DownstreamTlsContext`, {
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: { inline_string: 'public' }, private_key: bytes },
          { private_key: inline, password: bytes, pkcs12: bytes },
          {
            private_key_provider: { provider_name: 'p', typed_config: any(`${TLS}.GenericSecret`, { secret: inline }) },
          },
        ],
      },
      session_ticket_keys: { keys: [bytes, inline] },
    }),
  },
  {
    name: 'secret',
    typed_config: any(`${TLS}.Secret`, { name: 's', generic_secret: { secrets: { a: inline, b: bytes } } }),
  },
  {
    name: 'struct',
    typed_config: any('xds.type.v3.TypedStruct', {
      type_url: typeUrl('envoy.extensions.filters.http.basic_auth.v3.BasicAuth'),
      value: { users: inline },
    }),
  },
  {
    name: 'struct in another spelling',
    typed_config: any('xds.type.v3.TypedStruct', {
      type_url: typeUrl('envoy.extensions.filters.http.basic_auth.v3.BasicAuth'),
      value: { users: { inlineString: 'hunter2' } },
    }),
  },
  { name: 'unknown', typed_config: { '@type': 'type.googleapis.com/nobody.Knows', ...{ value: 'aHVudGVyMg==' } } },
];

/** Places where such a message may sit. */
const PLACES: Readonly<Record<string, (holder: (typeof HOLDERS)[number]) => object>> = {
  'envoy.config.core.v3.TypedExtensionConfig': (holder) => holder,
  'envoy.config.listener.v3.Listener': (filter) => ({
    name: 'l',
    filter_chains: [
      {
        filters: [
          {
            name: 'hcm',
            typed_config: any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
              stat_prefix: 'x',
              http_filters: [{ name: 'harmless' }, filter],
            }),
          },
        ],
      },
    ],
  }),
  'envoy.config.cluster.v3.Cluster': ({ typed_config }) => ({
    name: 'c',
    typed_extension_protocol_options: { x: typed_config },
  }),
  'envoy.config.route.v3.RouteConfiguration': ({ typed_config }) => ({
    name: 'r',
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ typed_per_filter_config: { x: typed_config } }] }],
  }),
};

function holdsSecret(json: unknown): boolean {
  const text = JSON.stringify(json);
  return text.includes('hunter2') || text.includes(Buffer.from('hunter2').toString('base64').slice(0, 8));
}

describe('masking of messages', () => {
  it('knows the fields that the API marks, as generated', () => {
    const set = fromBinary(FileDescriptorSetSchema, gunzipSync(readFileSync(FULL)));
    expect(createFileRegistry(set).getExtension('udpa.annotations.sensitive')?.kind).to.equal('extension');
    const written = writeSensitive(set.file, new Set(messageTypes()));
    expect(readFileSync(GENERATED, 'utf8')).to.equal(written);
    expect(written).to.include("'envoy.extensions.transport_sockets.tls.v3.GenericSecret': ['secret', 'secrets']");
  });

  for (const [typeName, place] of Object.entries(PLACES)) {
    it(`finds what is sensitive in a ${typeName}, in lists, maps and Any`, () => {
      for (const holder of HOLDERS) {
        const message = place(holder);
        expect(holdsSecret(message), holder.name).to.equal(true);
        expect(holdsSecrets(typeName, encodeMessage(typeName, message)), holder.name).to.equal(true);
        const texts: string[] = [];
        const masked = maskSecrets(typeName, message, (text) => texts.push(text));
        expect(holdsSecret(masked), `${holder.name}: ${JSON.stringify(masked)}`).to.equal(false);
        expect(texts.some(holdsSecret), holder.name).to.equal(true);
        // What is shown is a message still.
        encodeAny(any(typeName, masked));
      }
    });

    it(`leaves a ${typeName} without secrets as it is`, () => {
      const message = place(http('lua', 'lua.v3.Lua', { default_source_code: { inline_string: 'x = 1' } }));
      expect(maskSecrets(typeName, message)).to.equal(message);
      expect(holdsSecrets(typeName, encodeMessage(typeName, message))).to.equal(false);
    });
  }

  it('keeps what is not sensitive beside it', () => {
    const secret = any(`${TLS}.Secret`, {
      name: 's',
      tls_certificate: { certificate_chain: { inline_string: 'public' }, private_key: inline },
    });
    expect(maskSecrets('google.protobuf.Any', secret)).to.deep.equal({
      ...secret,
      tls_certificate: {
        certificate_chain: { inline_string: 'public' },
        private_key: { inline_string: '[redacted]' },
      },
    });
  });
});
