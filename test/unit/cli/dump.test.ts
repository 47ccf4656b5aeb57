import { expect } from 'chai';
import { type AdminServer, createAdminServer, type DumpRequest } from '../../../src/admin/index.ts';
import { headgate } from './cli.ts';

describe('cli: dump', () => {
  let server: AdminServer;
  let address: string;
  let asked: DumpRequest | undefined;
  before(async () => {
    server = createAdminServer({
      status: () => ({}),
      readiness: () => [],
      configDump(request) {
        asked = request;
        return { configs: [{ '@type': 'x' }] };
      },
      metrics: async () => '',
    });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    address = `127.0.0.1:${port}`;
  });
  after(() => server.close());

  async function dump(...args: string[]): Promise<DumpRequest | undefined> {
    asked = undefined;
    const { code, stdout, stderr } = await headgate(['dump', '--server', address, ...args]);
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal({ configs: [{ '@type': 'x' }] });
    return asked;
  }

  it('asks for a proxy or a Gateway, endpoints included', async () => {
    expect(await dump('--node', 'n')).to.deep.equal({ node: 'n', includeEds: true });
    expect(await dump('--gateway', 'a/b')).to.deep.equal({ gateway: 'a/b', includeEds: true });
    expect(await dump('--gateway', 'a/b', '--node', 'n')).to.deep.equal({
      node: 'n',
      gateway: 'a/b',
      includeEds: true,
    });
    expect(await headgate(['dump', '--server', address])).to.include({ code: 2 });
  });

  it('asks for a part of it in the words of Envoy', async () => {
    const part = ['--resource', 'dynamic_listeners', '--mask', 'name,error_state', '--name-regex', 'a/.+'];
    const query = { resource: 'dynamic_listeners', mask: 'name,error_state', nameRegex: 'a/.+' };
    expect(await dump('--node', 'n', ...part)).to.deep.equal({ node: 'n', ...query, includeEds: true });
  });
});
