/** REST xDS, as a proxy that polls. */
import { expect } from 'chai';
import { encodeMessage } from '../../src/envoy/schema/index.ts';
import { createRestHandler, type ResourceInput } from '../../src/xds/index.ts';
import { type Fixture, startServer, TYPE } from './fixture.ts';

function typed(typeUrl: string, name: string, message: object): ResourceInput {
  return { typeUrl, name, value: encodeMessage(typeUrl.replace(/^.*\//, ''), message) };
}

const cluster = (name: string, timeout = '1s') => typed(TYPE.cluster, name, { name, connect_timeout: timeout });
const endpoints = (name: string) => typed(TYPE.endpoints, name, { cluster_name: name });
const node = { id: 'n1', cluster: 'c1' };

describe('xDS over REST', () => {
  let fixture: Fixture;
  let handle: (request: Request) => Promise<Response>;
  const failures: Error[] = [];
  beforeEach(async () => {
    fixture = await startServer({
      resolve: ({ id }) => {
        if (id === 'unlucky') throw new Error('a bug');
        return id === 'n1' ? 'g' : undefined;
      },
    });
    fixture.publish('g', [cluster('a'), cluster('b'), endpoints('a'), endpoints('b')]);
    failures.length = 0;
    handle = createRestHandler(fixture.server.poll, (error) => failures.push(error));
  });
  afterEach(() => fixture.close());

  const post = (what: string, body: unknown, method = 'POST') =>
    handle(
      new Request(`http://localhost/v3/discovery:${what}`, {
        method,
        ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    );

  it('X-05: answers with all resources of a type, in proto field names', async () => {
    const response = await post('clusters', { node });
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('application/json');
    const body = (await response.json()) as { version_info: string };
    expect(body).to.deep.equal({
      version_info: body.version_info,
      type_url: TYPE.cluster,
      resources: [
        { '@type': TYPE.cluster, name: 'a', connect_timeout: '1s' },
        { '@type': TYPE.cluster, name: 'b', connect_timeout: '1s' },
      ],
    });
    expect(body.version_info).to.not.equal('');
  });

  it('X-05: answers 304 while the version is current, for just the names asked for', async () => {
    const ask = (version_info: string, resource_names = ['a']) =>
      post('endpoints', { node, version_info, resource_names });
    const first = (await (await ask('')).json()) as { version_info: string; resources: object[] };
    expect(first.resources).to.deep.equal([{ '@type': TYPE.endpoints, cluster_name: 'a' }]);
    const same = await ask(first.version_info);
    expect([same.status, await same.text()]).to.deep.equal([304, '']);
    expect((await ask(first.version_info, ['a', 'b'])).status).to.equal(200);
    fixture.publish('g', [
      cluster('a'),
      endpoints('a'),
      typed(TYPE.endpoints, 'b', { cluster_name: 'b', endpoints: [{}] }),
    ]);
    expect((await ask(first.version_info)).status).to.equal(304);
    fixture.publish('g', [cluster('a'), typed(TYPE.endpoints, 'a', { cluster_name: 'a', endpoints: [{}] })]);
    expect((await ask(first.version_info)).status).to.equal(200);
  });

  it('takes the other JSON names, and fields that it does not know', async () => {
    const body = {
      node: { ...node, userAgentName: 'envoy', later: {} },
      resourceNames: ['b'],
      typeUrl: TYPE.cluster,
      also: 1,
    };
    const response = await post('clusters', body);
    expect(response.status).to.equal(200);
    expect(((await response.json()) as { resources: object[] }).resources).to.have.length(1);
  });

  it('X-05: says what is wrong with a request', async () => {
    const cases: [string, unknown, number][] = [
      ['clusters', '', 400],
      ['clusters', 'no json', 400],
      ['clusters', '[]', 400],
      ['clusters', {}, 400],
      ['clusters', { node: { cluster: 'c' } }, 400],
      ['clusters', { node, resource_names: 7 }, 400],
      ['clusters', { node, type_url: TYPE.listener }, 400],
      ['clusters', { node: { id: 'stranger' } }, 404],
      ['everything', { node }, 404],
      ['clusters', { node: { id: 'unlucky' } }, 500],
      ['clusters', 'x'.repeat(17 * 1024 * 1024), 413],
    ];
    for (const [what, body, expected] of cases) {
      const response = await post(what, body);
      const text = await response.text();
      expect(response.status, `${what} ${text}`).to.equal(expected);
      expect(JSON.parse(text)).to.have.keys('code', 'message');
      expect(text).to.not.contain('a bug');
    }
    expect((await post('clusters', {}, 'GET')).status).to.equal(405);
    expect(failures.map(({ message }) => message)).to.deep.equal(['a bug']);
  });

  for (const [what, typeUrl] of Object.entries({
    listeners: TYPE.listener,
    routes: TYPE.route,
    'scoped-routes': TYPE.scopedRoute,
    secrets: TYPE.secret,
    runtime: TYPE.runtime,
    extension_configs: TYPE.extension,
  })) {
    it(`X-05: serves ${what}`, async () => {
      fixture.publish('g', [typed(typeUrl, 'x', { name: 'x' })]);
      const body = (await (await post(what, { node })).json()) as { resources: { name: string }[] };
      expect(body.resources.map(({ name }) => name)).to.deep.equal(['x']);
    });
  }
});
