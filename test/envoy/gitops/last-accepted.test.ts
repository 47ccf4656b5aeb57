/** What Envoy rejects: running proxies keep traffic, new ones start with what was accepted last, the rest moves on. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { createStateStore, type StateStore } from '../../../src/cli/state-store.ts';
import { formatFinding } from '../../../src/lib/findings.ts';
import { createStaticSource, readSources, type StaticSource } from '../../../src/sources/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { type Fake, startOpenAi, testCa } from '../../fakes/index.ts';
import { type EnvoyProcess, freePort, postJson, startEnvoy, tempDir, until } from '../../support/index.ts';
import { providerYaml, routeYaml } from './policy.ts';
import { type Plane, startPlane } from './source.ts';

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Valid to every check but that of Envoy, which takes no RSA key of less than 2048 bits. */
function weakPair(): Pair {
  const dir = tempDir('weak');
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=weak'],
    { stdio: 'ignore' },
  );
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

function secretYaml({ cert, key }: Pair): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return `
apiVersion: v1
kind: Secret
metadata: { name: site, namespace: default }
type: kubernetes.io/tls
data: { tls.crt: ${base64(cert)}, tls.key: ${base64(key)} }
`;
}

describe('what Envoy rejects', function () {
  this.timeout(120_000);
  let fake: Fake;
  let ports: { http: number; https: number };
  let plane: Plane;
  let source: StaticSource;
  const envoys: EnvoyProcess[] = [];

  before(async () => {
    fake = await startOpenAi({ name: 'provider' });
  });
  after(() => fake.close());
  beforeEach(async () => {
    ports = { http: await freePort(), https: await freePort() };
  });
  afterEach(async () => {
    await Promise.all(envoys.splice(0).map((envoy) => envoy.stop()));
    await plane.stop();
  });

  function policy(pair: Pair, models: readonly string[]): string {
    return [
      `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw, namespace: default }
spec:
  gatewayClassName: headgate
  listeners:
    - { name: http, protocol: HTTP, port: ${ports.http} }
    - { name: https, protocol: HTTPS, port: ${ports.https}, tls: { certificateRefs: [{ name: site }] } }
`,
      secretYaml(pair),
      providerYaml('p', { ports: [fake.port] }),
      ...models.map((model) => routeYaml(model, [{ provider: 'p' }])),
    ].join('---\n');
  }

  async function apply(yaml: string): Promise<void> {
    const result = await readSources(['-'], { env: {}, stdin: async () => yaml });
    if (!result.ok) throw new Error(result.findings.map(formatFinding).join('\n'));
    source.replace(result);
  }

  async function start(yaml: string, xdsPort = 0, state?: StateStore): Promise<void> {
    const result = await readSources(['-'], { env: {}, stdin: async () => yaml });
    if (!result.ok) throw new Error(result.findings.map(formatFinding).join('\n'));
    source = createStaticSource(result.set);
    plane = await startPlane(source, xdsPort, state);
  }

  async function connect(nodeId: string, delta: boolean): Promise<EnvoyProcess> {
    const envoy = await startEnvoy({ bootstrap: plane.bootstrap({ nodeId, delta }) });
    envoys.push(envoy);
    return envoy;
  }

  async function statusOf(model: string): Promise<number> {
    const messages = [{ role: 'user', content: 'Hello' }];
    return (await postJson(ports.http, '/v1/chat/completions', { model, messages })).status;
  }

  /** The certificate that a client of the HTTPS listener is shown. */
  function shown(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ port: ports.https, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  for (const delta of [true, false]) {
    it(`does not reach new proxies, and stops nothing else (${delta ? 'delta' : 'SotW'})`, async () => {
      const ca = await testCa();
      const [first, second] = [await ca.issue('first.test'), await ca.issue('second.test')];
      await start(policy(first, ['one']));
      const running = await connect('running', delta);
      await plane.synced();
      expect(await shown()).to.equal('first.test');

      await apply(policy(weakPair(), ['one', 'two']));
      await until(() => plane.controlPlane.status().withheld.length > 0, { what: 'the rejection' });
      await plane.synced();
      const [withheld] = plane.controlPlane.status().withheld;
      expect(withheld).to.include({ nodeId: 'running', instead: 'accepted' });
      const finding = plane.controlPlane.status().findings.find(({ code }) => code === 'HG0702');
      expect(finding).to.include({ object: 'Secret/default/site', scope: 'gateway default/gw' });
      expect(finding?.place?.line).to.be.greaterThan(1);
      expect(finding?.message).to.match(/all proxies of its kind get the form that was accepted last: .*2048/);
      expect([await shown(), await statusOf('one'), await statusOf('two')]).to.deep.equal(['first.test', 200, 200]);

      await running.stop();
      const fresh = await connect('fresh', delta);
      await until(() => plane.controlPlane.status().nodes.every(({ node, synced }) => node.id === 'fresh' && synced), {
        what: 'the new proxy to be in step',
      });
      expect([await shown(), await statusOf('one'), await statusOf('two')]).to.deep.equal(['first.test', 200, 200]);
      expect(await fresh.rejectedUpdates()).to.deep.equal({});
      expect(plane.codes()).to.include('HG0702');

      await apply(policy(second, ['one', 'two']));
      await until(async () => (await shown()) === 'second.test', { what: 'the good certificate' });
      await until(() => plane.codes().length === 0, { what: 'the finding to go' });
      expect(plane.controlPlane.status().withheld).to.deep.equal([]);
    });
  }

  it('is known after a restart too, from what was saved', async () => {
    const ca = await testCa();
    const state = () => createStateStore(join(tempRoot, 'state'), silentLogger);
    const tempRoot = tempDir('accepted');
    await start(policy(await ca.issue('first.test'), ['one']), 0, await state());
    await connect('running', true);
    await plane.synced();
    const bad = policy(weakPair(), ['one', 'two']);
    await apply(bad);
    await until(() => plane.controlPlane.status().withheld.length > 0, { what: 'the rejection' });
    await plane.synced();
    await plane.stop();

    await start(bad, plane.xds.port, await state());
    await until(() => plane.controlPlane.status().withheld.length > 0, { what: 'the rejection, once more' });
    await plane.synced();
    expect(plane.controlPlane.status().withheld[0]).to.include({ instead: 'accepted' });
    await envoys.splice(0)[0]?.stop();
    const fresh = await connect('fresh', true);
    await until(() => plane.controlPlane.status().nodes.every(({ node, synced }) => node.id === 'fresh' && synced), {
      what: 'the new proxy to be in step',
    });
    expect([await shown(), await statusOf('one'), await statusOf('two')]).to.deep.equal(['first.test', 200, 200]);
    expect(await fresh.rejectedUpdates()).to.deep.equal({});
  });
});
