import { expect } from 'chai';
import { checkConsistency } from '../../../src/envoy/consistency.ts';
import { type EnvoyResource, NEWEST_ENVOY, type ResourceType } from '../../../src/envoy/index.ts';
import { compileGolden, readGolden } from '../../golden/envoy-golden.ts';

async function resourcesOf(name: string): Promise<readonly EnvoyResource[]> {
  return compileGolden(await readGolden(name), NEWEST_ENVOY)[0]?.resources ?? [];
}

describe('consistency of compiled resources', () => {
  const messages = (resources: readonly EnvoyResource[]): string[] =>
    checkConsistency(resources).map(({ message }) => message);

  for (const name of ['quickstart', 'failover', 'https', 'http-route', 'backend-tls', 'credential-override']) {
    it(`of ${name} breaks with any resource that is missing`, async () => {
      const all = await resourcesOf(name);
      expect(messages(all)).to.deep.equal([]);
      const checked = new Set<ResourceType>();
      for (const lost of all) {
        // Nothing that is sent names these: Envoy asks for all listeners, and a bootstrap for the runtime layer.
        if (lost.type === 'listener' || lost.type === 'runtime') continue;
        checked.add(lost.type);
        const found = messages(all.filter((resource) => resource !== lost));
        expect(found.join('\n'), `${lost.type} ${lost.name}`).to.contain(`names the ${lost.type} ${lost.name}, which`);
      }
      expect(checked).to.include('route');
      expect(checked).to.include('cluster');
    });
  }

  it('breaks with a listener that is missing, whose routes nobody uses then', async () => {
    const all = await resourcesOf('quickstart');
    const found = messages(all.filter(({ type }) => type !== 'listener'));
    expect(found).to.deep.equal(['route Gateway/default/gw/port/1975 is used by nothing']);
  });

  it('breaks where something is there twice', async () => {
    const all = await resourcesOf('quickstart');
    for (const resource of all) {
      expect(messages([...all, resource]).join('\n')).to.contain(`${resource.type} ${resource.name} is there twice`);
    }
  });

  it('breaks where two listeners bind one port', () => {
    const listener = (name: string, address: string, port: number): EnvoyResource => ({
      type: 'listener',
      name,
      message: { name, address: { socket_address: { address, port_value: port } } },
      requires: [],
    });
    const one = listener('one', '0.0.0.0', 80);
    expect(messages([one, listener('two', '10.0.0.1', 80)])).to.deep.equal([
      'listener two binds port 80, which one binds too',
    ]);
    expect(messages([one, listener('two', '10.0.0.1', 81)])).to.deep.equal([]);
    expect(messages([listener('one', '10.0.0.1', 80), listener('two', '10.0.0.2', 80)])).to.deep.equal([]);
    expect(messages([listener('one', '::', 0), listener('two', '::', 0)])).to.deep.equal([]);
  });

  it('breaks where two hosts have one domain', () => {
    const host = (name: string, domain: string): object => ({ name, domains: [domain] });
    const routes: EnvoyResource = {
      type: 'route',
      name: 'r',
      message: { name: 'r', virtual_hosts: [host('a', 'a.example.com'), host('b', 'A.example.com')] },
      requires: [],
    };
    expect(messages([routes])).to.include('route r has the domain a.example.com twice');
  });

  it('breaks where a resource does not say that it waits for another', async () => {
    const all = await resourcesOf('quickstart');
    for (const resource of all.filter(({ requires }) => requires.length > 0)) {
      const silent = { ...resource, requires: [] };
      const found = messages(all.map((other) => (other === resource ? silent : other)));
      const expected = resource.requires.map(
        ({ type, name }) => `${resource.type} ${resource.name} uses the ${type} ${name} without requiring it`,
      );
      expect(found).to.have.members(expected);
    }
  });
});
