/** What gRPC asks of a server beyond the messages, by a client that speaks HTTP/2 alone. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { expect } from 'chai';
import { GatewayError } from '../../src/lib/errors.ts';
import type { XdsServerOptions } from '../../src/xds/index.ts';
import { resource } from './client.ts';
import { type Fixture, startServer, TYPE, until } from './fixture.ts';

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

describe('xDS as gRPC', () => {
  let fixture: Fixture;
  let session: ClientHttp2Session | undefined;
  afterEach(async () => {
    session?.destroy();
    await fixture.close();
  });

  async function start(options: Partial<XdsServerOptions> = {}): Promise<ClientHttp2Session> {
    fixture = await startServer(options);
    fixture.publish('g', [resource(TYPE.cluster, 'a')]);
    const opened = connect(`http://127.0.0.1:${fixture.port}`);
    opened.on('error', () => undefined);
    session = opened;
    return opened;
  }

  /** Sends bytes on a stream of its own; resolves with its headers and trailers. */
  async function call(
    client: ClientHttp2Session,
    headers: Record<string, string>,
    bytes = Buffer.alloc(0),
  ): Promise<{ head: IncomingHttpHeaders; tail: IncomingHttpHeaders }> {
    const stream = client.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', ...headers });
    stream.on('error', () => undefined);
    let tail: IncomingHttpHeaders = {};
    stream.on('trailers', (trailers) => {
      tail = trailers;
    });
    stream.resume();
    stream.write(bytes);
    const ended = once(stream, 'end');
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    await ended;
    stream.destroy();
    return { head, tail };
  }

  it('refuses methods, encodings and content that it does not know', async () => {
    const client = await start();
    const unknown = await call(client, { ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/Nothing' });
    expect(unknown.head).to.include({ ':status': 200, 'grpc-status': '12' });
    const zipped = await call(client, { 'grpc-encoding': 'gzip' });
    expect(zipped.head).to.include({ 'grpc-status': '12', 'grpc-accept-encoding': 'identity' });
    const flagged = await call(client, {}, Buffer.from([1, 0, 0, 0, 1, 0]));
    expect(flagged.head).to.include({ 'grpc-status': '3' });
    const json = await call(client, { 'content-type': 'application/json' });
    expect(json.head).to.include({ ':status': 415 });
  });

  it('writes messages of errors so that headers can carry them', async () => {
    const message = '100% sicher für alle \u{1f600}\n';
    const client = await start({
      resolve: () => {
        throw new GatewayError('not_found', message);
      },
    });
    // The node's id, and a type.
    const request = Buffer.from([0x0a, 3, 0x0a, 1, 0x61, 0x12, 1, 0x74]);
    const { head } = await call(client, {}, Buffer.concat([Buffer.from([0, 0, 0, 0, request.length]), request]));
    expect(head).to.include({ 'grpc-status': '5' });
    expect(head['grpc-message']).to.match(/^[\x20-\x7e]*$/);
    expect(decodeURIComponent(String(head['grpc-message']))).to.equal(message);
  });

  it('notices peers that are gone without a word', async () => {
    await start({ keepalive: { intervalMs: 50, timeoutMs: 50 } });
    // Speaks the preface and an empty SETTINGS frame, and answers no ping.
    const mute = connectTcp(fixture.port, '127.0.0.1');
    mute.on('error', () => undefined);
    mute.write(
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
    );
    mute.resume();
    let closed = false;
    mute.on('close', () => {
      closed = true;
    });
    const client = fixture.client('delta');
    client.ask({ typeUrl: TYPE.cluster });
    client.ack(await client.next());
    await until(() => closed, 'the mute one is cut off');
    fixture.publish('g', [resource(TYPE.cluster, 'a', '2')]);
    expect((await client.next()).resources).to.deep.equal([['a', 'a=2']]);
  });

  it('takes a flood of connections at once', async () => {
    await start();
    const sockets = Array.from({ length: 700 }, () => connectTcp(fixture.port, '127.0.0.1'));
    try {
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      const client = fixture.client('sotw');
      client.ask({ typeUrl: TYPE.cluster });
      expect((await client.next()).resources).to.have.length(1);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it('closes while connections are open that never became calls', async () => {
    await start();
    const socket = connectTcp(fixture.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const gone = new Promise((resolve) => socket.on('close', resolve));
    socket.resume();
    await fixture.server.close();
    await gone;
  });
});
