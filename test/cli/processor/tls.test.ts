/** A processor elsewhere, by TLS with certificates on both sides, which change while it is in use. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Identity, type TestCa, testCa } from '../../fakes/index.ts';
import { freePort, tempDir, until } from '../../support/index.ts';
import { build } from '../running.ts';
import { synced } from '../site.ts';
import { type FleetRig, startFleetRig } from './rig.ts';

type Side = 'processor' | 'edge';

describe('headgate serve --processor, by TLS', function () {
  this.timeout(120_000);
  let rig: FleetRig;
  let folder: string;

  before(async () => {
    build();
    rig = await startFleetRig();
  });
  beforeEach(() => {
    folder = tempDir('processor-tls');
    for (const side of ['processor', 'edge']) mkdirSync(join(folder, side));
  });
  afterEach(() => rig.reset());
  after(() => rig.close());

  function put(name: string, text: string): void {
    writeFileSync(join(folder, `${name}.tmp`), text);
    renameSync(join(folder, `${name}.tmp`), join(folder, name));
  }
  function putAll(side: Side, { cert, key }: Identity, ca: TestCa): void {
    put(`${side}/tls.crt`, cert);
    put(`${side}/tls.key`, key);
    put(`${side}/ca.pem`, ca.cert);
  }
  const file = (side: Side, name: string): string => join(folder, side, name);
  const processorFlags = (port: number): string[] => [
    ...['--address', `127.0.0.1:${port}`, '--tls-cert', file('processor', 'tls.crt')],
    ...['--tls-key', file('processor', 'tls.key'), '--tls-client-ca', file('processor', 'ca.pem')],
  ];
  const serveFlags = (port: number): string[] => [
    ...['--processor', `127.0.0.1:${port}`, '--processor-ca', file('edge', 'ca.pem')],
    ...['--processor-cert', file('edge', 'tls.crt'), '--processor-key', file('edge', 'tls.key')],
  ];
  const serving = (model: 'both' | 'alone', backend: string): Promise<boolean> =>
    until(async () => (await rig.ask(model)).headers['x-fake'] === backend, {
      what: `${backend} to serve ${model}`,
      timeoutMs: 20_000,
    });

  it('translates, and goes on with other certificates of other authorities, of server and proxies alike', async () => {
    const [old, next] = [await testCa(), await testCa('next')];
    putAll('processor', await old.issue('127.0.0.1'), old);
    putAll('edge', await old.issue('edge'), old);
    const port = await freePort();
    let processor = await rig.processor(...processorFlags(port));
    const server = await rig.serve(...serveFlags(port));
    const envoy = await rig.envoy(server);
    expect((await rig.ask('alone')).headers['x-fake']).to.equal('anthropic');

    // A processor that nobody here trusts, until the files here are those of its authority.
    await processor.stop();
    putAll('processor', await next.issue('127.0.0.1'), next);
    processor = await rig.processor(...processorFlags(port));
    await serving('both', 'openai');
    expect((await rig.ask('alone')).status).to.equal(503);
    putAll('edge', await next.issue('edge'), next);
    await serving('alone', 'anthropic');
    await serving('both', 'anthropic');
    await synced(server);
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
    expect(server.stderr()).to.not.match(/DeprecationWarning/);
  });
});
