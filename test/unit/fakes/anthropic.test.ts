import { expect } from 'chai';
import { ANTHROPIC_KEY, type Fake, startAnthropic } from '../../fakes/index.ts';
import { type ClientResponse, request } from '../../support/index.ts';

const AUTH = { 'x-api-key': ANTHROPIC_KEY, 'anthropic-version': '2023-06-01' };
const HELLO = { model: 'claude', max_tokens: 64, messages: [{ role: 'user', content: 'hello there' }] };

describe('fake of Anthropic', () => {
  let fake: Fake;
  before(async () => {
    fake = await startAnthropic();
  });
  after(() => fake.close());
  beforeEach(() => fake.reset());

  const post = (
    body: unknown,
    headers: Record<string, string> = AUTH,
    path = '/v1/messages',
  ): Promise<ClientResponse> => request({ port: fake.port, path, body, headers });

  it('answers a message with its usage', async () => {
    fake.settings.usage = { cached: 7, cacheCreation: 9 };
    const response = await post({ ...HELLO, system: 'be brief' });
    expect(response.status).to.equal(200);
    expect(response.headers['request-id']).to.equal('req_anthropic_1');
    expect(response.json).to.have.nested.property('content[0].text', 'alpha bravo charlie delta echo');
    expect(response.json).to.have.property('usage').that.includes({
      input_tokens: 5,
      cache_read_input_tokens: 7,
      cache_creation_input_tokens: 9,
      output_tokens: 5,
    });
  });

  it('streams the events in their order, usage at both ends', async () => {
    fake.settings.chunks = 2;
    fake.settings.usage = { input: 30, output: 12, cached: 4 };
    const events = (await post({ ...HELLO, stream: true })).sse();
    expect(events.map(({ event }) => event)).to.deep.equal([
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events[0]?.json)
      .to.have.nested.property('message.usage')
      .that.includes({ input_tokens: 30, output_tokens: 1 });
    expect(events[6]?.json).to.have.deep.property('usage', {
      input_tokens: 30,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 4,
      output_tokens: 12,
    });
    fake.settings.deltaInputTokens = false;
    const older = (await post({ ...HELLO, stream: true })).sse();
    expect(older[6]?.json).to.have.deep.property('usage', { output_tokens: 12 });
  });

  it('counts tokens and lists models', async () => {
    const { max_tokens: _unused, ...input } = HELLO;
    expect((await post(input, AUTH, '/v1/messages/count_tokens')).json).to.deep.equal({ input_tokens: 3 });
    expect((await post(HELLO, AUTH, '/v1/messages/count_tokens')).status).to.equal(400);
    const list = await request({ port: fake.port, path: '/v1/models', headers: AUTH });
    expect(list.json).to.include({ first_id: 'claude-sonnet-4-5', has_more: false });
  });

  const without = (name: string): Record<string, string> =>
    Object.fromEntries(Object.entries(AUTH).filter(([key]) => key !== name));

  const refusals: [string, () => Promise<ClientResponse>, number, string, string][] = [
    ['no key', () => post(HELLO, without('x-api-key')), 401, 'authentication_error', 'required'],
    ['another key', () => post(HELLO, { ...AUTH, 'x-api-key': 'x' }), 401, 'authentication_error', 'invalid x-api-key'],
    ['no version', () => post(HELLO, without('anthropic-version')), 400, 'invalid_request_error', 'anthropic-version'],
    [
      'a bearer key',
      () => post(HELLO, { ...without('x-api-key'), authorization: 'Bearer x' }),
      401,
      'authentication_error',
      '',
    ],
    ['an unknown path', () => post(HELLO, AUTH, '/v1/chat/completions'), 404, 'not_found_error', ''],
    [
      'a wrong method',
      () => request({ port: fake.port, path: '/v1/messages', headers: AUTH }),
      405,
      'invalid_request_error',
      '',
    ],
    [
      'a wrong content type',
      () => post(HELLO, { ...AUTH, 'content-type': 'text/plain' }),
      400,
      'invalid_request_error',
      'content-type',
    ],
    ['broken JSON', () => post('{'), 400, 'invalid_request_error', 'JSON'],
    [
      'no max_tokens',
      () => post({ ...HELLO, max_tokens: undefined }),
      400,
      'invalid_request_error',
      'max_tokens: Field required',
    ],
    ['no model', () => post({ ...HELLO, model: undefined }), 400, 'invalid_request_error', 'model: Field required'],
    [
      'a system role',
      () => post({ ...HELLO, messages: [{ role: 'system', content: 'x' }] }),
      400,
      'invalid_request_error',
      'role',
    ],
    ["OpenAI's fields", () => post({ ...HELLO, stream_options: {} }), 400, 'invalid_request_error', 'Extra inputs'],
    ["OpenAI's temperatures", () => post({ ...HELLO, temperature: 1.5 }), 400, 'invalid_request_error', 'temperature'],
  ];
  for (const [what, send, status, type, message] of refusals) {
    it(`refuses ${what} as Anthropic does`, async () => {
      const response = await send();
      expect(response.status).to.equal(status);
      expect(response.json).to.have.property('type', 'error');
      expect(response.json).to.have.nested.property('error.type', type);
      expect(response.json).to.have.nested.property('error.message').that.includes(message);
    });
  }

  it('gives faults in its own shape, and records foreign credentials', async () => {
    fake.fault = () => ({ status: 529 });
    const response = await post(HELLO, { ...AUTH, authorization: 'Bearer sk-openai-test' });
    expect(response.json).to.have.nested.property('error.type', 'overloaded_error');
    expect(fake.foreignCredentials.map(({ where }) => where)).to.deep.equal(['authorization']);
  });
});
