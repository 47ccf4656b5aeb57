import { expect } from 'chai';
import { testCa } from '../../fakes/certs.ts';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePorts, type RequestOptions, request, requestH2 } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { aiRoute, aiRule, exactly, gatewayObject, like, modelIs, policyYaml } from './policy.ts';

const CHAT = '/v1/chat/completions';

describe('hosts and listeners', function () {
  this.timeout(60_000);
  let ports: number[];
  let ca: string;
  let gateway: TestGateway;
  const fakes: Fake[] = [];
  const portOf = (index: number): number => ports[index] ?? 0;

  const options = (host: string, model: string, rest: Partial<RequestOptions> = {}): RequestOptions => ({
    port: portOf(0),
    path: CHAT,
    host,
    body: { model, messages: [{ role: 'user', content: 'hi' }] },
    ...rest,
  });
  /** Name of the backend that served, or the status. */
  const ask = async (host: string, model: string, rest: Partial<RequestOptions> = {}): Promise<string> => {
    const response = await request(options(host, model, rest));
    return response.headers['x-fake'] ?? String(response.status);
  };
  const models = async (host: string, rest: Partial<RequestOptions> = {}): Promise<unknown> => {
    const response = await request({ port: portOf(0), path: '/v1/models', host, ...rest });
    expect(response.status, response.text).to.equal(200);
    expect(response.headers['content-type']).to.equal('application/json');
    return response.json;
  };
  const ids = async (host: string, rest: Partial<RequestOptions> = {}): Promise<string[]> =>
    ((await models(host, rest)) as { data: { id: string }[] }).data.map(({ id }) => id);

  before(async () => {
    ports = await freePorts(3);
    const authority = await testCa();
    ca = authority.cert;
    const [a, b] = [await authority.issue('a.test'), await authority.issue('b.test', '*.b.test')];
    const backends: Record<string, { port: number; key: string }> = {};
    for (const name of ['one', 'two', 'three', 'four']) {
      const fake = await startOpenAi({ name });
      fakes.push(fake);
      backends[name] = { port: fake.port, key: OPENAI_KEY };
    }
    const tls = (name: string) => ({ mode: 'Terminate', certificateRefs: [{ name }] });
    const secret = (name: string, { cert, key }: { cert: string; key: string }) =>
      object('v1', 'Secret', name, { type: 'kubernetes.io/tls', stringData: { 'tls.crt': cert, 'tls.key': key } });
    const on = (sectionName: string) => ({
      parentRefs: [{ name: 'gw', kind: 'Gateway', group: 'gateway.networking.k8s.io', sectionName }],
    });
    gateway = await startGateway({
      yaml: policyYaml(
        backends,
        gatewayObject(
          { name: 'http', protocol: 'HTTP', port: portOf(0) },
          { name: 'own', protocol: 'HTTP', port: portOf(0), hostname: 'own.test' },
          { name: 'second', protocol: 'HTTP', port: portOf(1) },
          { name: 'tls-a', protocol: 'HTTPS', port: portOf(2), hostname: 'a.test', tls: tls('cert-a') },
          { name: 'tls-b', protocol: 'HTTPS', port: portOf(2), hostname: '*.b.test', tls: tls('cert-b') },
        ),
        secret('cert-a', a),
        secret('cert-b', b),
        aiRoute(
          'everywhere',
          [aiRule([modelIs('m')], 'one', { modelsOwnedBy: 'me', modelsCreatedAt: '2025-01-02T03:04:05Z' })],
          {
            createdAt: '2025-01-01T00:00:00Z',
            ...on('http'),
          },
        ),
        aiRoute('exact', [aiRule([modelIs('m')], 'two')], { hostnames: ['api.example.test'], ...on('http') }),
        aiRoute('wild', [aiRule([modelIs('m')], 'three')], { hostnames: ['*.example.test'], ...on('http') }),
        aiRoute('wilder', [aiRule([modelIs('m')], 'four')], { hostnames: ['*.test'], ...on('http') }),
        aiRoute('own', [aiRule([modelIs('m')], 'two')], on('own')),
        aiRoute('second', [aiRule([modelIs('m')], 'three')], {
          parentRefs: [{ name: 'gw', kind: 'Gateway', group: 'gateway.networking.k8s.io', port: portOf(1) }],
        }),
        aiRoute('tls-a', [aiRule([modelIs('m')], 'one')], on('tls-a')),
        aiRoute('tls-b', [aiRule([modelIs('m')], 'two')], on('tls-b')),
        aiRoute(
          'headers',
          [
            aiRule([modelIs('h')], 'one'),
            aiRule([modelIs('h'), exactly('x-team', 'red')], 'two'),
            aiRule([modelIs('h'), like('x-team', 'bl.*')], 'three'),
            aiRule([like('x-ai-eg-model', 'h.*')], 'four'),
          ],
          { hostnames: ['headers.org'], createdAt: '2025-01-01T00:00:00Z', ...on('http') },
        ),
        aiRoute('younger', [aiRule([modelIs('h')], 'four'), aiRule([modelIs('y'), exactly('x-team', 'red')], 'one')], {
          hostnames: ['headers.org'],
          createdAt: '2025-03-01T00:00:00Z',
          ...on('http'),
        }),
        aiRoute('older', [aiRule([modelIs('y')], 'two')], {
          hostnames: ['headers.org'],
          createdAt: '2025-02-01T00:00:00Z',
          ...on('http'),
        }),
      ),
    });
    expect(gateway.findings().filter((line) => line.includes('error'))).to.deep.equal([]);
  });

  after(async () => {
    await gateway?.stop();
    for (const fake of fakes) await fake.close();
  });

  it('the most specific host serves, whatever the port or case in the request', async () => {
    const hosts = [
      'api.example.test',
      'API.Example.test',
      `api.example.test:${portOf(0)}`,
      'x.example.test',
      'x.y.example.test',
      'example.test',
      'other.org',
      '127.0.0.1',
      'api.example.test.',
    ];
    const served = await Promise.all(hosts.map((host) => ask(host, 'm')));
    expect(served).to.deep.equal(['two', 'two', 'two', 'three', 'three', 'four', 'one', 'one', 'two']);
  });

  it('a listener takes the requests for its host name', async () => {
    expect(await ask('own.test', 'm')).to.equal('two');
  });

  it('a port is served by the routes that name it', async () => {
    expect(await ask('any.org', 'm', { port: portOf(1) })).to.equal('three');
    expect(await ask('any.org', 'h', { port: portOf(1) })).to.equal('404');
  });

  it('TLS listeners on one port have their own certificates and routes', async () => {
    const tls = (serverName: string) => ({ port: portOf(2), tls: { ca, serverName } });
    expect(await ask('a.test', 'm', tls('a.test'))).to.equal('one');
    expect(await ask('x.b.test', 'm', tls('x.b.test'))).to.equal('two');
    // What a connection was opened for is all that it gets.
    expect(await ask('x.b.test', 'm', tls('a.test'))).to.equal('404');
    const refused = await ask('c.test', 'm', tls('c.test')).catch((error: unknown) => String(error));
    expect(refused).to.match(/ECONNRESET|disconnected|socket hang up/);
  });

  it('HTTP/2 clients are served, with TLS and without', async () => {
    const plain = await requestH2(options('api.example.test', 'm'));
    const tls = await requestH2(options('a.test', 'm', { port: portOf(2), tls: { ca, serverName: 'a.test' } }));
    expect([plain.httpVersion, plain.headers['x-fake']]).to.deep.equal(['2.0', 'two']);
    expect([tls.httpVersion, tls.headers['x-fake']]).to.deep.equal(['2.0', 'one']);
  });

  it('headers choose among rules; more of them come first, then the older route', async () => {
    const team = (value: string) => ({ headers: { 'x-team': value } });
    expect(await ask('headers.org', 'h')).to.equal('one');
    expect(await ask('headers.org', 'h', team('red'))).to.equal('two');
    expect(await ask('headers.org', 'h', team('blue'))).to.equal('three');
    expect(await ask('headers.org', 'h', team('not blue'))).to.equal('one');
    expect(await ask('headers.org', 'hx')).to.equal('four');
    expect(await ask('headers.org', 'y')).to.equal('two');
    expect(await ask('headers.org', 'y', team('red'))).to.equal('one');
    expect(await ask('headers.org', 'z')).to.equal('404');
  });

  it('forged internal headers change nothing', async () => {
    const headers = { 'x-ai-eg-model': 'h', 'x-headgate-api': 'openai', 'x-headgate-path': '/v1/models' };
    expect(await ask('headers.org', 'y', { headers })).to.equal('two');
    expect(await ask('headers.org', 'z', { headers })).to.equal('404');
    const forged = await request({
      port: portOf(0),
      path: '/elsewhere',
      host: 'headers.org',
      method: 'POST',
      headers,
      body: 'x',
    });
    expect(forged.status).to.equal(404);
    const twice = await request(
      options('headers.org', 'z', {
        headers: [
          ['x-ai-eg-model', 'h'],
          ['X-AI-EG-Model', 'y'],
        ],
      }),
    );
    expect(twice.status).to.equal(404);
    const { headers: seen } = (await request(options('headers.org', 'y', { headers }))) && (fakes[1] as Fake).last;
    for (const name of Object.keys(headers)) expect(seen).not.to.have.property(name);
  });

  it('/v1/models lists the models of the host in the shape of OpenAI', async () => {
    expect(await models('other.org')).to.deep.equal({
      object: 'list',
      data: [{ id: 'm', object: 'model', created: 1_735_787_045, owned_by: 'me' }],
    });
    expect(await ids('headers.org')).to.deep.equal(['h', 'y']);
    expect(await ids('headers.org', { path: '/v1/models?limit=2' })).to.deep.equal(['h', 'y']);
    expect(await ids('api.example.test:1234')).to.deep.equal(['m']);
  });

  it('/v1/models has the shape of Anthropic below its prefix, and for its clients', async () => {
    const expected = {
      data: [{ id: 'm', type: 'model', display_name: 'm', created_at: '2025-01-02T03:04:05Z' }],
      first_id: 'm',
      last_id: 'm',
      has_more: false,
    };
    expect(await models('other.org', { path: '/anthropic/v1/models' })).to.deep.equal(expected);
    expect(await models('other.org', { path: '/anthropic/v1/models?limit=20' })).to.deep.equal(expected);
    expect(await models('other.org', { headers: { 'anthropic-version': '2023-06-01' } })).to.deep.equal(expected);
  });

  it('/v1/models takes GET alone', async () => {
    const status = async (method: string): Promise<number> =>
      ((await request({ port: portOf(0), path: '/v1/models', method })) as ClientResponse).status;
    expect(await status('POST')).to.equal(404);
    expect(await status('DELETE')).to.equal(404);
  });
});
