/** Proxies and the control plane apart: restarts without a push, unknown gateways, Envoys of two versions at once. */
import { expect } from 'chai';
import { createStaticSource, readSources, type Source } from '../../../src/sources/index.ts';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { type EnvoyProcess, freePort, postJson, request, startEnvoy, until } from '../../support/index.ts';
import { gatewayYaml, policyYaml } from './policy.ts';
import { type Plane, startPlane } from './source.ts';
import { updates } from './updates.ts';

const OLD_ENVOY = '1.38.3';
const chat = (model: string) => ({ model, messages: [{ role: 'user', content: 'Hello' }] });

async function sourceOf(yaml: string) {
  const result = await readSources(['-'], { env: {}, stdin: async () => yaml });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return createStaticSource(result.set);
}

describe('a fleet', function () {
  this.timeout(120_000);
  let fake: Fake;
  let port: number;
  const planes: Plane[] = [];
  const envoys: EnvoyProcess[] = [];

  before(async () => {
    fake = await startOpenAi({ name: 'provider' });
  });
  after(() => fake.close());
  beforeEach(async () => {
    port = await freePort();
  });
  afterEach(async () => {
    await Promise.all(envoys.splice(0).map((envoy) => envoy.stop()));
    await Promise.all(planes.splice(0).map((plane) => plane.stop()));
  });

  async function serve(source: Source, xdsPort = 0): Promise<Plane> {
    const plane = await startPlane(source, xdsPort);
    planes.push(plane);
    return plane;
  }

  async function connect(options: Parameters<typeof startEnvoy>[0]): Promise<EnvoyProcess> {
    const envoy = await startEnvoy(options);
    envoys.push(envoy);
    return envoy;
  }

  function policy(): string {
    return policyYaml({
      port,
      providers: new Map([
        ['p', { ports: [fake.port] }],
        ['q', { ports: [fake.port], fqdn: true }],
      ]),
      models: new Map([
        ['one', [{ provider: 'p' }]],
        ['two', [{ provider: 'p' }, { provider: 'q', priority: 1 }]],
      ]),
      paths: new Map([['/v1/models/plain', 'p']]),
    });
  }

  for (const delta of [true, false]) {
    const variant = delta ? 'delta' : 'SotW';

    it(`keeps serving while the server is down, and gets nothing anew from the next one (${variant})`, async () => {
      const first = await serve(await sourceOf(policy()));
      const envoy = await connect({ bootstrap: first.bootstrap({ delta }) });
      await first.synced();
      const wanted = versions(first);
      const before = await updates(envoy);
      expect(before.clusters).to.be.greaterThan(0);
      planes.splice(0);
      await first.stop();
      expect((await postJson(port, '/v1/chat/completions', chat('two'))).status).to.equal(200);

      const second = await serve(await sourceOf(policy()), first.xds.port);
      await second.synced();
      expect(versions(second)).to.deep.equal(wanted);
      const after = await updates(envoy);
      // In SotW the types that are not complete sets are answered again, and Envoy finds nothing new in them.
      const { clusters, listeners, routes } = before;
      expect(after).to.include(delta ? before : { clusters, routes });
      expect(await envoy.stat('listener_manager.listener_modified')).to.equal(0);
      expect(listeners).to.be.greaterThan(0);
      expect((await postJson(port, '/v1/chat/completions', chat('two'))).status).to.equal(200);
    });

    it(`gives Envoys of two versions what each can serve (${variant})`, async () => {
      const plane = await serve(await sourceOf(policy()));
      const newest = await connect({ bootstrap: plane.bootstrap({ delta, nodeId: 'newest' }) });
      await plane.synced();
      expect(plane.codes()).to.deep.equal([]);
      expect((await postJson(port, '/v1/chat/completions', chat('one'))).status).to.equal(200);
      await newest.stop();
      const old = await connect({ bootstrap: plane.bootstrap({ delta, nodeId: 'old' }), version: OLD_ENVOY });
      const again = await startEnvoyBeside(plane, delta);
      await plane.synced(2);

      expect(plane.codes()).to.deep.equal([]);
      await again.stop();
      expect((await postJson(port, '/v1/chat/completions', chat('one'))).status).to.equal(200);
      expect((await postJson(port, '/v1/chat/completions', chat('two'))).status).to.equal(200);
      expect(await old.stat('http.attempts.downstream_rq_2xx')).to.equal(1);
      const plain = await request({ port, path: '/v1/models/plain' });
      expect(plain.headers['x-fake']).to.equal('provider');
      for (const envoy of [old]) {
        expect(Object.values(await envoy.stats('update_rejected$')).every((count) => count === 0)).to.equal(true);
        expect(envoy.warnings).to.deep.equal([]);
      }
      expect(plane.codes()).to.deep.equal([]);
    });
  }

  /** A second Envoy of the newest version on the same ports, as long as it takes to see what both get. */
  async function startEnvoyBeside(plane: Plane, delta: boolean): Promise<EnvoyProcess> {
    const envoy = await connect({ bootstrap: plane.bootstrap({ delta, nodeId: 'beside' }) });
    expect(Object.values(await envoy.stats('update_rejected$')).every((count) => count === 0)).to.equal(true);
    return envoy;
  }

  it('holds a proxy of an unknown gateway, and serves it when the gateway appears', async () => {
    const source = await sourceOf(gatewayYaml(await freePort(), 'other'));
    const plane = await serve(source);
    const envoy = await connect({ bootstrap: plane.bootstrap({ nodeId: 'early' }), waitFor: 'admin' });
    const node = () => plane.controlPlane.status().nodes[0];
    await until(() => node()?.waiting, { what: 'the proxy to wait' });
    expect(node()?.node).to.include({ id: 'early', cluster: 'default/gw' });
    const next = await readSources(['-'], { env: {}, stdin: async () => policy() });
    source.replace(next);
    await plane.synced();
    await until(async () => (await envoy.admin('/ready')).text.trim() === 'LIVE', { what: 'Envoy to be live' });
    expect((await postJson(port, '/v1/chat/completions', chat('one'))).status).to.equal(200);
    // A gateway that goes leaves its proxies what they have.
    source.replace(await readSources(['-'], { env: {}, stdin: async () => gatewayYaml(port, 'other') }));
    await until(() => node()?.waiting || plane.codes().includes('HG0801'), { what: 'the gateway to go' });
    expect((await postJson(port, '/v1/chat/completions', chat('one'))).status).to.equal(200);
  });
});

/** Wanted versions by type, which must not depend on the process. */
function versions(plane: Plane): Record<string, string | undefined> {
  const types = plane.controlPlane.status().nodes.flatMap((node) => node.types);
  return Object.fromEntries(types.map(({ typeUrl, wanted }) => [typeUrl, wanted]));
}
