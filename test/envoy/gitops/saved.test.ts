/** A control plane that starts while its source is away goes on with what it served before. */
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { createStateStore } from '../../../src/cli/state-store.ts';
import { createDirectorySource } from '../../../src/sources/index.ts';
import { createLogger, silentLogger } from '../../../src/telemetry/index.ts';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { type EnvoyProcess, freePort, postJson, startEnvoy, tempDir, until } from '../../support/index.ts';
import { gatewayYaml, providerYaml, routeYaml } from './policy.ts';
import { type Plane, startPlane, writeFiles } from './source.ts';
import { updates } from './updates.ts';

const MODELS = ['a', 'b', 'c', 'd'];

describe('a start without the source', function () {
  this.timeout(60_000);
  let fake: Fake;
  let port: number;
  let folder: string;
  let directory: string;
  const planes: Plane[] = [];
  const envoys: EnvoyProcess[] = [];

  before(async () => {
    fake = await startOpenAi({ name: 'provider' });
  });
  after(() => fake.close());
  beforeEach(async () => {
    port = await freePort();
    folder = join(tempDir('saved'), 'source');
    directory = join(tempDir('saved'), 'state');
  });
  afterEach(async () => {
    await Promise.all(envoys.splice(0).map((envoy) => envoy.stop()));
    await Promise.all(planes.splice(0).map((plane) => plane.stop()));
  });

  function files(models = MODELS): Record<string, string> {
    return {
      'gateway.yaml': gatewayYaml(port),
      'provider.yaml': providerYaml('p', { ports: [fake.port] }),
      ...Object.fromEntries(models.map((model) => [`${model}.yaml`, routeYaml(model, [{ provider: 'p' }])])),
    };
  }

  async function start(xdsPort = 0, logger = silentLogger): Promise<Plane> {
    const state = await createStateStore(directory, logger);
    const plane = await startPlane(createDirectorySource([folder], { env: {} }), xdsPort, state);
    planes.push(plane);
    return plane;
  }

  async function connect(plane: Plane, nodeId: string, delta = true): Promise<EnvoyProcess> {
    const envoy = await startEnvoy({ bootstrap: plane.bootstrap({ nodeId, delta }) });
    envoys.push(envoy);
    return envoy;
  }

  async function stop(plane: Plane): Promise<void> {
    planes.splice(planes.indexOf(plane), 1);
    await plane.stop();
  }

  const statusOf = async (model: string): Promise<number> => {
    const messages = [{ role: 'user', content: 'Hello' }];
    return (await postJson(port, '/v1/chat/completions', { model, messages })).status;
  };

  for (const delta of [true, false]) {
    it(`serves what was served, to old and new proxies, until the source is back (${delta ? 'delta' : 'SotW'})`, async () => {
      await writeFiles(folder, files());
      const first = await start();
      const running = await connect(first, 'running', delta);
      await first.synced();
      const before = { updates: await updates(running), versions: versions(first), hash: first.served.at(-1) };
      await stop(first);
      expect((await stat(directory)).mode & 0o777).to.equal(0o700);
      expect((await stat(join(directory, 'served.json'))).mode & 0o777).to.equal(0o600);

      await rm(folder, { recursive: true });
      const second = await start(first.xds.port);
      await second.synced();
      const { served, saved, staleSince, gateways } = second.controlPlane.status();
      expect(served).to.equal(undefined);
      expect(saved).to.include({ hash: before.hash });
      expect(staleSince).to.be.a('string');
      expect(gateways).to.deep.equal(['default/gw']);
      expect(second.codes()).to.include('HG0802');
      expect(versions(second)).to.deep.equal(before.versions);
      const { clusters, routes } = before.updates;
      // In SotW the types that are not complete sets are answered again, and Envoy finds nothing new in them.
      expect(await updates(running)).to.include(delta ? before.updates : { clusters, routes });
      expect(await statusOf('a')).to.equal(200);
      await running.stop();
      await connect(second, 'fresh', delta);
      await until(() => second.controlPlane.status().nodes.some(({ node, synced }) => node.id === 'fresh' && synced), {
        what: 'a new proxy in step',
      });
      expect(await statusOf('a')).to.equal(200);
      const dumped = second.controlPlane.nodeConfig('fresh')?.resources ?? [];
      expect(dumped.map(({ name, active }) => active && name)).to.include.members([`Gateway/default/gw/port/${port}`]);
      const compiled = second.controlPlane.view('default/gw')?.resources ?? [];
      expect(JSON.stringify(compiled.find(({ type }) => type === 'cluster')?.message)).to.contain('"connect_timeout"');

      await writeFiles(folder, files([...MODELS, 'e']));
      await until(() => second.controlPlane.served !== undefined, { what: 'the source' });
      await until(async () => (await statusOf('e')) === 200, { what: 'what is new' });
      expect(second.controlPlane.status().saved).to.equal(undefined);
      expect(second.codes()).to.deep.equal([]);
    });
  }

  it('prefers what was saved to a part of a broken source, and to an empty one', async () => {
    await writeFiles(folder, files());
    const first = await start();
    await connect(first, 'running');
    await first.synced();
    const hash = first.served.at(-1);
    await stop(first);

    await writeFile(join(folder, 'b.yaml'), 'spec: [');
    const second = await start(first.xds.port);
    await second.synced();
    expect(second.controlPlane.status()).to.include({ inPart: false });
    expect(second.controlPlane.status().saved).to.include({ hash });
    expect(second.codes()).to.include('HG0102');
    expect(await statusOf('b')).to.equal(200);
    await stop(second);

    for (const name of Object.keys(files())) await rm(join(folder, name));
    await writeFile(join(folder, 'empty.yaml'), '');
    const third = await start(first.xds.port);
    await third.synced();
    expect(third.codes()).to.deep.equal(['HG0801']);
    expect(await statusOf('b')).to.equal(200);
    // Nothing that came from the disk is written to it again.
    await stop(third);
    const fourth = await start(first.xds.port);
    expect(fourth.controlPlane.status().saved).to.include({ hash });
  });

  it('does without what was damaged, and says so', async () => {
    await writeFiles(folder, files());
    const first = await start();
    await connect(first, 'running');
    await first.synced();
    await stop(first);
    const path = join(directory, 'served.json');
    const size = (await stat(path)).size;
    await writeFile(path, Buffer.alloc(Math.floor(size / 2), 'x'));
    await rm(folder, { recursive: true });
    const lines: string[] = [];
    const second = await start(0, createLogger({ level: 'warn', format: 'text', write: (line) => lines.push(line) }));
    expect(second.controlPlane.status().saved).to.equal(undefined);
    expect(lines.join('\n')).to.contain('what was saved cannot be used');
  });
});

function versions(plane: Plane): Record<string, string | undefined> {
  const types = plane.controlPlane.status().nodes.flatMap((node) => node.types);
  return Object.fromEntries(types.map(({ typeUrl, wanted }) => [typeUrl, wanted]));
}
