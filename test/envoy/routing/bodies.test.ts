import { request as httpRequest } from 'node:http';
import { expect } from 'chai';
import { ANTHROPIC_KEY, type Fake, OPENAI_KEY, startAnthropic, startOpenAi } from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePort, type RequestOptions, request, requestH2 } from '../../support/index.ts';
import { gatewayYaml } from '../support/objects.ts';
import { sendRaw } from './raw.ts';

const CHAT = '/v1/chat/completions';
const MESSAGES = '/anthropic/v1/messages';
const MEGABYTE = 1024 * 1024;

interface ErrorBody {
  readonly type?: string;
  readonly error: { readonly type: string; readonly message: string; readonly code?: string };
}

/** Fails unless a response is an error in the shape of the path's API. */
function expectError(
  response: Pick<ClientResponse, 'status' | 'text' | 'headers'>,
  path: string,
  status: number,
): ErrorBody {
  expect(response.status, response.text).to.equal(status);
  expect(response.headers['content-type']).to.equal('application/json');
  const body = JSON.parse(response.text) as ErrorBody;
  if (path.startsWith('/anthropic/')) expect(body.type).to.equal('error');
  else expect(body.error).to.have.keys('message', 'type', 'param', 'code');
  return body;
}

describe('request bodies', function () {
  this.timeout(60_000);
  let port: number;
  let gateway: TestGateway;
  let openai: Fake;
  let anthropic: Fake;

  const send = (path: string, options: Partial<RequestOptions>): Promise<ClientResponse> =>
    request({ port, path, method: 'POST', ...options });
  const chat = (model: string, size = 2) => ({ model, messages: [{ role: 'user', content: 'h'.repeat(size) }] });

  before(async () => {
    port = await freePort();
    openai = await startOpenAi();
    anthropic = await startAnthropic();
    gateway = await startGateway({
      yaml: gatewayYaml({
        port,
        backends: {
          openai: { port: openai.port, key: OPENAI_KEY },
          anthropic: {
            port: anthropic.port,
            key: ANTHROPIC_KEY,
            keyType: 'AnthropicAPIKey',
            schema: { name: 'Anthropic' },
          },
        },
        models: { gpt: { refs: ['openai'] }, claude: { refs: ['anthropic'] } },
      }),
    });
  });

  beforeEach(() => Promise.all([openai.reset(), anthropic.reset()]));

  after(async () => {
    await gateway?.stop();
    await openai.close();
    await anthropic.close();
  });

  it('of 20 MB pass', async () => {
    const response = await send(CHAT, { body: chat('gpt', 20 * MEGABYTE) });
    expect(response.status, response.text).to.equal(200);
    expect(openai.last.body.length).to.be.greaterThan(20 * MEGABYTE);
  });

  it('of 20 MB for a model that is not there are 404, not 413', async () => {
    const response = await send(CHAT, { body: chat('nobody', 20 * MEGABYTE) });
    const { error } = expectError(response, CHAT, 404);
    expect(error.message).to.contain('nobody');
    expect(error.code).to.equal('model_not_found');
  });

  for (const [path, type] of [
    [CHAT, 'invalid_request_error'],
    [MESSAGES, 'request_too_large'],
  ] as const) {
    it(`over 32 MiB are 413 on ${path}`, async () => {
      // The answer comes before the body is sent: the client must look for it while it writes.
      const response = await new Promise<Pick<ClientResponse, 'status' | 'text' | 'headers'>>((resolve, reject) => {
        const call = httpRequest({ port, path, method: 'POST', headers: { 'content-type': 'application/json' } });
        call.on('response', (answer) => {
          const pieces: Buffer[] = [];
          answer.on('data', (piece: Buffer) => pieces.push(piece));
          answer.on('close', () =>
            resolve({
              status: answer.statusCode ?? 0,
              text: Buffer.concat(pieces).toString(),
              headers: answer.headers as Record<string, string>,
            }),
          );
        });
        call.on('error', reject);
        call.end(JSON.stringify(chat('gpt', 33 * MEGABYTE)));
      });
      expect(expectError(response, path, 413).error.type).to.equal(type);
      expect(openai.arrived + anthropic.arrived).to.equal(0);
    });

    const bad: Record<string, string> = {
      'that are no JSON': '{"model":"gpt",',
      'that name the model twice': '{"model":"gpt","messages":[],"model":"other"}',
      'that hold any key twice': '{"model":"gpt","stream":false,"stream":true}',
      'that hold a key twice in other writing': '{"model":"gpt","\\u006dodel":"other"}',
      'without a model': '{"messages":[]}',
      'with a model that is no text': '{"model":["gpt"]}',
      'that are a list': '[{"model":"gpt"}]',
      'that are empty': '',
    };
    for (const [what, body] of Object.entries(bad)) {
      it(`${what} are 400 on ${path}`, async () => {
        const response = await send(path, { body });
        expect(expectError(response, path, 400).error.type).to.equal('invalid_request_error');
        expect(openai.arrived + anthropic.arrived).to.equal(0);
      });
    }

    it(`that say no length at all are 400 on ${path}`, async () => {
      const [answer] = await sendRaw(
        port,
        `POST ${path} HTTP/1.1\r\nhost: a.test\r\ncontent-type: application/json\r\n\r\n`,
      );
      expect(answer?.status).to.equal(400);
      expect(openai.arrived + anthropic.arrived).to.equal(0);
    });

    it(`name a model that is not there: 404 with its name on ${path}`, async () => {
      const response = await send(path, { body: chat('no "such" model') });
      expect(expectError(response, path, 404).error.message).to.contain('no "such" model');
    });

    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
      it(`${method} ${path} is 404`, async () => {
        const response = await request({ port, path, method });
        if (method === 'HEAD') expect(response.status).to.equal(404);
        else expectError(response, path, 404);
      });
    }
  }

  it('come in chunks', async () => {
    const response = await send(CHAT, { headers: { 'transfer-encoding': 'chunked' }, body: chat('gpt', 100_000) });
    expect(response.status, response.text).to.equal(200);
    expect(openai.last.json).to.deep.equal(chat('gpt', 100_000));
  });

  it('come after Expect: 100-continue', async () => {
    let continued = false;
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const body = JSON.stringify(chat('gpt'));
      const headers = { expect: '100-continue', 'content-type': 'application/json', 'content-length': body.length };
      const call = httpRequest({ port, path: CHAT, method: 'POST', headers });
      call.on('continue', () => {
        continued = true;
        call.end(body);
      });
      call.on('response', (response) => resolve(response.resume().statusCode));
      call.on('error', reject);
      call.flushHeaders();
    });
    expect(status).to.equal(200);
    expect(continued).to.equal(true);
  });

  it('come over HTTP/2', async () => {
    const response = await requestH2({ port, path: CHAT, host: 'a.test', body: chat('gpt', 3 * MEGABYTE) });
    expect(response.status, response.text).to.equal(200);
    expect(openai.last.body.length).to.be.greaterThan(3 * MEGABYTE);
  });

  it('unknown paths are 404 in the shape of their API', async () => {
    for (const path of ['/v1/nothing', '/', '/anthropic/v1/nothing', '/cohere/v1/chat']) {
      expectError(await send(path, { body: chat('gpt') }), path, 404);
    }
  });

  describe('when the gateway must answer by itself', () => {
    const message = { model: 'claude', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] };
    const ask = (path: string): Promise<ClientResponse> =>
      send(path, { body: path === CHAT ? chat('gpt') : message, headers: { 'anthropic-version': '2023-06-01' } });

    for (const path of [CHAT, MESSAGES]) {
      it(`a backend that refuses connections is 503 on ${path}`, async () => {
        await openai.refuse();
        await anthropic.refuse();
        const { error } = expectError(await ask(path), path, 503);
        expect(error.type).to.equal(path === CHAT ? 'server_error' : 'overloaded_error');
        expect(error.message).to.equal('No backend could serve the request.');
      });

      it(`a backend that resets is an error on ${path}`, async () => {
        openai.fault = () => ({ reset: true });
        anthropic.fault = () => ({ reset: true });
        expectError(await ask(path), path, 503);
      });
    }
  });
});

