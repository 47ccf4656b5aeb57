import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders, request, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { GatewayError } from '../../../src/lib/errors.ts';
import { findEnvoy } from '../../../src/local/envoy-binary.ts';
import {
  createEnvoyProcess,
  type EnvoyEvent,
  type EnvoyProcess,
  type EnvoyProcessOptions,
} from '../../../src/local/envoy-process.ts';
import { assertPortFree } from '../../../src/local/ports.ts';

const HTTP_MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

function address(port: number): unknown {
  return { socketAddress: { address: '127.0.0.1', portValue: port } };
}

function typed(name: string, fields: object = {}): object {
  return { '@type': `type.googleapis.com/${name}`, ...fields };
}

/** A bootstrap with one listener that passes requests on to `upstreamPort` and logs them on standard output. */
function bootstrapFor(ports: { admin?: number; listener: number; upstream: number }): Record<string, unknown> {
  const router = { name: 'router', typedConfig: typed('envoy.extensions.filters.http.router.v3.Router') };
  const log = { logFormat: { textFormatSource: { inlineString: 'served %PROTOCOL% %RESPONSE_CODE%\n' } } };
  const manager = typed(HTTP_MANAGER, {
    statPrefix: 'test',
    accessLog: [{ name: 'log', typedConfig: typed('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', log) }],
    routeConfig: {
      virtualHosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'up', timeout: '0s' } }] },
      ],
    },
    httpFilters: [router],
  });
  const endpoint = { endpoint: { address: address(ports.upstream) } };
  return {
    admin: { address: address(ports.admin ?? 0) },
    staticResources: {
      listeners: [
        {
          name: 'front',
          address: address(ports.listener),
          filterChains: [{ filters: [{ name: 'http', typedConfig: manager }] }],
        },
      ],
      clusters: [
        {
          name: 'up',
          connectTimeout: '2s',
          loadAssignment: { clusterName: 'up', endpoints: [{ lbEndpoints: [endpoint] }] },
        },
      ],
    },
  };
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function get(port: number, headers: OutgoingHttpHeaders = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, agent: false, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`it never happened that ${what}`);
    await sleep(20);
  }
}

async function failure(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (caught) {
    if (caught instanceof GatewayError) return caught;
    throw caught;
  }
  throw new Error('it did not fail');
}

