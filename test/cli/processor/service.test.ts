/** `headgate processor` as a process of its own: where it listens, what it tells of itself, how it ends. */
import { statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { testCa } from '../../fakes/index.ts';
import { freePort, tempDir, until } from '../../support/index.ts';
import { watchHealth } from '../health.ts';
import { build, type Running, runOnce, startCommand } from '../running.ts';

describe('headgate processor', function () {
  this.timeout(60_000);
  const running: Running[] = [];
  before(build);
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop()));
  });

  async function start(...flags: string[]): Promise<Running> {
    const command = await startCommand(['processor', ...flags]);
    running.push(command);
    return command;
  }

  const get = (command: Running, path: string) => fetch(`${command.admin}${path}`);

  it('serves a Unix socket, tells how it is, and says that it goes before it goes', async () => {
    const socket = join(tempDir('processor'), 'socket');
    const command = await start('--socket', socket, '--pre-stop-delay', '700ms');
    await command.says('processor listening');
    expect(statSync(socket).mode & 0o777).to.equal(0o600);
    for (const path of ['/healthz', '/readyz', '/livez']) expect((await get(command, path)).status).to.equal(200);
    expect((await get(command, '/nothing')).status).to.equal(404);
    expect(await (await get(command, '/metrics')).text()).to.match(/^headgate_processor_exchanges 0$/m);

    const health = watchHealth(`unix:${socket}`);
    await until(() => health.states.length === 1, { what: 'a first state' });
    command.child.kill('SIGTERM');
    await until(() => health.states.length === 2, { what: 'a second state' });
    expect((await get(command, '/readyz')).status).to.equal(503);
    expect(await command.ended).to.equal(0);
    expect(health.states).to.deep.equal(['SERVING', 'NOT_SERVING']);
    await health.ended;
    expect(() => statSync(socket)).to.throw('ENOENT');
  });

  it('takes the socket of one that was killed, and not that of one that lives', async () => {
    const socket = join(tempDir('processor'), 'socket');
    const first = await start('--socket', socket);
    await first.says('processor listening');
    const second = await start('--socket', socket);
    expect(await second.ended).to.equal(3);
    expect(second.stderr()).to.include(`the address ${socket} is in use`);
    first.child.kill('SIGKILL');
    await first.ended;
    const third = await start('--socket', socket);
    await third.says('processor listening');
  });

  it('serves TLS to those who have a certificate, and takes new ones over', async () => {
    const [ca, strangers] = [await testCa(), await testCa('strangers')];
    const folder = tempDir('processor');
    const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
    const put = async (): Promise<void> => {
      const { cert, key } = await ca.issue('127.0.0.1');
      writeFileSync(files.cert, cert);
      writeFileSync(files.key, key);
    };
    await put();
    const port = await freePort();
    const tls = ['--tls-cert', files.cert, '--tls-key', files.key, '--tls-client-ca', ca.certPath];
    const command = await start('--address', `127.0.0.1:${port}`, ...tls);
    await command.says('processor listening');
    const at = `127.0.0.1:${port}`;
    const [own, foreign] = [await ca.issue('envoy'), await strangers.issue('envoy')];
    const by = ({ cert, key }: typeof own) =>
      credentials.createSsl(Buffer.from(ca.cert), Buffer.from(key), Buffer.from(cert));
    const known = watchHealth(at, by(own));
    await until(() => known.states[0] === 'SERVING', { what: 'a client to be served' });
    for (const stranger of [by(foreign), credentials.createSsl(Buffer.from(ca.cert)), credentials.createInsecure()]) {
      const watch = watchHealth(at, stranger);
      expect(await watch.ended).to.equal(14);
      expect(watch.states).to.deep.equal([]);
    }
    await put();
    await command.says('files have changed and are in use');
    const later = watchHealth(at, by(own));
    await until(() => later.states[0] === 'SERVING', { what: 'a client to be served by the new certificate' });
    known.close();
    later.close();
  });

  it('asks for a token where it has one, but for its health, and takes another one over', async () => {
    const folder = tempDir('processor');
    const file = join(folder, 'token');
    const tokens = ['a-token-of-the-admin', 'another-token-of-it'] as const;
    writeFileSync(file, `${tokens[0]}\n`);
    const command = await start('--socket', join(folder, 'socket'), '--admin-token-file', file);
    await command.says('processor listening');
    const status = async (path: string, token?: string): Promise<number> =>
      (
        await fetch(
          `${command.admin}${path}`,
          token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
        )
      ).status;
    for (const path of ['/healthz', '/readyz', '/livez']) expect(await status(path)).to.equal(200);
    expect(await status('/metrics')).to.equal(401);
    expect(await status('/metrics', tokens[1])).to.equal(401);
    expect(await status('/metrics', tokens[0])).to.equal(200);
    expect(await status('/nothing')).to.equal(401);
    writeFileSync(file, tokens[1]);
    await until(async () => (await status('/metrics', tokens[1])) === 200, { what: 'the new token' });
    expect(await status('/metrics', tokens[0])).to.equal(401);
  });

  describe('ends with the code of', () => {
    const wrongUsage: Readonly<Record<string, readonly string[]>> = {
      'an address that is none': ['--address', 'x'],
      'two addresses': ['--address', ':1', '--socket', '/tmp/x'],
      'a certificate without a key': ['--tls-cert', 'a'],
      'TLS on a socket': ['--socket', '/tmp/x', '--tls-cert', 'a', '--tls-key', 'b'],
      'no room for a body': ['--max-body', '0'],
      'a flag that nobody knows': ['--nonsense'],
    };
    for (const [what, flags] of Object.entries(wrongUsage)) {
      it(`wrong usage: ${what}`, () => {
        const { status, stdout, stderr } = runOnce(['processor', ...flags]);
        expect({ status, stdout }, stderr).to.deep.equal({ status: 2, stdout: '' });
        expect(stderr).to.match(/^(headgate|error): /);
      });
    }

    it('input that cannot be used: files of TLS', async () => {
      const [one, other] = [await (await testCa()).issue('a'), await (await testCa()).issue('b')];
      const missing = runOnce(['processor', '--tls-cert', '/nowhere/tls.crt', '--tls-key', one.keyPath]);
      expect(missing).to.include({ status: 1 });
      expect(missing.stderr).to.include('/nowhere/tls.crt cannot be read');
      expect(runOnce(['processor', '--tls-cert', one.certPath, '--tls-key', other.keyPath])).to.include({ status: 1 });
    });

    it('what fails outside: ports that are taken', async () => {
      const taken = createServer();
      const port = await freePort();
      await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
      const socket = join(tempDir('processor'), 'socket');
      try {
        for (const flags of [
          ['--address', `:${port}`],
          ['--socket', socket, '--admin-address', `:${port}`],
        ]) {
          const command = await start(...flags);
          expect(await command.ended).to.equal(3);
          expect(command.stderr()).to.include(`127.0.0.1:${port} is in use`);
        }
      } finally {
        taken.close();
      }
    });
  });
});
