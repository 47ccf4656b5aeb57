import { expect } from 'chai';
import { type AdminServer, type AdminView, createAdminServer } from '../../../src/admin/index.ts';
import { GatewayError } from '../../../src/lib/errors.ts';

const VIEW: AdminView = {
  status: () => ({ fine: true }),
  readiness: () => [{ name: 'source', ok: true }],
  configDump: () => ({ configs: [] }),
  metrics: async () => 'up 1\n',
};

describe('admin API with a token', () => {
  let server: AdminServer;
  let base: string;
  let token = 'first-token-of-the-test';
  before(async () => {
    server = createAdminServer({ ...VIEW, token: () => token });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    base = `http://127.0.0.1:${port}`;
  });
  after(() => server.close());

  async function ask(path: string, authorization?: string): Promise<number> {
    const response = await fetch(`${base}${path}`, authorization === undefined ? {} : { headers: { authorization } });
    await response.text();
    return response.status;
  }

  it('tells anyone how it is, and nothing else', async () => {
    for (const path of ['/healthz', '/livez', '/readyz?verbose']) expect(await ask(path), path).to.equal(200);
    for (const path of ['/metrics', '/api/status', '/config_dump?gateway=a/b', '/missing']) {
      for (const header of [undefined, 'Bearer', 'Bearer other', `Basic ${token}`, token, `Bearer ${token}x`]) {
        expect(await ask(path, header), `${path} ${header}`).to.equal(401);
      }
    }
  });

  it('shows all to who has the token, also one that was replaced', async () => {
    for (const path of ['/metrics', '/api/status', '/config_dump?gateway=a/b']) {
      expect(await ask(path, `Bearer ${token}`), path).to.equal(200);
    }
    const old = token;
    token = 'second-token-of-the-test';
    expect(await ask('/metrics', `Bearer ${old}`)).to.equal(401);
    expect(await ask('/metrics', `bearer ${token}`)).to.equal(200);
  });
});

describe('admin API', () => {
  const failures: string[] = [];
  let asked: Parameters<AdminView['configDump']>[0] | undefined;
  let checks: ReturnType<AdminView['readiness']> = [];
  let server: AdminServer;
  let base: string;
  before(async () => {
    server = createAdminServer({
      ...VIEW,
      readiness: () => checks,
      configDump(request) {
        asked = request;
        if (request.mask === 'bad') throw new GatewayError('invalid_input', 'no such field');
        return request.gateway === 'a/b' || request.node === 'n' ? { configs: [] } : undefined;
      },
      metrics: () => Promise.reject(new Error('no metrics')),
      onFailure: ({ message }) => failures.push(message),
    });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    base = `http://127.0.0.1:${port}`;
  });
  after(() => server.close());

  async function ask(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${base}${path}`);
    return { status: response.status, text: await response.text() };
  }

  it('is ready when all checks are, and says which are not', async () => {
    checks = [{ name: 'source', ok: true, message: 'revision 1' }];
    expect(await ask('/readyz')).to.deep.equal({ status: 200, text: 'ok\n' });
    checks = [...checks, { name: 'xds', ok: false, message: 'not listening' }];
    expect(await ask('/readyz')).to.deep.equal({ status: 503, text: 'not ready\n' });
    const text = '[+] source: revision 1\n[-] xds: not listening\nnot ready\n';
    expect(await ask('/readyz?verbose')).to.deep.equal({ status: 503, text });
    checks = [{ name: 'token', ok: true, impaired: true, message: 'missing' }];
    expect(await ask('/readyz?verbose')).to.deep.equal({ status: 200, text: '[!] token: missing\nok\n' });
  });

  it('answers mistakes with JSON that says what is wrong', async () => {
    expect(await ask('/config_dump')).to.include({ status: 400 });
    expect(await ask('/config_dump?gateway=a/c')).to.deep.equal({ status: 404, text: '{"error":"no such gateway"}' });
    expect(await ask('/config_dump?node=m')).to.deep.equal({ status: 404, text: '{"error":"no such node"}' });
    expect(await ask('/config_dump?node=n')).to.include({ status: 200 });
    expect(await ask('/config_dump?node=n&mask=bad')).to.deep.equal({ status: 400, text: '{"error":"no such field"}' });
    expect(await ask('/nothing')).to.deep.equal({ status: 404, text: '{"error":"no GET /nothing here"}' });
  });

  it('reads what is asked for of a dump in the words of Envoy', async () => {
    await ask('/config_dump?gateway=a/b');
    expect(asked).to.deep.equal({ gateway: 'a/b', includeEds: false });
    await ask('/config_dump?node=n&gateway=a/b&resource=r&mask=a.b,c&name_regex=.%2B&include_eds');
    const what = { resource: 'r', mask: 'a.b,c', nameRegex: '.+', includeEds: true };
    expect(asked).to.deep.equal({ node: 'n', gateway: 'a/b', ...what });
  });

  it('answers 500 where it fails, and keeps the reason for its log', async () => {
    const { status, text } = await ask('/metrics');
    expect(status).to.equal(500);
    expect(text).to.not.contain('no metrics');
    expect(failures).to.deep.equal(['no metrics']);
  });

  it('names an address that is taken', async () => {
    const second = createAdminServer(VIEW);
    const address = { host: '127.0.0.1', port: Number(new URL(base).port) };
    const failure = await second.listen(address).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failure).to.equal(`the admin address 127.0.0.1:${address.port} is in use`);
  });
});
