/** Envoys over mTLS, as `serve` has it: accepted, refused, and through a change of certificates. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import type { SecurityFlags } from '../../../src/cli/security-options.ts';
import { type RunningServer, startServer } from '../../../src/cli/server.ts';
import { openSecurity } from '../../../src/cli/server-security.ts';
import { emitBootstrap } from '../../../src/envoy/bootstrap.ts';
import { DEFAULT_POLICY_OPTIONS } from '../../../src/policy/index.ts';
import { createStaticSource, readSources } from '../../../src/sources/index.ts';
import { createLogger } from '../../../src/telemetry/index.ts';
import { type Identity, type TestCa, testCa } from '../../fakes/index.ts';
import { type EnvoyProcess, freePort, startEnvoy, tempDir, until } from '../../support/index.ts';
import { CHAT } from '../../unit/cli/cli.ts';

describe('Envoy over mTLS', () => {
  const dir = tempDir('mtls');
  const certPath = join(dir, 'tls.crt');
  const keyPath = join(dir, 'tls.key');
  const envoys: EnvoyProcess[] = [];
  const lines: string[] = [];
  let ca: TestCa;
  let server: RunningServer;

  before(async () => {
    ca = await testCa();
    put(await ca.issue('127.0.0.1'));
    writeFileSync(
      join(dir, 'rules.yaml'),
      "- {san: 'spiffe://test/edge', gateways: [default/ai], nodeIds: ['edge-*']}\n",
    );
    server = await start({
      tlsCert: certPath,
      tlsKey: keyPath,
      tlsClientCa: ca.certPath,
      authorize: join(dir, 'rules.yaml'),
    });
  });
  afterEach(async () => {
    for (const envoy of envoys.splice(0)) await envoy.stop();
  });
  after(() => server.close(0));

  function put({ cert, key }: Identity): void {
    writeFileSync(certPath, cert);
    writeFileSync(keyPath, key);
  }

  async function start(flags: SecurityFlags): Promise<RunningServer> {
    const result = await readSources(['-'], {
      env: {},
      stdin: async () => CHAT.replace('port: 8080', `port: ${await freePort()}`),
    });
    if (!result.ok) throw new Error('the test configuration is refused');
    const logger = createLogger({ level: 'info', format: 'json', write: (line) => lines.push(line) });
    return startServer({
      source: createStaticSource(result.set),
      logger,
      xdsAddress: { host: '127.0.0.1', port: 0 },
      adminAddress: { host: '127.0.0.1', port: 0 },
      policy: DEFAULT_POLICY_OPTIONS,
      sentinelPort: await freePort(),
      allowMassRemoval: false,
      strict: false,
      security: await openSecurity(flags, logger),
      withLocalProxies: true,
    });
  }

  async function envoy(nodeId: string, identity: Identity, options: { gateway?: string; ca?: TestCa } = {}) {
    const bootstrap = emitBootstrap({
      gateway: options.gateway ?? 'default/ai',
      nodeId,
      xds: server.xds,
      delta: true,
      tls: { ca: (options.ca ?? ca).certPath, cert: identity.certPath, key: identity.keyPath },
    });
    const started = await startEnvoy({ bootstrap: { ...bootstrap }, waitFor: 'admin' });
    envoys.push(started);
    return started;
  }

  const nodes = () => server.controlPlane.status().nodes;
  const failures = (started: EnvoyProcess) => started.stat('cluster.headgate_xds.upstream_cx_connect_fail');
  /** Fingerprint of the certificate that new connections get. */
  const certificate = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port: server.xds.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on('error', reject);
    });

  it('serves one whose certificate may be that node, before and after the certificates change', async () => {
    const first = await envoy('edge-1', await ca.issue('spiffe://test/edge'));
    await until(() => nodes().some(({ node, synced }) => node.id === 'edge-1' && synced), {
      what: 'edge-1 to be served',
    });
    const before = await certificate();
    put(await ca.issue('127.0.0.1'));
    await until(async () => (await certificate()) !== before, { what: 'the new certificate' });
    await envoy('edge-2', await ca.issue('spiffe://test/edge'));
    await until(() => nodes().filter(({ synced }) => synced).length === 2, { what: 'edge-2 to be served' });
    expect(await first.stat('control_plane.connected_state')).to.equal(1);
    expect(await first.stat('cluster.headgate_xds.upstream_cx_total')).to.equal(1);
  });

  it('ends the streams of one whose rule is taken away', async () => {
    const rules = join(dir, 'rules.yaml');
    const before = readFileSync(rules, 'utf8');
    await envoy('edge-1', await ca.issue('spiffe://test/edge'));
    await until(() => nodes().length === 1, { what: 'edge-1 to be served' });
    writeFileSync(rules, "- {san: 'spiffe://test/edge', gateways: [default/ai], nodeIds: ['edge-2']}\n");
    await until(() => nodes().length === 0, { what: 'its streams to end' });
    writeFileSync(rules, before);
    await until(() => nodes().length === 1, { what: 'edge-1 to be served again' });
  });

  it('refuses another gateway, another node and a name without a rule, and says so', async () => {
    await envoy('edge-1', await ca.issue('spiffe://test/edge'), { gateway: 'default/other' });
    await envoy('core-1', await ca.issue('spiffe://test/edge'));
    await envoy('edge-9', await ca.issue('spiffe://test/nobody'));
    const reasons = ['may not ask for gateway default/other', 'may not be node core-1', 'no rule names this client'];
    for (const reason of reasons) {
      await until(() => lines.some((line) => line.includes(reason)), { what: `a line that says "${reason}"` });
    }
    expect(nodes()).to.deep.equal([]);
    const { address, port } = { address: server.admin.host, port: server.admin.port };
    const metrics = await (await fetch(`http://${address}:${port}/metrics`)).text();
    expect(Number(/^xds_node_refused_total (\d+)$/m.exec(metrics)?.[1])).to.be.at.least(3);
  });

  it('refuses a certificate of strangers, and is refused by who does not know its own', async () => {
    const strangers = await testCa('strangers');
    const stranger = await envoy('edge-1', await strangers.issue('spiffe://test/edge'));
    const doubter = await envoy('edge-2', await ca.issue('spiffe://test/edge'), { ca: strangers });
    await until(async () => (await doubter.stat('cluster.headgate_xds.ssl.fail_verify_error')) > 0, {
      what: 'a doubt',
    });
    // With TLS 1.3 the client is connected before it hears of the refusal.
    await until(
      async () =>
        (await failures(stranger)) + (await stranger.stat('cluster.headgate_xds.upstream_cx_destroy_remote')) > 0,
      { what: 'the end of the connection' },
    );
    expect(nodes()).to.deep.equal([]);
  });

  it('serves those of its own host without', async () => {
    const bootstrap = emitBootstrap({ gateway: 'default/ai', nodeId: 'own', xds: server.localXds, delta: true });
    expect(server.localXds.port).not.to.equal(server.xds.port);
    envoys.push(await startEnvoy({ bootstrap: { ...bootstrap }, waitFor: 'admin' }));
    await until(() => nodes().some(({ node, synced }) => node.id === 'own' && synced), { what: 'it to be served' });
  });
});