describe('request bodies of a gateway with settings of its own', function () {
  this.timeout(60_000);

  it('are limited by them, and time out in the shape of the API', async () => {
    const port = await freePort();
    const anthropic = await startAnthropic();
    anthropic.fault = () => ({ hang: true });
    const gateway = await startGateway({
      policy: { maxRequestBodyBytes: 100_000, endpointPrefixes: { openai: '/llm', anthropic: '', cohere: '/co' } },
      yaml: gatewayYaml({
        port,
        backends: {
          anthropic: {
            port: anthropic.port,
            key: ANTHROPIC_KEY,
            keyType: 'AnthropicAPIKey',
            schema: { name: 'Anthropic' },
          },
        },
        models: { claude: { refs: ['anthropic'], fields: { timeouts: { request: '300ms' } } } },
      }),
    });
    try {
      const ask = (path: string, content: string): Promise<ClientResponse> =>
        request({
          port,
          path,
          headers: { 'anthropic-version': '2023-06-01' },
          body: { model: 'claude', max_tokens: 5, messages: [{ role: 'user', content }] },
        });
      const late = await ask('/v1/messages', 'hi');
      expect(late.status, late.text).to.equal(504);
      expect((late.json as ErrorBody).error.type).to.equal('timeout_error');
      const large = await ask('/v1/messages', 'h'.repeat(500_000));
      expect(large.status).to.equal(413);
      expect((large.json as ErrorBody).error.type).to.equal('request_too_large');
      expect((await ask('/llm/v1/chat/completions', 'hi')).status).to.equal(501);
      expect((await ask('/v1/chat/completions', 'hi')).status).to.equal(404);
      expect((await ask('/v1/messages/other', 'hi')).json).to.have.property('type', 'error');
    } finally {
      await gateway.stop();
      await anthropic.close();
    }
  });
});
