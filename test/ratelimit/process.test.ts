import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { createMemoryStore, persistStore } from '../../src/ratelimit/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { freePorts, spawnChild, stopChild, tempDir, until } from '../support/index.ts';
import { connect, entries, failureOf, startService } from './client.ts';

const limitsOf = (count: number) =>
  `domain: d\ndescriptors:\n  - key: k\n    rate_limit: {unit: year, requests_per_unit: ${count}}\n`;

describe('ratelimit: headgate ratelimit', function () {
  this.timeout(60_000);

  it('serves files of envoyproxy/ratelimit, follows their changes, keeps counts over a restart', async () => {
    const folder = tempDir('ratelimit');
    const file = join(folder, 'limits.yaml');
    writeFileSync(file, limitsOf(10));
    const [port = 0, adminPort = 0] = await freePorts(2);
    const flags = ['--address', `:${port}`, '--admin-address', `:${adminPort}`, '--config', folder, '--headers'];
    const start = async () => {
      const args = ['--import', 'tsx', 'src/cli/main.ts', 'ratelimit', ...flags, '--state-file', join(folder, 'state')];
      const child = spawnChild(process.execPath, args, { stdio: 'ignore' });
      await until(async () => (await fetch(`http://127.0.0.1:${adminPort}/healthz`)).ok, { what: 'the service' });
      return child;
    };
    const first = await start();
    const client = connect(port);
    const hit = async (hits: number) => {
      const answer = await client.ask({
        domain: 'd',
        descriptors: [entries({ k: 'v' }, { hits_addend: String(hits) })],
      });
      return answer.statuses?.[0]?.limit_remaining ?? 0;
    };
    expect(await hit(4)).to.equal(6);
    writeFileSync(file, limitsOf(20));
    await until(async () => (await hit(0)) === 16, { what: 'the new limits' });
    writeFileSync(file, 'domain: ""');
    expect(await hit(1)).to.equal(15);
    const body = JSON.stringify({ domain: 'd', descriptors: [entries({ k: 'v' }, { hits_addend: '16' })] });
    const over = await fetch(`http://127.0.0.1:${adminPort}/json`, { method: 'POST', body });
    expect([over.status, ((await over.json()) as { overall_code: string }).overall_code]).to.deep.equal([
      429,
      'OVER_LIMIT',
    ]);
    const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    expect(metrics).to.match(/^ratelimit_store_buckets 1$/m);
    expect(await stopChild(first)).to.equal(0);
    client.close();
    writeFileSync(file, limitsOf(30));
    const second = await start();
    const again = connect(port);
    const left = await again.ask({ domain: 'd', descriptors: [entries({ k: 'v' }, { hits_addend: '0' })] });
    expect(left.statuses?.[0]?.limit_remaining).to.equal(9);
    again.close();
    expect(await stopChild(second)).to.equal(0);
  });

  it('asks for a token where it has one, but for its health', async () => {
    const folder = tempDir('ratelimit');
    const [file, tokenFile] = [join(folder, 'limits.yaml'), join(folder, 'token')];
    writeFileSync(file, limitsOf(10));
    writeFileSync(tokenFile, 'a-token-of-the-admin');
    const [port = 0, admin = 0] = await freePorts(2);
    const flags = ['--address', `:${port}`, '--admin-address', `:${admin}`, '--admin-token-file', tokenFile];
    const args = ['--import', 'tsx', 'src/cli/main.ts', 'ratelimit', '--config', file, ...flags];
    const child = spawnChild(process.execPath, args, { stdio: 'ignore' });
    const statusOf = async (path: string, headers: Record<string, string> = {}, body?: string): Promise<number> => {
      const method = body === undefined ? 'GET' : 'POST';
      return (await fetch(`http://127.0.0.1:${admin}${path}`, { method, headers, ...(body && { body }) })).status;
    };
    await until(async () => (await statusOf('/healthz')) === 200, { what: 'the service' });
    const known = { authorization: 'Bearer a-token-of-the-admin' };
    const request = JSON.stringify({ domain: 'd', descriptors: [entries({ k: 'v' })] });
    for (const path of ['/readyz', '/healthcheck']) expect(await statusOf(path)).to.equal(200);
    for (const path of ['/metrics', '/api/budgets', '/nothing']) expect(await statusOf(path), path).to.equal(401);
    expect(await statusOf('/metrics', { authorization: 'Bearer another-token-of-it' })).to.equal(401);
    expect(await statusOf('/json', {}, request)).to.equal(401);
    for (const path of ['/metrics', '/api/budgets']) expect(await statusOf(path, known), path).to.equal(200);
    expect(await statusOf('/json', known, request)).to.equal(200);
    expect(await stopChild(child)).to.equal(0);
  });

  it('says what is wrong with its flags and files', () => {
    const run = (...args: string[]) => {
      try {
        execFileSync(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'ratelimit', ...args], { stdio: 'pipe' });
      } catch (caught) {
        const { status, stderr } = caught as { status: number; stderr: Buffer };
        return [
          status,
          stderr
            .toString()
            .split('\n')
            .find((line) => line.startsWith('headgate:')),
        ];
      }
      return [0];
    };
    expect(run()).to.deep.equal([2, 'headgate: name the limits: --config FILE or --xds ADDRESS [usage]']);
    const file = join(tempDir('ratelimit'), 'bad.yaml');
    writeFileSync(file, 'domain: d\ndescriptors: [{key: k, rate_limit: {unit: eon}}]');
    const [status, line] = run('--config', file);
    expect(status).to.equal(1);
    expect(line).to.include('bad.yaml: descriptors[0].rate_limit.unit: eon is not a unit');
  });
});

