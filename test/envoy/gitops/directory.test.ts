/** A folder as the source of truth, up to the real Envoy: what is one change is one change. */
import { execFileSync } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { type EnvoyProcess, freePort, postJson, startEnvoy, tempDir, until } from '../../support/index.ts';
import { gatewayYaml, providerYaml, type RefFacts, routeYaml } from './policy.ts';
import { type Plane, startDirectoryPlane, swapLink, writeConfigMap, writeFiles } from './source.ts';
import { updates } from './updates.ts';

const MODELS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

describe('a folder as the source', function () {
  this.timeout(60_000);
  let one: Fake;
  let two: Fake;
  let port: number;
  let folder: string;
  let plane: Plane | undefined;
  let envoy: EnvoyProcess | undefined;

  before(async () => {
    one = await startOpenAi({ name: 'one' });
    two = await startOpenAi({ name: 'two' });
  });
  after(() => Promise.all([one.close(), two.close()]));
  beforeEach(async () => {
    port = await freePort();
    folder = tempDir('gitops');
  });
  afterEach(async () => {
    await envoy?.stop();
    await plane?.stop();
    envoy = undefined;
    plane = undefined;
  });

  /** Each model in a file of its own, served by one provider. */
  function files(provider = 'one', models: readonly string[] = MODELS): Record<string, string> {
    const refs: RefFacts[] = [{ provider }];
    return {
      'gateway.yaml': gatewayYaml(port),
      'one.yaml': providerYaml('one', { ports: [one.port] }),
      'two.yaml': providerYaml('two', { ports: [two.port] }),
      ...Object.fromEntries(models.map((model) => [`model-${model}.yaml`, routeYaml(model, refs)])),
    };
  }

  async function start(path = folder): Promise<{ plane: Plane; envoy: EnvoyProcess }> {
    plane = await startDirectoryPlane(path);
    envoy = await startEnvoy({ bootstrap: plane.bootstrap() });
    await plane.synced();
    return { plane, envoy };
  }

  async function servedBy(model: string): Promise<string> {
    const { status, headers } = await postJson(port, '/v1/chat/completions', {
      model,
      messages: [{ role: 'user', content: 'Hello' }],
    });
    return status === 200 ? (headers['x-fake'] ?? 'nobody') : String(status);
  }

  /** Waits for one more revision, then for Envoy, then as long as another one would take to come. */
  async function oneChange(served: Plane, make: () => Promise<unknown>): Promise<void> {
    const before = served.served.length;
    await make();
    await until(() => served.served.length > before, { what: 'a revision' });
    await served.synced();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(served.served.length - before).to.equal(1);
  }

  it('takes an edit, a rename and a new file as one change each', async () => {
    await writeFiles(folder, files());
    const { plane } = await start();
    await oneChange(plane, () => writeFile(join(folder, 'model-a.yaml'), routeYaml('a', [{ provider: 'two' }])));
    expect([await servedBy('a'), await servedBy('b')]).to.deep.equal(['two', 'one']);
    await oneChange(plane, () => writeFiles(folder, { 'new/model-x.yaml': routeYaml('x', [{ provider: 'two' }]) }));
    expect(await servedBy('x')).to.equal('two');
    // What objects say did not change: no revision, and nothing for Envoy to do.
    const hash = plane.served.at(-1);
    await rename(join(folder, 'model-a.yaml'), join(folder, 'renamed.yaml'));
    await oneChange(plane, () => rm(join(folder, 'model-b.yaml')));
    expect(plane.served.at(-1)).to.not.equal(hash);
    expect([await servedBy('a'), await servedBy('b')]).to.deep.equal(['two', '404']);
  });

  it('takes a checkout of many files as one change, and names the commit', async () => {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
        encoding: 'utf8',
      }).trim();
    git('init', '-q', '-b', 'main');
    await writeFiles(folder, files('one'));
    git('add', '.');
    git('commit', '-q', '-m', 'one');
    git('switch', '-q', '-c', 'other');
    await writeFiles(folder, files('two'));
    git('commit', '-q', '-a', '-m', 'two');
    const { plane } = await start();
    expect(plane.controlPlane.status().served?.commit).to.equal(git('rev-parse', 'HEAD'));
    expect(await servedBy('a')).to.equal('two');
    await oneChange(plane, async () => git('checkout', '-q', 'main'));
    expect(await Promise.all(MODELS.map(servedBy))).to.deep.equal(MODELS.map(() => 'one'));
    expect(plane.controlPlane.status().served?.commit).to.equal(git('rev-parse', 'main'));
  });

  it("takes a swap of a ConfigMap's link as one change", async () => {
    await writeConfigMap(folder, files('one'));
    const { plane } = await start();
    await oneChange(plane, () => writeConfigMap(folder, files('two')));
    expect(await Promise.all(MODELS.map(servedBy))).to.deep.equal(MODELS.map(() => 'two'));
  });

  it("takes a swap of git-sync's link as one change", async () => {
    await writeFiles(join(folder, 'rev-1'), files('one'));
    await writeFiles(join(folder, 'rev-2'), files('two'));
    const link = join(folder, 'current');
    await swapLink(link, 'rev-1');
    const { plane } = await start(link);
    await oneChange(plane, () => swapLink(link, 'rev-2'));
    expect(await Promise.all(MODELS.map(servedBy))).to.deep.equal(MODELS.map(() => 'two'));
  });

  it('keeps the last good one while a file is broken, and leads each finding to its line', async () => {
    await writeFiles(folder, files());
    const { plane } = await start();
    const served = plane.served.length;
    await writeFile(join(folder, 'model-a.yaml'), 'spec: [');
    await until(() => plane.codes().includes('HG0102'), { what: 'the finding' });
    expect([plane.served.length, await servedBy('a')]).to.deep.equal([served, 'one']);
    const [finding] = plane.controlPlane.status().findings;
    expect(finding?.place).to.include({ file: join(folder, 'model-a.yaml'), line: 1 });
    await writeFiles(folder, files());
    await until(() => plane.codes().length === 0, { what: 'the finding to go' });
    expect(plane.controlPlane.status().staleSince).to.equal(undefined);
  });

  it('holds what removes more than half, and goes on once it is back', async () => {
    await writeFiles(folder, files());
    const { plane } = await start();
    const gone = join(tempDir('gone'), 'files');
    await mkdir(gone);
    for (const model of MODELS.slice(1)) {
      await rename(join(folder, `model-${model}.yaml`), join(gone, `model-${model}.yaml`));
    }
    await until(() => plane.codes().includes('HG0801'), { what: 'the finding' });
    expect(await Promise.all(MODELS.map(servedBy))).to.deep.equal(MODELS.map(() => 'one'));
    await writeFiles(folder, files('two', MODELS.slice(0, 5)));
    await until(() => plane.codes().length === 0, { what: 'the finding to go' });
    await plane.synced();
    expect(await Promise.all(MODELS.map(servedBy))).to.deep.equal(MODELS.map((_, i) => (i < 5 ? 'two' : '404')));
  });

  it('leads what Envoy rejects back to the object and its line', async () => {
    await writeFiles(folder, files());
    const { plane, envoy } = await start();
    const taken = createServer();
    const other = await freePort();
    await new Promise<void>((resolve) => taken.listen(other, '0.0.0.0', resolve));
    await writeFile(join(folder, 'gateway.yaml'), gatewayYaml(other));
    await until(() => plane.codes().includes('HG0702'), { what: 'the rejection' });
    const finding = plane.controlPlane.status().findings.find(({ code }) => code === 'HG0702');
    expect(finding).to.include({ object: 'Gateway/default/gw', scope: 'node test' });
    expect(finding?.place?.file).to.equal(join(folder, 'gateway.yaml'));
    expect(finding?.message).to.match(
      /^proxy test rejected Gateway\/default\/gw\/port\/\d+ and keeps what it had: .*in use/,
    );
    expect(envoy.hasExited).to.equal(false);
    await writeFile(join(folder, 'gateway.yaml'), gatewayYaml(port));
    await until(() => plane.codes().length === 0, { what: 'the rejection to be settled' });
    await new Promise((resolve) => taken.close(resolve));
    expect(await servedBy('a')).to.equal('one');
  });

  it('changes endpoints by EDS alone', async () => {
    await writeFiles(folder, files());
    const { plane, envoy } = await start();
    const before = await updates(envoy);
    await oneChange(plane, () => writeFile(join(folder, 'one.yaml'), providerYaml('one', { ports: [two.port] })));
    expect(await servedBy('a')).to.equal('two');
    expect(await updates(envoy)).to.deep.equal({ ...before, endpoints: before.endpoints + 1 });
  });
});
