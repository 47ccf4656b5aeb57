/** TLS of the xDS port: who gets in, as which node, and certificates that change under open streams. */
import { connect as connectTls } from 'node:tls';
import { credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { TlsMaterial, XdsServerOptions } from '../../src/xds/index.ts';
import { type Identity, testCa } from '../fakes/index.ts';
import { resource } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

/** Certificates that a test replaces. */
function replaceable(first: TlsMaterial) {
  let current = first;
  const listeners = new Set<(material: TlsMaterial) => void>();
  return {
    get current() {
      return current;
    },
    onChange(listener: (material: TlsMaterial) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    replace(next: TlsMaterial) {
      current = next;
      for (const listener of listeners) listener(next);
    },
    listeners,
  };
}

describe('xDS over TLS', () => {
  let fixture: Fixture;
  afterEach(() => fixture.close());

  async function material(clientCa: string | undefined, identity: Identity): Promise<TlsMaterial> {
    const { cert, key } = identity;
    return {
      cert: Buffer.from(cert),
      key: Buffer.from(key),
      ...(clientCa !== undefined && { clientCa: Buffer.from(clientCa) }),
    };
  }

  async function start(options: Partial<XdsServerOptions> = {}, withClientCa = true) {
    const ca = await testCa();
    const tls = replaceable(await material(withClientCa ? ca.cert : undefined, await ca.issue('127.0.0.1')));
    fixture = await startServer({ tls, ...options });
    fixture.publish('g', [resource(TYPE.cluster, 'a')]);
    return { ca, tls };
  }

  function clientOf(ca: { cert: string }, identity?: Identity) {
    if (identity === undefined) return credentials.createSsl(Buffer.from(ca.cert));
    return credentials.createSsl(Buffer.from(ca.cert), Buffer.from(identity.key), Buffer.from(identity.cert));
  }

  /** The certificate that a new connection gets. */
  function servedCertificate(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ port: fixture.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  for (const variant of VARIANTS) {
    it(`serves a client whose certificate is good, ${variant}`, async () => {
      const { ca } = await start();
      const client = fixture.client(variant, { tls: clientOf(ca, await ca.issue('envoy')) });
      client.ask(subscription(variant, TYPE.cluster, []));
      expect((await client.next()).resources).to.deep.equal([['a', 'a=1']]);
    });
  }

  it('refuses clients without a certificate, with one of strangers, and without TLS', async () => {
    const { ca } = await start();
    const strangers = await testCa('strangers');
    for (const tls of [clientOf(ca), clientOf(ca, await strangers.issue('envoy')), credentials.createInsecure()]) {
      const client = fixture.client('delta', { tls });
      client.ask({ typeUrl: TYPE.cluster });
      expect((await client.status()).code).to.equal(status.UNAVAILABLE);
    }
    expect(fixture.server.nodes()).to.deep.equal([]);
  });

  it('asks no client for a certificate without authorities for them', async () => {
    const { ca } = await start({}, false);
    const client = fixture.client('delta', { tls: clientOf(ca) });
    client.ask({ typeUrl: TYPE.cluster });
    expect((await client.next()).resources).to.have.length(1);
  });

  it('has another port without TLS when told', async () => {
    await start();
    const { port } = await fixture.server.listen({ host: '127.0.0.1', port: 0 }, { plaintext: true });
    const client = fixture.client('delta', { port });
    client.ask({ typeUrl: TYPE.cluster });
    expect((await client.next()).resources).to.have.length(1);
  });

  it('gives new connections a new certificate while open streams live on', async () => {
    const { ca, tls } = await start({}, false);
    const client = fixture.client('delta', { tls: clientOf(ca) });
    client.ask({ typeUrl: TYPE.cluster });
    client.ack(await client.next());
    const before = await servedCertificate();
    tls.replace(await material(undefined, await ca.issue('127.0.0.1')));
    const after = await servedCertificate();
    expect(after).not.to.equal(before);
    fixture.publish('g', [resource(TYPE.cluster, 'a', '2')]);
    expect((await client.next()).resources).to.deep.equal([['a', 'a=2']]);
    await fixture.close();
    expect(tls.listeners.size).to.equal(0);
  });

  it('takes other authorities of clients over', async () => {
    const { ca, tls } = await start();
    const next = await testCa('next');
    const { cert, key } = tls.current;
    tls.replace({ cert, key, clientCa: Buffer.from(next.cert) });
    const old = fixture.client('delta', { tls: clientOf(ca, await ca.issue('envoy')) });
    old.ask({ typeUrl: TYPE.cluster });
    expect((await old.status()).code).to.equal(status.UNAVAILABLE);
    const client = fixture.client('delta', { tls: clientOf(ca, await next.issue('envoy')) });
    client.ask({ typeUrl: TYPE.cluster });
    expect((await client.next()).resources).to.have.length(1);
  });

  it('refuses a node that the certificate may not be, and holds nothing of it', async () => {
    const refused: string[] = [];
    const { ca } = await start({
      authorize: ({ names }, { id, cluster }) => (names.includes(`spiffe://t/${cluster}`) ? undefined : `not ${id}`),
      onRefusal: ({ node }) => refused.push(node.id),
    });
    const tls = clientOf(ca, await ca.issue('spiffe://t/own', 'Envoy.Test', '10.0.0.1'));
    const good = fixture.client('delta', { tls, node: { id: 'n1', cluster: 'own' } });
    good.ask({ typeUrl: TYPE.cluster });
    expect((await good.next()).resources).to.have.length(1);
    const bad = fixture.client('sotw', { tls, node: { id: 'n2', cluster: 'other' } });
    bad.ask({ typeUrl: TYPE.cluster });
    const { code, details } = await bad.status();
    expect({ code, details }).to.deep.equal({ code: status.PERMISSION_DENIED, details: 'not n2' });
    expect(refused).to.deep.equal(['n2']);
    await until(() => fixture.server.nodes().length === 1, 'only the good node is known');
  });
});