describe('local: a supervised Envoy', () => {
  let binary: string;
  let baseDir: string;
  let upstream: Server;
  let ports: { listener: number; upstream: number };
  let release: (() => void)[];
  let held: number;
  const running: EnvoyProcess[] = [];

  function create(options: Partial<EnvoyProcessOptions> = {}): EnvoyProcess {
    const made = createEnvoyProcess({ binary, bootstrap: bootstrapFor(ports), baseDir, concurrency: 1, ...options });
    running.push(made);
    return made;
  }

  before(async function () {
    this.timeout(600_000);
    binary = (await findEnvoy()).path;
  });

  beforeEach(async () => {
    baseDir = await mkdtemp(join(tmpdir(), 'headgate-test-'));
    held = 0;
    release = [];
    upstream = createServer((incoming, response) => {
      if (incoming.headers['x-hold'] === undefined) return void response.end('hello');
      held += 1;
      response.write('first ');
      release.push(() => response.end('last'));
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    ports = { listener: await freePort(), upstream: (upstream.address() as AddressInfo).port };
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((envoy) => envoy.stop()));
    upstream.closeAllConnections();
    upstream.close();
    await rm(baseDir, { recursive: true, force: true });
  });

  it('starts, serves, logs, and leaves nothing behind when it is stopped', async () => {
    const events: EnvoyEvent[] = [];
    const levels = new Set<string>();
    const output: string[] = [];
    const envoy = create({
      onEvent: (event) => events.push(event),
      onLog: (entry) => levels.add(`${entry.level}/${entry.component}`),
      onOutputLine: (line) => output.push(line),
    });
    await envoy.start();
    expect(events.map((event) => event.kind)).to.deep.equal(['started', 'live']);
    const pid = envoy.pid ?? 0;
    expect(isRunning(pid)).to.equal(true);
    const folder = (await readdir(baseDir))[0] ?? '';
    expect((await stat(join(baseDir, folder))).mode & 0o777).to.equal(0o700);
    expect((await stat(join(baseDir, folder, 'bootstrap.json'))).mode & 0o777).to.equal(0o600);
    expect(await get(ports.listener)).to.include({ status: 200, body: 'hello' });
    await envoy.stop();
    await envoy.finished;
    expect(isRunning(pid)).to.equal(false);
    expect(envoy.pid).to.equal(undefined);
    expect(await readdir(baseDir)).to.deep.equal([]);
    expect(levels).to.include('info/main');
    expect(output).to.deep.equal(['served HTTP/1.1 200']);
    await assertPortFree('127.0.0.1', ports.listener, 'listener');
  });

  it('lets a request in flight end before Envoy ends', async () => {
    const envoy = create();
    await envoy.start();
    const answer = new Promise<string>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: ports.listener, agent: false, headers: { 'x-hold': '1' } };
      request(options, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += String(chunk);
        });
        response.on('error', reject).on('end', () => resolve(body));
      })
        .on('error', reject)
        .end();
    });
    await until('the request is at the upstream', () => held === 1);
    let stopped = false;
    const stopping = envoy.stop().then(() => {
      stopped = true;
    });
    await sleep(300);
    expect(stopped).to.equal(false);
    // Meanwhile whoever still comes is served, and told to come on another connection next time.
    expect((await get(ports.listener, { connection: 'keep-alive' })).headers.connection).to.equal('close');
    for (const end of release) end();
    expect(await answer).to.equal('first last');
    await stopping;
  });

  it('cuts a request off when the drain takes too long', async () => {
    const warnings: string[] = [];
    const onLog: EnvoyProcessOptions['onLog'] = (entry) => {
      if (entry.component === 'drain') warnings.push(entry.message);
    };
    const envoy = create({ drainTimeoutMs: 200, onLog });
    await envoy.start();
    const cut = failure(
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port: ports.listener, agent: false, headers: { 'x-hold': '1' } };
        const toError = (cause: Error): void => reject(GatewayError.from(cause, 'provider_failed'));
        const call = request(options, (response) => {
          response.resume().on('error', toError).on('end', resolve);
        });
        call.on('error', toError).end();
      }),
    );
    await until('the request is at the upstream', () => held === 1);
    await envoy.stop();
    expect((await cut).code).to.equal('provider_failed');
    expect(warnings.join()).to.include('cut off');
  });

  it('starts an Envoy that was killed again', async () => {
    const events: EnvoyEvent[] = [];
    const envoy = create({ onEvent: (event) => events.push(event), restart: { firstDelayMs: 10 } });
    await envoy.start();
    const first = envoy.pid ?? 0;
    process.kill(first, 'SIGKILL');
    await until('it is live again', () => events.filter((event) => event.kind === 'live').length === 2);
    expect(envoy.pid).to.not.equal(first);
    expect(events.find((event) => event.kind === 'died')).to.include({ how: 'SIGKILL', restartInMs: 10 });
    expect((await get(ports.listener)).body).to.equal('hello');
  });

  it('gives up an Envoy that dies again and again, with what it said last', async () => {
    const events: EnvoyEvent[] = [];
    const bootstrap = { ...bootstrapFor(ports), noSuchField: 1 };
    const restart = { firstDelayMs: 5, maxQuickDeaths: 3 };
    const envoy = create({ bootstrap, restart, onEvent: (event) => events.push(event) });
    const error = await failure(envoy.start());
    expect(error.code).to.equal('envoy_died');
    expect(error.message).to.include('3 times').and.include('noSuchField');
    expect((await failure(envoy.finished)).code).to.equal('envoy_died');
    const waits = events.flatMap((event) => (event.kind === 'died' ? [event.restartInMs] : []));
    expect(waits).to.deep.equal([5, 10]);
    expect(await readdir(baseDir)).to.deep.equal([]);
  });

  it('names a taken address, of its admin and of a listener, and does not try again', async () => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      for (const bootstrap of [bootstrapFor({ ...ports, admin: port }), bootstrapFor({ ...ports, listener: port })]) {
        const events: EnvoyEvent[] = [];
        const error = await failure(create({ bootstrap, onEvent: (event) => events.push(event) }).start());
        expect(error.code).to.equal('port_in_use');
        expect(error.message).to.include(`127.0.0.1:${port}`);
        expect(events.map((event) => event.kind)).to.deep.equal(['started', 'address-taken']);
      }
      const error = await failure(assertPortFree('127.0.0.1', port, 'Gateway default/main'));
      expect(error.code).to.equal('port_in_use');
      expect(error.message).to.include(`127.0.0.1:${port}`).and.include('Gateway default/main');
    } finally {
      taken.close();
    }
  });

  it('says when there is no such binary, and when it takes too long to be live', async () => {
    const missing = await failure(create({ binary: join(baseDir, 'nowhere') }).start());
    expect(missing.code).to.equal('envoy_missing');
    expect(missing.message).to.include(join(baseDir, 'nowhere')).and.include('not found');
    const source = { ads: {}, resourceApiVersion: 'V3' };
    const grpcService = { envoyGrpc: { clusterName: 'up' } };
    const ads = { apiType: 'GRPC', transportApiVersion: 'V3', grpcServices: [grpcService] };
    const waiting = {
      ...bootstrapFor(ports),
      node: { id: 'a', cluster: 'b' },
      dynamicResources: { adsConfig: ads, cdsConfig: source, ldsConfig: source },
    };
    const error = await failure(create({ bootstrap: waiting, startTimeoutMs: 1_500 }).start());
    expect(error.code).to.equal('timeout');
    expect(error.message).to.include('first configuration');
  });

  it('stops while it starts, by its signal and by a call', async () => {
    const abort = new AbortController();
    const envoy = create({ onEvent: () => abort.abort() });
    expect((await failure(envoy.start(abort.signal))).code).to.equal('cancelled');
    const other = create();
    const started = failure(other.start());
    await other.stop();
    expect((await started).code).to.equal('cancelled');
    expect(await readdir(baseDir)).to.deep.equal([]);
  });

  it('ends with its parent, even when that is killed without warning', async () => {
    const script = `
      import { createEnvoyProcess } from './src/local/envoy-process.ts';
      const [binary, bootstrap, baseDir] = process.argv.slice(1);
      const envoy = createEnvoyProcess({ binary, baseDir, bootstrap: JSON.parse(bootstrap), concurrency: 1 });
      await envoy.start();
      console.log(envoy.pid);`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, '--'];
    const parent = spawn(process.execPath, [...args, binary, JSON.stringify(bootstrapFor(ports)), baseDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const pid = Number(line);
    expect(isRunning(pid)).to.equal(true);
    parent.kill('SIGKILL');
    await until('Envoy is gone too', async () => {
      // Where nobody reaps orphans a dead Envoy stays listed: what it ran is gone from /proc then.
      return (
        !isRunning(pid) ||
        !(await access(`/proc/${pid}/exe`).then(
          () => true,
          () => false,
        ))
      );
    });
  });
});