describe('ratelimit: state file', () => {
  const change = (key: string, start: number, length: number) => ({
    key,
    start,
    length,
    delta: 7,
    isSliding: false,
    isOfPrevious: false,
  });

  it('keeps windows that still run, and nothing else', async () => {
    const path = join(tempDir('state'), 'state');
    const now = Date.now() / 1000;
    const year = 31_536_000;
    const start = Math.floor(now / year) * year;
    const open = () => persistStore(createMemoryStore(), { path, logger: silentLogger });
    const first = await open();
    const long = Array.from({ length: 12_000 }, (_, i) => change(`ключ ${i} "\n`, start, year));
    first.apply([...long, change('old', Math.floor(now) - 600, 1)], now - 600);
    await first.close();
    const second = await open();
    expect(second.size).to.equal(12_000);
    expect(second.apply([change('ключ 11999 "\n', start, year)], now)[0]).to.include({ before: 7, after: 14 });
    await second.close();
    expect(readFileSync(path, 'utf8')).to.include('14');
    writeFileSync(path, 'something else');
    const failure = await open().catch((caught: Error) => caught);
    expect((failure as Error).message).to.match(/is no state file/);
  });
});

describe('ratelimit: TLS', () => {
  it('asks clients for a certificate where told to', async () => {
    const folder = tempDir('tls');
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      'key',
      '-out',
      'cert',
    );
    const [key, cert] = ['key', 'cert'].map((name) => readFileSync(join(folder, name)));
    if (!key || !cert) throw new Error('no certificate');
    const limits = [{ key: 'k', rate_limit: { unit: 'year', requests_per_unit: 10 } }];
    const { service, port } = await startService(limits, { tls: { cert, key, clientCa: cert } });
    const request = { domain: 'd', descriptors: [entries({ k: 'v' })] };
    const known = connect(port, credentials.createSsl(cert, key, cert));
    expect((await known.ask(request)).statuses?.[0]?.limit_remaining).to.equal(9);
    const unknown = connect(port, credentials.createSsl(cert));
    expect((await failureOf(unknown.ask(request))).code).to.be.oneOf([4, 14]);
    known.close();
    unknown.close();
    await service.close(100);
  });
});
