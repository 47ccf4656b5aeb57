import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, request } from '../../support/index.ts';
import { startGateway, type TestGateway } from './gateway.ts';

const BODY = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hi' }] });
const HEADER = 'x-aigw-api-key';

/** A `google.protobuf.Value` of a struct of texts, in base64. */
function protobufValue(fields: Readonly<Record<string, string>>): string {
  const part = (field: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([field * 8 + 2, bytes.length]), bytes]);
  const entries = Object.entries(fields).map(([key, value]) =>
    part(1, Buffer.concat([part(1, Buffer.from(key)), part(2, part(3, Buffer.from(value)))])),
  );
  return part(5, Buffer.concat(entries)).toString('base64');
}

describe('script: credentials of the request', () => {
  let fake: Fake;
  let other: Fake;
  let open: Fake;
  let gateway: TestGateway;
  const ask = (model: string, headers: Record<string, string> = {}): Promise<ClientResponse> =>
    request({ port: gateway.port, path: '/v1/chat/completions', body: BODY(model), headers });

  before(async () => {
    fake = await startOpenAi({ name: 'a', keys: ['configured', 'given'] });
    other = await startOpenAi({ name: 'b', keys: ['sk-b'] });
    open = await startOpenAi({ name: 'open', isOpen: true });
    const ownKeys = { metadata_namespace: 'auth', metadata_key: 'aws', region: 'r', service: 's' };
    const bearer = { header: 'authorization', prefix: 'Bearer ' };
    const byHeader = (fallback: boolean) => ({ credential: { ...bearer, request_header: HEADER, fallback } });
    const byMetadata = (fallback: boolean) => ({
      credential: { ...bearer, metadata_namespace: 'auth', metadata_key: 'key', fallback },
    });
    const own = { ...bearer, secret: 'configured' };
    const listed = { override_headers: [HEADER] };
    const needs = { needs: true, ...listed };
    gateway = await startGateway({
      backends: [
        { cluster: 'header', port: fake.port, credential: own, facts: byHeader(true) },
        { cluster: 'header-only', port: fake.port, facts: byHeader(false) },
        { cluster: 'metadata', port: fake.port, credential: own, facts: byMetadata(true) },
        { cluster: 'metadata-only', port: fake.port, facts: byMetadata(false) },
        { cluster: 'aws', port: open.port, facts: { own_keys: { ...ownKeys, fallback: true } } },
        { cluster: 'aws-only', port: open.port, facts: { own_keys: { ...ownKeys, fallback: false } } },
        { cluster: 'b', port: other.port, credential: { ...bearer, secret: 'sk-b' } },
      ],
      routes: [
        { model: 'header', cluster: 'header', facts: listed },
        { model: 'header-only', cluster: 'header-only', facts: listed },
        { model: 'unlisted', cluster: 'header-only' },
        { model: 'metadata', cluster: 'metadata' },
        { model: 'aws', cluster: 'aws' },
        { model: 'aws-only', cluster: 'aws-only' },
        { model: 'metadata-only', cluster: 'metadata-only' },
        { model: 'failover', groups: [{ header: 1 }, { b: 1 }, { 'header-only': 1 }], facts: listed },
        {
          model: 'needs-header',
          groups: [{ 'header-only': 1 }, { b: 1 }],
          facts: {
            ...needs,
            groups: [
              [{ cluster: 'header-only', weight: 1, backend: 'default/header-only', needs: HEADER }],
              [{ cluster: 'b', weight: 1, backend: 'default/b' }],
            ],
          },
        },
        {
          model: 'needs-metadata',
          groups: [{ 'metadata-only': 1 }, { b: 1 }],
          facts: {
            ...needs,
            groups: [
              [
                {
                  ...{ cluster: 'metadata-only', weight: 1, backend: 'default/metadata-only' },
                  needs_metadata: { namespace: 'auth', key: 'key' },
                },
              ],
              [{ cluster: 'b', weight: 1, backend: 'default/b' }],
            ],
          },
        },
      ],
      filtersBefore: [
        {
          name: 'header_to_metadata',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config',
            request_rules: [
              {
                ...{ header: 'x-token', remove: true },
                on_header_present: { metadata_namespace: 'auth', key: 'key', type: 'STRING' },
              },
              {
                ...{ header: 'x-keys', remove: true },
                on_header_present: {
                  ...{ metadata_namespace: 'auth', key: 'aws' },
                  ...{ type: 'PROTOBUF_VALUE', encode: 'BASE64' },
                },
              },
            ],
          },
        },
      ],
    });
  });
  beforeEach(() => Promise.all([fake.reset(), other.reset(), open.reset()]));
  afterEach(() => expect([...fake.foreignCredentials, ...other.foreignCredentials]).to.eql([]));
  after(async () => {
    await gateway?.envoy.stop();
    await fake?.close();
    await other?.close();
    await open?.close();
  });

  it('takes a header, with and without the prefix, and removes it', async () => {
    for (const value of ['given', 'Bearer given', 'bearer given']) {
      expect((await ask('header', { [HEADER]: value })).status, value).to.equal(200);
      expect(fake.last.headers.authorization).to.equal('Bearer given');
      expect(fake.last.headers).not.to.have.property(HEADER);
    }
  });

  it('falls back to the configured credential where it may', async () => {
    expect((await ask('header', { authorization: 'Bearer client' })).status).to.equal(200);
    expect(fake.last.headers.authorization).to.equal('Bearer configured');
    expect((await ask('metadata')).status).to.equal(200);
    expect(fake.last.headers.authorization).to.equal('Bearer configured');
  });

  it('answers 401 where it may not', async () => {
    for (const model of ['header-only', 'metadata-only', 'unlisted']) {
      const response = await ask(model, { authorization: 'Bearer client' });
      expect(response.status, model).to.equal(401);
      expect(response.json).to.have.nested.property('error.message', 'missing upstream credential');
      expect(response.json).to.have.nested.property('error.type', 'authentication_error');
    }
    expect((await ask('header-only', { [HEADER]: '' })).status).to.equal(401);
    expect(fake.requests).to.have.length(0);
    expect((await ask('header-only', { [HEADER]: 'given' })).status).to.equal(200);
  });

  it('takes metadata that an earlier filter wrote', async () => {
    for (const model of ['metadata', 'metadata-only']) {
      expect((await ask(model, { 'x-token': 'given' })).status).to.equal(200);
      expect(fake.last.headers.authorization).to.equal('Bearer given');
    }
  });

  it('takes AWS keys of metadata where they are whole, and marks the attempt for who signs', async () => {
    const keys = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };
    for (const model of ['aws', 'aws-only']) {
      for (const given of [keys, { ...keys, sessionToken: 'token' }, { ...keys, sessionToken: '' }]) {
        expect((await ask(model, { 'x-keys': protobufValue(given) })).status).to.equal(200);
        expect(open.last.headers.authorization).to.equal('headgate-own-keys');
      }
      const halves = [{ accessKeyId: 'AKIA' }, { ...keys, accessKeyId: 'two\nlines' }, { sessionToken: 'token' }];
      for (const given of halves) {
        expect((await ask(model, { 'x-keys': protobufValue(given) })).status).to.equal(401);
      }
    }
    expect((await ask('aws')).status).to.equal(200);
    expect(open.last.headers).not.to.have.property('authorization');
    expect((await ask('aws-only')).status).to.equal(401);
  });

  it('gives the credential to no other provider', async () => {
    fake.fault = () => ({ status: 503 });
    expect((await ask('failover', { [HEADER]: 'given' })).headers['x-fake']).to.equal('b');
    expect(other.last.headers.authorization).to.equal('Bearer sk-b');
    other.fault = () => ({ status: 503 });
    fake.fault = (_request, n) => (n === 2 ? { status: 503 } : undefined);
    const { headers } = await ask('failover', { [HEADER]: 'given' });
    expect(headers['x-headgate-tried']).to.equal('default/header=503,default/b=503,default/header-only=200');
    expect(fake.requests.map((one) => one.headers.authorization)).to.eql([
      'Bearer given',
      'Bearer given',
      'Bearer given',
    ]);
  });

  it('puts a backend last for which the request has no credential', async () => {
    for (const [model, header] of [
      ['needs-header', HEADER],
      ['needs-metadata', 'x-token'],
    ] as const) {
      const without = await ask(model);
      expect(without.headers['x-fake'], model).to.equal('b');
      expect(without.headers['x-headgate-tried']).to.match(/^default\/\S+-only=no-credential,default\/b=200$/);
      expect((await ask(model, { [header]: 'given' })).headers['x-fake']).to.equal('a');
    }
  });

  it('writes no credential where a log of all metadata shows it', async () => {
    await ask('header', { [HEADER]: 'given', 'x-request-id': 'secret-1' });
    expect(JSON.stringify((await gateway.logOf('secret-1')).headgate)).not.to.include('given');
  });
});
