/** examples/failover as it stands, but for its ports, with the demonstration providers that it asks for. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createDemoProviders } from '../../../src/cli/demo-providers.ts';
import { readSources } from '../../../src/sources/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { freePorts, loadTest } from '../../support/index.ts';
import { CHAT, CLIENT_CREDENTIALS, expectAllServed } from './rig.ts';

const FOLDER = new URL('../../../examples/failover/', import.meta.url).pathname;
const PORTS = ['1976', '18111', '18112', '18113'];

describe('the example of failover', function () {
  this.timeout(60_000);
  const providers = createDemoProviders(silentLogger);
  let gateway: TestGateway;
  let port: number;

  before(async () => {
    const free = await freePorts(PORTS.length);
    port = free[0] as number;
    let yaml = readdirSync(FOLDER)
      .map((file) => readFileSync(`${FOLDER}${file}`, 'utf8'))
      .join('\n---\n');
    PORTS.forEach((given, i) => {
      expect(yaml).to.contain(`port: ${given}\n`);
      yaml = yaml.replace(`port: ${given}\n`, `port: ${free[i]}\n`);
    });
    const read = await readSources(['-'], { env: {}, stdin: async () => yaml });
    if (!read.ok) throw new Error(JSON.stringify(read.findings));
    await providers.reconcile(read.set);
    gateway = await startGateway({ yaml, gateway: 'default/failover' });
  });
  after(async () => {
    await gateway?.stop();
    await providers.close();
  });

  it('answers every request of 64 at once, streams among them, though two of three providers have a bad day', async () => {
    expect(gateway.findings()).to.eql([]);
    const load = await loadTest({
      concurrency: 64,
      total: 640,
      backendOf: ({ headers }) => headers['x-headgate-backend'],
      makeRequest: (index) => ({
        port,
        path: CHAT,
        headers: CLIENT_CREDENTIALS,
        body: { model: 'demo-model', stream: index % 2 === 0, messages: [{ role: 'user', content: 'Hello' }] },
      }),
    });
    expectAllServed(load, 640);
    expect(load.byBackend).to.have.all.keys('default/limited', 'default/steady');
  });
});
