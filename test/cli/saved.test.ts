/** `headgate serve --state-dir` that starts while its source is away: what was saved serves proxies that start with it. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayFacts } from '../envoy/support/objects.ts';
import { type Fake, OPENAI_KEY, startOpenAi } from '../fakes/index.ts';
import { postJson, tempDir, until } from '../support/index.ts';
import { build, type Running, runOnce } from './running.ts';
import { makeSite, type Site, statusOf, synced } from './site.ts';

describe('headgate serve --state-dir', function () {
  this.timeout(60_000);
  let fake: Fake;
  let site: Site;
  let state: string;

  before(async () => {
    build();
    fake = await startOpenAi({ name: 'provider' });
  });
  after(() => fake.close());
  beforeEach(async () => {
    site = await makeSite(facts(['a']));
    state = join(tempDir('state'), 'state');
  });
  afterEach(() => site.stop());

  function facts(models: readonly string[]): Omit<GatewayFacts, 'port'> {
    return {
      backends: { p: { port: fake.port, key: OPENAI_KEY } },
      models: Object.fromEntries(models.map((model) => [model, { refs: ['p'] }])),
    };
  }

  const ask = async (model: string): Promise<number> => {
    const messages = [{ role: 'user', content: 'Hello' }];
    return (await postJson(site.port, '/v1/chat/completions', { model, messages })).status;
  };
  const readyz = async (running: Running) => {
    const answer = await fetch(`${running.admin}/readyz?verbose`);
    return { status: answer.status, text: await answer.text() };
  };

  /** A server that an Envoy has asked, and that is gone without a word since. Shape: the hash of what it served. */
  async function serveOnce(): Promise<string> {
    const server = await site.serve('--state-dir', state);
    const envoy = await site.envoy(server.port('--xds-address'));
    await synced(server);
    const { served } = await statusOf(server);
    // Some time later, and not only when it ends: it may be killed.
    await until(() => existsSync(join(state, 'served.json')), { what: 'what is saved' });
    server.child.kill('SIGKILL');
    await server.ended;
    await envoy.stop();
    return served?.hash ?? '';
  }

  const losses: Readonly<Record<string, () => void>> = {
    'is not there': () => rmSync(site.folder, { recursive: true }),
    'is broken': () => writeFileSync(join(site.folder, 'gateway.yaml'), 'a: [b'),
  };
  for (const [what, lose] of Object.entries(losses)) {
    it(`serves what was saved to a new Envoy where the source ${what}, says so, and goes on from there`, async () => {
      const hash = await serveOnce();
      lose();
      const server = await site.serve('--state-dir', state);
      await site.envoy(server.port('--xds-address'));
      expect(await ask('a')).to.equal(200);
      await synced(server);

      const ready = await readyz(server);
      expect(ready.status).to.equal(200);
      expect(ready.text).to.match(
        new RegExp(`\\[\\+\\] source: revision ${hash} as saved at \\S+, stale since \\S+\n`),
      );
      const { stdout } = runOnce(['status', '--server', server.admin, '-o', 'table']);
      expect(stdout).to.match(new RegExp(`Revision  ${hash}, from disk as of \\S+: the source cannot be used`));
      expect(stdout).to.match(/Findings {2}[1-9] errors|Findings {2}\d errors, [1-9] warnings/);
      expect(stdout).to.match(/ClusterLoadAssignment +(\w+) +\1 +SYNCED/);
      expect(await (await fetch(`${server.admin}/metrics`)).text()).to.match(/^config_stale_seconds [\d.]+$/m);

      mkdirSync(site.folder, { recursive: true });
      site.write(facts(['a', 'b']));
      await until(async () => (await ask('b')) === 200, { what: 'the source to be back' });
      expect((await readyz(server)).text)
        .to.match(/\[\+\] source: revision \w+\n/)
        .and.not.include(hash);
    });
  }

  it('is not ready without anything to serve, and says of what was damaged that it cannot be used', async () => {
    await serveOnce();
    writeFileSync(join(state, 'served.json'), 'x');
    losses['is not there']?.();
    const server = await site.serve('--state-dir', state);
    await server.says('what was saved cannot be used');
    const { status, text } = await readyz(server);
    expect(status).to.equal(503);
    expect(text).to.include('[-] source: no revision is served yet');
    const envoy = await site.envoy(server.port('--xds-address'), { waitFor: 'admin' });
    await until(async () => (await statusOf(server)).nodes.some(({ waiting }) => waiting), {
      what: 'a proxy that waits',
    });
    expect(envoy.hasExited).to.equal(false);
  });
});
