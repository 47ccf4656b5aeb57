/** REST xDS, as a proxy that polls. */
import { once } from 'node:events';
import { type IncomingMessage, request as open } from 'node:http';
import { expect } from 'chai';
import { encodeMessage } from '../../src/envoy/schema/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import type { ResourceInput } from '../../src/xds/index.ts';
import { request } from '../support/index.ts';
import { type Fixture, startServer, TYPE } from './fixture.ts';

function typed(typeUrl: string, name: string, message: object): ResourceInput {
  return { typeUrl, name, value: encodeMessage(typeUrl.replace(/^.*\//, ''), message) };
}

const cluster = (name: string, timeout = '1s') => typed(TYPE.cluster, name, { name, connect_timeout: timeout });
const endpoints = (name: string) => typed(TYPE.endpoints, name, { cluster_name: name });
const node = { id: 'n1', cluster: 'c1' };

describe('xDS over REST', () => {
  let fixture: Fixture;
  let port: number;
  const lines: string[] = [];
  beforeEach(async () => {
    fixture = await startServer({
      logger: createLogger({ level: 'error', format: 'json', write: (line) => lines.push(line) }),
      resolve: ({ id }) => {
        if (id === 'unlucky') throw new Error('a bug');
        return id === 'n1' ? 'g' : undefined;
      },
    });
    fixture.publish('g', [cluster('a'), cluster('b'), endpoints('a'), endpoints('b')]);
    lines.length = 0;
    port = (await fixture.server.listenRest({ host: '127.0.0.1', port: 0 })).port;
  });
  afterEach(() => fixture.close());

  const post = (what: string, body: unknown, method = 'POST') =>
    request({ port, path: `/v3/discovery:${what}`, method, ...(method === 'GET' ? {} : { body }) });

  it('X-05: answers with all resources of a type, in proto field names', async () => {
    const response = await post('clusters', { node });
    expect(response.status).to.equal(200);
    expect(response.headers['content-type']).to.equal('application/json');
    const body = response.json as { version_info: string };
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
    const first = (await ask('')).json as { version_info: string; resources: object[] };
    expect(first.resources).to.deep.equal([{ '@type': TYPE.endpoints, cluster_name: 'a' }]);
    const same = await ask(first.version_info);
    expect([same.status, same.text]).to.deep.equal([304, '']);
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
    expect((response.json as { resources: object[] }).resources).to.have.length(1);
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
      const { text } = response;
      expect(response.status, `${what} ${text}`).to.equal(expected);
      expect(JSON.parse(text)).to.have.keys('code', 'message');
      expect(text).to.not.contain('a bug');
    }
    expect((await post('clusters', {}, 'GET')).status).to.equal(405);
    expect(lines.filter((line) => line.includes('a bug'))).to.have.length(1);
  });

  it('X-05: answers a poll that has begun when the server closes, and takes no more', async () => {
    const body = JSON.stringify({ node });
    const headers = { 'content-length': body.length, expect: '100-continue' };
    const begun = open({ host: '127.0.0.1', port, path: '/v3/discovery:clusters', method: 'POST', headers });
    begun.flushHeaders();
    await once(begun, 'continue');
    const closed = fixture.close();
    begun.end(body);
    const [response] = (await once(begun, 'response')) as [IncomingMessage];
    expect(response.statusCode).to.equal(200);
    response.resume();
    await closed;
    const late = await post('clusters', { node }).catch((error: NodeJS.ErrnoException) => error.code);
    expect(late).to.equal('ECONNREFUSED');
  });

  it('leads a proxy without ADS to its own cluster for what resources name', async () => {
    const named = typed(TYPE.cluster, 'a', {
      name: 'a',
      type: 'EDS',
      eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
    });
    fixture.publish('g', [named, endpoints('a')]);
    const sourceFor = async (metadata: object): Promise<unknown> => {
      const { json } = await post('clusters', { node: { ...node, metadata } });
      return (json as { resources: { eds_cluster_config: { eds_config: unknown } }[] }).resources[0]?.eds_cluster_config
        .eds_config;
    };
    const polled = (await sourceFor({ 'headgate.dev/rest-cluster': 'by-rest' })) as { api_config_source: object };
    expect(polled.api_config_source)
      .to.include({ api_type: 'REST' })
      .and.deep.include({ cluster_names: ['by-rest'] });
    expect(await sourceFor({})).to.deep.equal({ ads: {}, resource_api_version: 'V3' });
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
      const body = (await post(what, { node })).json as { resources: { name: string }[] };
      expect(body.resources.map(({ name }) => name)).to.deep.equal(['x']);
    });
  }
});
