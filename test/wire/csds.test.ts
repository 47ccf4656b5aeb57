/** The client status discovery service, as a status tool calls it. */
import { credentials, makeGenericClientConstructor, type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  decodeMessage,
  encodeMessage,
  type ServiceStatusV3ClientConfigGenericXdsConfig as GenericXdsConfig,
  type ServiceStatusV3ClientStatusRequest as StatusRequest,
  type ServiceStatusV3ClientStatusResponse as StatusResponse,
} from '../../src/envoy/schema/index.ts';
import { type ResourceInput, TYPE } from '../../src/xds/index.ts';
import { testCa } from '../fakes/index.ts';
import { type Fixture, startServer, subscription, until, VARIANTS } from './fixture.ts';

const PACKAGE = 'envoy.service.status.v3';
const SERVICE = `/${PACKAGE}.ClientStatusDiscoveryService/`;
const Generic = makeGenericClientConstructor({}, 'csds');
const pass = (bytes: Buffer): Buffer => bytes;

function typed(typeUrl: string, name: string, message: object): ResourceInput {
  return { typeUrl, name, value: encodeMessage(typeUrl.replace(/^.*\//, ''), message) };
}

const cluster = (name: string, timeout = '1s') => typed(TYPE.cluster, name, { name, connect_timeout: timeout });
const route = (name: string) => typed(TYPE.route, name, { name });

describe('xDS client status', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startServer();
  });
  afterEach(() => fixture.close());

  /** Asks once, on the stream or alone. */
  async function ask(
    request: StatusRequest,
    how: 'fetch' | 'stream' = 'fetch',
    tls = credentials.createInsecure(),
  ): Promise<StatusResponse> {
    const client = new Generic(`127.0.0.1:${fixture.port}`, tls);
    const bytes = Buffer.from(encodeMessage(`${PACKAGE}.ClientStatusRequest`, request));
    try {
      const answer = await new Promise<Buffer>((resolve, reject) => {
        if (how === 'fetch') {
          const done = (error: ServiceError | null, value?: Buffer) => (value ? resolve(value) : reject(error));
          client.makeUnaryRequest(`${SERVICE}FetchClientStatus`, pass, pass, bytes, done);
          return;
        }
        const call = client.makeBidiStreamRequest<Buffer, Buffer>(`${SERVICE}StreamClientStatus`, pass, pass);
        call.on('data', (value: Buffer) => {
          resolve(value);
          call.end();
        });
        call.on('error', reject);
        call.write(bytes);
      });
      return decodeMessage(`${PACKAGE}.ClientStatusResponse`, answer) as StatusResponse;
    } finally {
      client.close();
    }
  }

  const configs = async (request: StatusRequest = {}): Promise<Record<string, GenericXdsConfig>> => {
    const [client] = (await ask(request)).config ?? [];
    return Object.fromEntries((client?.generic_xds_configs ?? []).map((config) => [config.name ?? '', config]));
  };

  for (const variant of VARIANTS) {
    it(`tells what is synced, rejected, on its way, not sent and missing, ${variant}`, async () => {
      const first = fixture.publish('g', [cluster('a'), cluster('b')]);
      const client = fixture.client(variant, { node: { id: 'n1', cluster: 'c1', metadata: { zone: 'z' } } });
      client.ask({ typeUrl: TYPE.cluster });
      client.ack(await client.next());
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      const second = fixture.publish('g', [cluster('a'), cluster('b', '2s'), route('r')]);
      client.nack(await client.next(), 'Error adding/updating cluster(s) b: no');
      client.ask(subscription(variant, TYPE.route, ['r', 'ghost']));
      const routes = await client.next();
      await until(() => fixture.nacks.length === 1, 'rejected');
      if (variant === 'delta') expect(routes.removed).to.deep.equal(['ghost']);
      const version = (snapshot: typeof first, typeUrl: string, name: string) =>
        snapshot.types.get(typeUrl)?.resources.get(name)?.version;
      const found = await configs();
      expect(found.a).to.deep.equal({
        type_url: TYPE.cluster,
        name: 'a',
        version_info: version(first, TYPE.cluster, 'a'),
        xds_config: { '@type': TYPE.cluster, name: 'a', connect_timeout: '1s' },
        config_status: 'SYNCED',
        client_status: 'ACKED',
      });
      expect(found.b).to.include({
        version_info: version(first, TYPE.cluster, 'b'),
        config_status: 'ERROR',
        client_status: 'NACKED',
      });
      expect(found.b?.xds_config).to.deep.equal({ '@type': TYPE.cluster, name: 'b', connect_timeout: '1s' });
      expect(found.b?.error_state).to.deep.include({
        details: 'Error adding/updating cluster(s) b: no',
        version_info: version(second, TYPE.cluster, 'b'),
        failed_configuration: { '@type': TYPE.cluster, name: 'b', connect_timeout: '2s' },
      });
      expect(found.b?.error_state?.last_update_attempt).to.be.a('string');
      expect(found.r).to.include({ config_status: 'STALE', client_status: 'REQUESTED' });
      expect(found.ghost).to.include({ client_status: 'DOES_NOT_EXIST' });
      client.ack(routes, ['r', 'ghost']);
      await until(
        () => fixture.server.resources('n1').every(({ name, state }) => name !== 'r' || state === 'SYNCED'),
        'r',
      );
    });

    it(`tells what waits behind an answer that is missing, ${variant}`, async () => {
      fixture.publish('g', [cluster('a')]);
      const client = fixture.client(variant);
      client.ask({ typeUrl: TYPE.cluster });
      const first = await client.next();
      fixture.publish('g', [cluster('a', '2s'), cluster('b')]);
      const found = await configs();
      expect(found.a).to.include({ config_status: 'NOT_SENT' });
      expect(found.b).to.include({ config_status: 'NOT_SENT', client_status: 'REQUESTED' });
      client.ack(first);
      client.ack(await client.next());
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
      expect(Object.values(await configs()).map((config) => config.config_status)).to.deep.equal(['SYNCED', 'SYNCED']);
    });
  }

  const holders: readonly ResourceInput[] = [
    typed(TYPE.secret, 'h', { name: 'h', generic_secret: { secret: { inline_string: 'hunter2' } } }),
    typed(TYPE.extension, 'h', {
      name: 'h',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning',
        credential_provider: { inline_credential: { access_key_id: 'id', secret_access_key: 'hunter2' } },
      },
    }),
    typed(TYPE.cluster, 'h', {
      name: 'h',
      transport_socket: {
        name: 'tls',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
          common_tls_context: { tls_certificates: [{ private_key: { inline_string: 'hunter2' } }] },
        },
      },
    }),
  ];
  for (const holder of holders) {
    it(`masks secrets, also in what a proxy says of them: ${holder.typeUrl.replace(/^.*\./, '')}`, async () => {
      fixture.publish('g', [holder]);
      const client = fixture.client('delta');
      client.ask({ typeUrl: holder.typeUrl, subscribe: ['h'] });
      const answer = await client.next();
      const synced = JSON.stringify(await ask({}));
      expect(synced).to.contain('[redacted]').and.not.contain('hunter2');
      client.nack(answer, `h: cannot use "hunter" of hunter2: 'ter2' is too short`);
      await until(() => fixture.nacks.length === 1, 'rejected');
      const response = JSON.stringify(await ask({}));
      expect(response).to.contain('h: cannot use').and.contain('is too short').and.contain('failed_configuration');
      expect(response).to.not.match(/hunter|ter2/);
      expect(JSON.stringify([fixture.nacks, fixture.server.nodes()])).to.not.match(/hunter|ter2/);
    });
  }

  it('leaves what a proxy says of anything else', async () => {
    fixture.publish('g', [cluster('a')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: TYPE.cluster });
    client.nack(await client.next(), 'a: no such thing as "b"');
    await until(() => fixture.nacks.length === 1, 'rejected');
    expect((await configs()).a?.error_state?.details).to.equal('a: no such thing as "b"');
  });

  it('tells of the nodes that are asked for, and without contents if told so', async () => {
    fixture.publish('g', [cluster('a')]);
    for (const id of ['edge-1', 'edge-2', 'core-1']) {
      const client = fixture.client('delta', { node: { id, metadata: { zone: id.endsWith('1') ? 'one' : 'two' } } });
      client.ask({ typeUrl: TYPE.cluster });
      await client.next();
    }
    const ids = async (matchers: StatusRequest['node_matchers']) =>
      ((await ask({ node_matchers: matchers ?? [] })).config ?? []).map(({ node }) => node?.id);
    const zone = (exact: string) => ({ path: [{ key: 'zone' }], value: { string_match: { exact } } });
    expect(await ids([])).to.have.members(['edge-1', 'edge-2', 'core-1']);
    expect(await ids([{ node_id: { exact: 'edge-2' } }])).to.deep.equal(['edge-2']);
    expect(await ids([{ node_id: { prefix: 'EDGE', ignore_case: true } }])).to.have.members(['edge-1', 'edge-2']);
    expect(await ids([{ node_id: { safe_regex: { regex: '(edge|core)-1' } } }])).to.have.members(['edge-1', 'core-1']);
    expect(await ids([{ node_id: { prefix: 'edge' }, node_metadatas: [zone('one')] }])).to.deep.equal(['edge-1']);
    expect(await ids([{ node_id: { suffix: '-2' } }, { node_id: { contains: 'core' } }])).to.have.length(2);
    const [bare] =
      (await ask({ node_matchers: [{ node_id: { exact: 'edge-1' } }], exclude_resource_contents: true })).config ?? [];
    expect(bare?.generic_xds_configs?.map((config) => [config.name, config.xds_config])).to.deep.equal([
      ['a', undefined],
    ]);
  });

  it('tells a client with a certificate of those nodes alone that it may be', async () => {
    await fixture.close();
    const ca = await testCa();
    const identity = await ca.issue('127.0.0.1');
    const current = {
      cert: Buffer.from(identity.cert),
      key: Buffer.from(identity.key),
      clientCa: Buffer.from(ca.cert),
    };
    fixture = await startServer({
      tls: { current, onChange: () => () => undefined },
      authorize: ({ names }, node) => (names.includes(node.cluster) ? undefined : 'not yours'),
    });
    fixture.publish('g', [cluster('a')]);
    const ids: (string | undefined)[] = [];
    for (const name of ['east', 'west']) {
      const { cert, key } = await ca.issue(name);
      const tls = credentials.createSsl(Buffer.from(ca.cert), Buffer.from(key), Buffer.from(cert));
      const client = fixture.client('delta', { node: { id: `of-${name}`, cluster: name }, tls });
      client.ask({ typeUrl: TYPE.cluster });
      await client.next();
      ids.push(...((await ask({}, 'fetch', tls)).config ?? []).map(({ node }) => node?.id));
    }
    expect(ids).to.deep.equal(['of-east', 'of-west']);
  });

  it('answers each request of a stream, and refuses what is malformed', async () => {
    fixture.publish('g', [cluster('a')]);
    const client = fixture.client('sotw');
    client.ask({ typeUrl: TYPE.cluster });
    await client.next();
    expect((await ask({}, 'stream')).config?.map(({ node }) => node?.id)).to.deep.equal(['n1']);
    for (const how of ['fetch', 'stream'] as const) {
      const broken = ask({ node_matchers: [{ node_id: { safe_regex: { regex: '(' } } }] }, how);
      const error = await broken.then(
        () => undefined,
        (caught: ServiceError) => caught,
      );
      expect(error, how).to.include({ code: status.INVALID_ARGUMENT });
    }
    expect((await ask({})).config).to.have.length(1);
  });
});
