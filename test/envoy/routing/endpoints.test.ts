import { expect } from 'chai';
import {
  ANTHROPIC_KEY,
  AZURE_KEY,
  COHERE_KEY,
  type Fake,
  OPENAI_KEY,
  startAnthropic,
  startAzure,
  startCohere,
  startOpenAi,
} from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePort, type RequestOptions, request, until } from '../../support/index.ts';
import { gatewayYaml } from '../support/objects.ts';
import { ANTHROPIC_REQUESTS, OPENAI_REQUESTS, RERANK, TOKENIZE } from './requests.ts';

interface Error501 {
  readonly type?: string;
  readonly error: { readonly type: string; readonly message: string };
}

const CHAT = '/v1/chat/completions';

describe('inference endpoints', function () {
  this.timeout(60_000);
  let port: number;
  let gateway: TestGateway;
  const fakes: Record<string, Fake> = {};
  const fake = (name: string): Fake => fakes[name] as Fake;

  const send = (path: string, options: Partial<RequestOptions>): Promise<ClientResponse> =>
    request({ port, path, method: 'POST', ...options });

  before(async () => {
    port = await freePort();
    fakes.openai = await startOpenAi();
    fakes.prefixed = await startOpenAi({ name: 'prefixed', prefix: '/v1beta/openai' });
    fakes.azure = await startAzure();
    fakes.anthropic = await startAnthropic();
    fakes.claude = await startAnthropic({ name: 'claude', prefix: '/api/v1' });
    fakes.cohere = await startCohere();
    const azure = { name: 'AzureOpenAI', version: '2025-01-01-preview' };
    gateway = await startGateway({
      yaml: gatewayYaml({
        port,
        backends: {
          openai: { port: fake('openai').port, key: OPENAI_KEY },
          prefixed: {
            port: fake('prefixed').port,
            key: OPENAI_KEY,
            schema: { name: 'OpenAI', prefix: 'v1beta/openai/' },
          },
          azure: { port: fake('azure').port, key: AZURE_KEY, keyType: 'AzureAPIKey', schema: azure },
          anthropic: {
            port: fake('anthropic').port,
            key: ANTHROPIC_KEY,
            keyType: 'AnthropicAPIKey',
            schema: { name: 'Anthropic' },
          },
          claude: {
            port: fake('claude').port,
            key: ANTHROPIC_KEY,
            keyType: 'AnthropicAPIKey',
            schema: { name: 'Anthropic', prefix: '/api/v1' },
          },
          bedrock: { port: fake('openai').port, schema: { name: 'AWSBedrock' } },
          cohere: { port: fake('cohere').port, key: COHERE_KEY, schema: { name: 'Cohere', version: 'v2' } },
        },
        models: {
          openai: { refs: ['openai'] },
          prefixed: { refs: ['prefixed'] },
          azure: { refs: ['azure'] },
          renamed: { refs: [{ name: 'azure', modelNameOverride: 'my deployment/1' }] },
          anthropic: { refs: ['anthropic'] },
          claude: { refs: ['claude'] },
          cohere: { refs: ['cohere'] },
          bedrock: { refs: ['bedrock'] },
          'bedrock-first': { refs: ['bedrock', 'openai'] },
        },
      }),
    });
  });

  beforeEach(() => Promise.all(Object.values(fakes).map((one) => one.reset())));

  after(async () => {
    await gateway?.stop();
    for (const one of Object.values(fakes)) await one.close();
  });

  afterEach(() => {
    for (const one of Object.values(fakes)) {
      expect(one.protocolErrors, one.name).to.deep.equal([]);
      expect(one.foreignCredentials, one.name).to.deep.equal([]);
    }
  });

  for (const [path, make] of Object.entries({ ...OPENAI_REQUESTS, '/tokenize': TOKENIZE })) {
    it(`POST ${path} reaches an OpenAI backend as it is`, async () => {
      const response = await send(path, make('openai'));
      expect(response.status, response.text).to.equal(200);
      expect(fake('openai').last.path).to.equal(path);
      const { body } = make('openai');
      const expected = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      expect(fake('openai').last.body.equals(expected)).to.equal(true);
    });
  }

  for (const [path, make] of Object.entries(OPENAI_REQUESTS)) {
    it(`POST ${path} reaches a backend with a path prefix`, async () => {
      const response = await send(`${path}?trace=1`, make('prefixed'));
      expect(response.status, response.text).to.equal(200);
      expect(fake('prefixed').last.path).to.equal(`${path.replace('/v1/', '/v1beta/openai/')}?trace=1`);
    });

    it(`POST ${path} reaches Azure at the deployment of the model`, async () => {
      const response = await send(path, make('azure'));
      expect(response.status, response.text).to.equal(200);
      expect(fake('azure').last.query.get('api-version')).to.equal('2025-01-01-preview');
      const isResponses = path.startsWith('/v1/responses');
      const end = path.slice('/v1/'.length);
      expect(fake('azure').last.pathname).to.equal(isResponses ? `/openai/${end}` : `/openai/deployments/azure/${end}`);
    });
  }

  it('Azure gets the overriding model in its path and keeps the query of the client', async () => {
    const response = await send('/v1/chat/completions?x=1', OPENAI_REQUESTS['/v1/chat/completions']?.('renamed') ?? {});
    expect(response.status, response.text).to.equal(200);
    const { path } = fake('azure').last;
    expect(path).to.equal(
      '/openai/deployments/my%20deployment%2F1/chat/completions?api-version=2025-01-01-preview&x=1',
    );
  });

  for (const [path, make] of Object.entries(ANTHROPIC_REQUESTS)) {
    it(`POST ${path} reaches Anthropic`, async () => {
      const response = await send(path, make('anthropic'));
      expect(response.status, response.text).to.equal(200);
      expect(fake('anthropic').last.path).to.equal(path.slice('/anthropic'.length));
    });

    it(`POST ${path} reaches an Anthropic with a path prefix`, async () => {
      const response = await send(path, make('claude'));
      expect(response.status, response.text).to.equal(200);
      expect(fake('claude').last.path).to.equal(path.replace('/anthropic/v1', '/api/v1'));
    });

    it(`POST ${path} to an OpenAI backend is 501 in Anthropic's shape`, async () => {
      const response = await send(path, make('openai'));
      expect(response.status).to.equal(501);
      expect(response.headers['content-type']).to.equal('application/json');
      const { type, error } = response.json as Error501;
      expect(type).to.equal('error');
      expect(error.type).to.equal('api_error');
      expect(error.message).to.contain('cannot be translated');
    });
  }

  it('POST /cohere/v2/rerank reaches Cohere', async () => {
    const response = await send('/cohere/v2/rerank', RERANK('cohere'));
    expect(response.status, response.text).to.equal(200);
    expect(fake('cohere').last.path).to.equal('/v2/rerank');
  });

  const unserved = [
    ...Object.entries(OPENAI_REQUESTS).flatMap(([path, make]) => [
      { path, model: 'anthropic', make },
      { path, model: 'cohere', make },
    ]),
    { path: '/cohere/v2/rerank', model: 'openai', make: RERANK },
    { path: '/tokenize', model: 'azure', make: TOKENIZE },
    { path: '/tokenize', model: 'anthropic', make: TOKENIZE },
  ];
  for (const { path, model, make } of unserved) {
    it(`POST ${path} to ${model}, which does not speak it, is 501 in OpenAI's shape`, async () => {
      const response = await send(path, make(model));
      expect(response.status).to.equal(501);
      const { type, error } = response.json as Error501;
      expect(type).to.equal(undefined);
      expect(error.type).to.equal('server_error');
      expect(error.message).to.contain('cannot be translated');
      for (const one of Object.values(fakes)) expect(one.arrived, one.name).to.equal(0);
    });
  }

  it('a provider that needs translation is a finding, and passed over where another one serves', async () => {
    const findings = gateway.findings().filter((line) => line.includes('HG0303'));
    expect(findings.join('\n')).to.contain('AIGatewayRoute/default/bedrock:').and.contain('AWSBedrock');
    const chat = OPENAI_REQUESTS[CHAT];
    if (!chat) throw new Error(CHAT);
    expect((await send(CHAT, chat('bedrock'))).status).to.equal(501);
    expect((await send(CHAT, chat('bedrock-first'))).headers['x-fake']).to.equal('openai');
  });

  it('credentials in a query and the API version stay behind, all else goes on', async () => {
    const query = '?beta=true&key=a&API-Key=b&%6bey=c&access_token=d&api-version=2020-01-01&x=1';
    for (const model of ['openai', 'azure']) {
      const response = await send(CHAT + query, OPENAI_REQUESTS[CHAT]?.(model) ?? {});
      expect(response.status, response.text).to.equal(200);
    }
    expect(fake('openai').last.path).to.equal(`${CHAT}?beta=true&x=1`);
    expect(fake('azure').last.path.split('?')[1]).to.equal('api-version=2025-01-01-preview&beta=true&x=1');
  });

  it('the access log says which route, and nothing of the query', async () => {
    await send(`${CHAT}?key=in-the-query`, {
      host: 'log.test',
      body: { model: 'openai', messages: [{ role: 'user', content: 'hi' }] },
    });
    await until(() => gateway.envoy.stdout.some((line) => line.includes('log.test')), {
      what: 'the access log',
    });
    expect(gateway.envoy.accessLog().at(-1)).to.include({ status: 200, method: 'POST', path: CHAT, model: 'openai' });
    expect(gateway.envoy.stdout.join('\n')).not.to.contain('in-the-query');
  });
});
