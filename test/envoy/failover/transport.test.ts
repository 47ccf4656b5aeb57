import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Server as NetServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { testCa } from '../../fakes/index.ts';
import { tempDir, until } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { expectAllServed, type Rig, startRig, tried } from './rig.ts';

const NAME = 'provider.example';

describe('failover: ways to a provider', function () {
  this.timeout(60_000);
  let rig: Rig;
  const servers: (Server | NetServer)[] = [];
  /** What the proxy was asked to connect to. */
  const connects: string[] = [];
  const clients: (string | undefined)[] = [];

  before(async () => {
    const { cert: ca, issue } = await testCa();
    const client = await issue('client.example');
    const socketPath = join(tempDir('unix'), 'provider.sock');
    let unixTarget = 0;
    const unix = createNetServer((socket) => {
      socket
        .pipe(connect(unixTarget, '127.0.0.1'))
        .on('error', () => socket.destroy())
        .pipe(socket)
        .on('error', () => undefined);
    });
    const mutual = await startMutualTls(ca, await issue(NAME), () => unixTarget, clients);
    servers.push(unix, mutual);
    unix.listen(socketPath);
    await once(unix, 'listening');
    rig = await startRig(
      {
        a: {},
        b: {},
        both: { keys: ['sk-a'], tls: { names: [NAME] } },
        old: { keys: ['sk-a'], tls: { names: [NAME], alpn: ['http/1.1'] } },
        h2c: { keys: ['sk-a'], h2c: true },
      },
      (at, fake) => {
        unixTarget = fake('a').port;
        const tls = { hostname: NAME, ca };
        const port = (name: string): number => fake(name).port;
        return {
          backends: {
            b: at('b'),
            h2: at('both', { key: 'sk-a', tls }),
            'h2-again': at('both', { key: 'sk-a', tls }),
            h1: at('old', { key: 'sk-a', tls }),
            named: {
              endpoints: [{ fqdn: { hostname: 'localhost', port: port('both') } }],
              key: 'sk-a',
              backendTls: { sni: NAME, caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca-h2' }] },
            },
            h2c: at('h2c', { key: 'sk-a', appProtocols: ['gateway.envoyproxy.io/h2c'] }),
            unix: { endpoints: [{ unix: { path: socketPath } }], key: 'sk-a' },
            mutual: {
              port: (mutual.address() as AddressInfo).port,
              key: 'sk-a',
              tls,
              backendTls: { clientCertificateRef: { name: 'client' } },
            },
            anonymous: { port: (mutual.address() as AddressInfo).port, key: 'sk-a', tls },
            unresolved: { endpoints: [{ fqdn: { hostname: 'absent.invalid', port: 443 } }], key: 'sk-a', tls },
            hosts: { endpoints: [{ fqdn: { hostname: 'localhost', port: port('a') } }], key: 'sk-a' },
          },
          models: Object.fromEntries(
            ['h2', 'h1', 'named', 'h2c', 'unix', 'mutual', 'anonymous', 'unresolved', 'hosts'].map((name) => [
              name,
              { refs: [name, 'b'] },
            ]),
          ),
          extra: [
            object('v1', 'Secret', 'client', {
              type: 'kubernetes.io/tls',
              stringData: { 'tls.crt': client.cert, 'tls.key': client.key },
            }),
          ],
        };
      },
    );
  });
  beforeEach(() => rig.reset());
  afterEach(() => rig.assertNoLeak());
  after(async () => {
    await rig?.stop();
    for (const server of servers) server.close();
  });

  const served = async (model: string): Promise<string> => {
    const response = await rig.ask(model);
    expect(response.status, response.text).to.equal(200);
    return response.headers['x-headgate-backend'] ?? '';
  };

  it('speaks HTTP/2 where the server takes it and HTTP/1.1 elsewhere, with the server name', async () => {
    expect(await served('h2')).to.equal('default/h2');
    expect(rig.fake('both').last).to.include({ httpVersion: '2.0', serverName: NAME });
    expect(await served('named')).to.equal('default/named');
    expect(rig.fake('both').last).to.include({ httpVersion: '2.0', serverName: NAME });
    expect(rig.fake('both').last.headers[':authority']).to.equal('localhost');
    expect(await served('h1')).to.equal('default/h1');
    expect(rig.fake('old').last).to.include({ httpVersion: '1.1', serverName: NAME });
    expect(await served('h2c')).to.equal('default/h2c');
    expect(rig.fake('h2c').last.httpVersion).to.equal('2.0');
  });

  it('reaches a provider by a socket of the file system', async () => {
    expect(await served('unix')).to.equal('default/unix');
  });

  it('shows its certificate to who asks for one, and goes on from one that refuses it', async () => {
    expect(await served('mutual')).to.equal('default/mutual');
    expect(clients).to.include('client.example');
    expect(await served('anonymous')).to.equal('default/b');
  });

  it('fails over streams that HTTP/2 resets, at 64', async () => {
    rig.fake('both').fault = () => ({ reset: true });
    expectAllServed(await rig.load('h2', { concurrency: 64, total: 1000 }), 1000);
  });

  it('goes on from a name that does not resolve, and leaves nothing hanging', async () => {
    const response = await rig.ask('unresolved');
    expect(response.headers['x-headgate-tried']).to.equal('default/unresolved=no-endpoint,default/b=200');
    expect(await served('hosts')).to.equal('default/hosts');
    expect(await rig.gateway.envoy.stat('cluster_manager.warming_clusters')).to.equal(0);
  });

  it('reads a change of a certificate authority without a restart', async () => {
    const { cert: other } = await testCa('other-ca');
    await rig.apply((facts) => ({
      ...facts,
      backends: { ...facts.backends, h2: { ...facts.backends.h2, tls: { hostname: NAME, ca: other } } },
    }));
    // Connections that stand keep standing; what is trusted counts for new ones.
    await rig.fake('both').refuse();
    await rig.fake('both').accept();
    await until(async () => tried(await rig.ask('h2')).at(-1) === 'b', {
      what: 'a server that is not trusted any more',
    });
    expect(rig.gateway.envoy.hasExited).to.equal(false);
  });

  it('goes through a proxy', async () => {
    const proxy = startProxy(connects);
    servers.push(proxy);
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await rig.apply((facts) => ({
      ...facts,
      gatewayAnnotations: { 'aigateway.envoyproxy.io/gateway-config': 'proxied' },
      extra: [
        ...(facts.extra ?? []),
        object('aigateway.envoyproxy.io/v1beta1', 'GatewayConfig', 'proxied', { spec: { forwardProxy: { address } } }),
      ],
    }));
    await until(async () => (await served('h1')) === 'default/h1' && connects.length > 0, { what: 'the proxy' });
    expect(connects).to.eql([`127.0.0.1:${rig.fake('old').port}`]);
    const plain = `plain localhost:${rig.fake('a').port}`;
    await until(async () => (await served('hosts')) === 'default/hosts' && connects.includes(plain), {
      what: 'the proxy on the way of plain requests',
    });
    connects.length = 0;
    expect(tried(await rig.ask('unresolved')).at(-1)).to.equal('b');
    expect(await served('hosts')).to.equal('default/hosts');
    expect(connects).to.eql([`plain 127.0.0.1:${rig.fake('b').port}`, plain]);
  });
});

/** TLS that wants a certificate of the test authority, in front of a plain server. */
async function startMutualTls(
  ca: string,
  { cert, key }: { readonly cert: string; readonly key: string },
  target: () => number,
  seen: (string | undefined)[],
): Promise<NetServer> {
  const server = createTlsServer(
    { ca, cert, key, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] },
    (socket: TLSSocket) => {
      const { CN } = socket.getPeerCertificate().subject;
      seen.push(Array.isArray(CN) ? CN[0] : CN);
      socket.on('error', () => socket.destroy());
      socket
        .pipe(connect(target(), '127.0.0.1'))
        .on('error', () => socket.destroy())
        .pipe(socket);
    },
  );
  server.on('tlsClientError', () => undefined);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

/** HTTP CONNECT, and nothing else. */
function startProxy(asked: string[]): Server {
  const proxy = createServer((request, response) => {
    // Without TLS Envoy sends the request itself to the proxy.
    asked.push(`plain ${request.headers.host}`);
    const { port } = new URL(`http://${request.headers.host}`);
    const onward = httpRequest(
      { port, method: request.method, path: request.url, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  proxy.on('connect', (request, socket) => {
    asked.push(String(request.url));
    const [host, port] = String(request.url).split(':');
    const onward = connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
  return proxy;
}
