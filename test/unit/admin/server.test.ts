import { expect } from 'chai';
import { type AdminServer, type AdminView, createAdminServer } from '../../../src/admin/index.ts';

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
