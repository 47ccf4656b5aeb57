import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, multipartForm, request } from '../../support/index.ts';

const AUTH = { authorization: `Bearer ${OPENAI_KEY}` };
const HELLO = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello there' }] };

describe('fake of OpenAI', () => {
  let fake: Fake;
  before(async () => {
    fake = await startOpenAi({ name: 'a' });
  });
  after(() => fake.close());
  beforeEach(() => fake.reset());

  const post = (path: string, body: unknown, headers: Record<string, string> = AUTH): Promise<ClientResponse> =>
    request({ port: fake.port, path, body, headers });
  const chat = (more: object): Promise<ClientResponse> => post('/v1/chat/completions', { ...HELLO, ...more });

  it('answers a chat completion with its usage and records the request', async () => {
    const response = await chat({ temperature: 1 });
    expect(response.status).to.equal(200);
    expect(response.headers).to.include({
      'content-type': 'application/json',
      'x-fake': 'a',
      'x-request-id': 'req_a_1',
    });
    expect(response.json).to.deep.include({ object: 'chat.completion', model: 'gpt-4o' });
    expect(response.json).to.have.nested.property('choices[0].message.content', 'alpha bravo charlie delta echo');
    expect(response.json).to.have.property('usage').that.deep.includes({
      prompt_tokens: 3,
      completion_tokens: 5,
      total_tokens: 8,
    });
    expect(fake.requests).to.have.length(1);
    expect(fake.last).to.include({ method: 'POST', path: '/v1/chat/completions', complete: true, httpVersion: '1.1' });
    expect(fake.last.json).to.deep.equal({ ...HELLO, temperature: 1 });
    expect(fake.last.rawHeaders.map(([name]) => name)).to.include('authorization');
    expect(fake.last.outcome).to.include({ status: 200, clientAborted: false });
    expect(fake.last.outcome.usage).to.include({ input: 3, output: 5 });
  });

  it('streams chunks and tells usage only when asked', async () => {
    fake.settings.chunks = 3;
    const plain = await chat({ stream: true });
    expect(plain.headers['content-type']).to.match(/^text\/event-stream/);
    const events = plain.sse();
    expect(events.at(-1)?.data).to.equal('[DONE]');
    expect(events).to.have.length(1 + 3 + 1 + 1);
    expect(plain.text).not.to.include('usage');

    fake.settings.usage = { input: 100, output: 20, cached: 64, reasoning: 8 };
    const counted = (await chat({ stream: true, stream_options: { include_usage: true } })).sse();
    expect(counted[0]?.json).to.have.property('usage', null);
    const last = counted.at(-2)?.json;
    expect(last).to.have.deep.property('choices', []);
    expect(last).to.have.nested.property('usage.total_tokens', 120);
    expect(last).to.have.nested.property('usage.prompt_tokens_details.cached_tokens', 64);
    expect(last).to.have.nested.property('usage.completion_tokens_details.reasoning_tokens', 8);
  });

  it('gives the same stream in writes of two bytes, with CRLF, and compressed', async () => {
    const whole = (await chat({ stream: true })).sse().length;
    fake.settings.splitBytes = 2;
    fake.settings.lineEnd = '\r\n';
    const split = await chat({ stream: true });
    expect(split.sse()).to.have.length(whole);
    expect(split.chunks.length).to.be.greaterThan(whole);
    fake.settings.compress = 'gzip';
    const zipped = await post('/v1/chat/completions', HELLO, { ...AUTH, 'accept-encoding': 'gzip' });
    expect(zipped.headers['content-encoding']).to.equal('gzip');
    expect((await chat({})).headers).not.to.have.property('content-encoding');
  });

  const refusals: [string, () => Promise<ClientResponse>, number, string | null][] = [
    ['no key', () => post('/v1/chat/completions', HELLO, {}), 401, null],
    ['another key', () => post('/v1/chat/completions', HELLO, { authorization: 'Bearer x' }), 401, 'invalid_api_key'],
    ['an unknown path', () => post('/v1/chat/completion', HELLO), 404, null],
    [
      'a wrong method',
      () => request({ port: fake.port, path: '/v1/embeddings', headers: AUTH }),
      405,
      'method_not_supported',
    ],
    [
      'a wrong content type',
      () => post('/v1/chat/completions', HELLO, { ...AUTH, 'content-type': 'text/plain' }),
      415,
      'unsupported_content_type',
    ],
    ['broken JSON', () => post('/v1/chat/completions', '{"model":'), 400, null],
    ['JSON that is no object', () => post('/v1/chat/completions', '[]'), 400, null],
    ['no model', () => post('/v1/chat/completions', { messages: HELLO.messages }), 400, null],
    ['no messages', () => post('/v1/chat/completions', { model: 'm' }), 400, 'missing_required_parameter'],
    ['empty messages', () => chat({ messages: [] }), 400, 'empty_array'],
    ['an unknown role', () => chat({ messages: [{ role: 'robot', content: 'x' }] }), 400, 'invalid_value'],
    ['an unknown field', () => chat({ top_k: 3 }), 400, 'unknown_parameter'],
    ['a field of a wrong type', () => chat({ stream: 'yes' }), 400, 'invalid_type'],
    ['a value out of range', () => chat({ temperature: 3 }), 400, 'invalid_value'],
    ['stream options without a stream', () => chat({ stream_options: { include_usage: true } }), 400, null],
    [
      'an unknown stream option',
      () => chat({ stream: true, stream_options: { usage: true } }),
      400,
      'unknown_parameter',
    ],
  ];
  for (const [what, send, status, code] of refusals) {
    it(`refuses ${what} as OpenAI does`, async () => {
      const response = await send();
      expect(response.status).to.equal(status);
      expect(response.json).to.have.nested.property('error.code', code);
      expect(response.json).to.have.nested.property('error.message').that.is.a('string');
    });
  }

  it('knows only the configured models', async () => {
    fake.settings.models = ['gpt-4o'];
    expect((await chat({})).status).to.equal(200);
    expect((await chat({ model: 'gpt-5' })).json).to.have.nested.property('error.code', 'model_not_found');
    const list = await request({ port: fake.port, path: '/v1/models', headers: AUTH });
    expect(list.json).to.have.nested.property('data[0].id', 'gpt-4o');
  });

  it('notices duplicate keys at any depth, also when one is escaped', async () => {
    await post(
      '/v1/chat/completions',
      '{"model":"a","messages":[{"role":"user","content":"x","role":"user"}],"mod\\u0065l":"b"}',
    );
    expect(fake.last.duplicateKeys).to.deep.equal(['messages.0.role', 'model']);
  });

  it('answers completions and embeddings', async () => {
    const text = await post('/v1/completions', { model: 'm', prompt: 'once' });
    expect(text.json).to.have.nested.property('choices[0].text', 'alpha bravo charlie delta echo');
    const streamed = await post('/v1/completions', { model: 'm', prompt: 'once', stream: true });
    expect(streamed.sse()).to.have.length(5 + 1 + 1);
    const vectors = await post('/v1/embeddings', { model: 'm', input: ['one', 'two'] });
    expect(vectors.json).to.have.property('data').with.length(2);
    expect(vectors.json).to.have.deep.property('usage', { prompt_tokens: 2, total_tokens: 2 });
    expect((await post('/v1/embeddings', { model: 'm', input: [] })).status).to.equal(400);
  });

  it('answers responses in one piece and as named events without [DONE]', async () => {
    const unary = await post('/v1/responses', { model: 'm', input: 'hello' });
    expect(unary.json).to.have.nested.property('usage.output_tokens', 5);
    const events = (await post('/v1/responses', { model: 'm', input: 'hello', stream: true })).sse();
    expect(events[0]?.event).to.equal('response.created');
    expect(events.at(-1)?.event).to.equal('response.completed');
    expect(events.at(-1)?.json).to.have.nested.property('response.usage.total_tokens', 7);
    expect((await post('/v1/responses', { model: 'm' })).status).to.equal(400);
    const counted = await post('/v1/responses/input_tokens', { model: 'm', input: 'hello' });
    expect(counted.json).to.deep.equal({ object: 'response.input_tokens', input_tokens: 2 });
  });

  it('answers images, speech and tokenize', async () => {
    const image = await post('/v1/images/generations', { model: 'gpt-image-1', prompt: 'a cat', n: 2 });
    expect(image.json).to.have.property('data').with.length(2);
    const sound = await post('/v1/audio/speech', { model: 'tts-1', input: 'hi', voice: 'alloy' });
    expect(sound.headers['content-type']).to.equal('audio/mpeg');
    expect((await post('/v1/audio/speech', { model: 'tts-1', input: 'hi' })).status).to.equal(400);
    const tokens = await post('/tokenize', { model: 'm', prompt: 'eight chars' });
    expect(tokens.json).to.include({ count: 3, max_model_len: 131_072 });
  });

  it('answers transcriptions and translations of forms, and refuses what is no form', async () => {
    const file = { name: 'file', filename: 'a.mp3', data: Buffer.from('not really sound') };
    const form = multipartForm([file, { name: 'model', value: 'whisper-1' }]);
    for (const path of ['/v1/audio/transcriptions', '/v1/audio/translations']) {
      const good = await request({ port: fake.port, path, ...form, headers: { ...AUTH, ...form.headers } });
      expect(good.json).to.have.property('text', 'alpha bravo charlie delta echo');
      expect(fake.last.form?.map((part) => part.name)).to.deep.equal(['file', 'model']);
      expect((await post(path, { model: 'whisper-1' })).status).to.equal(415);
      const cut = { ...form, body: form.body.subarray(0, form.body.length - 6) };
      expect((await request({ port: fake.port, path, ...cut, headers: { ...AUTH, ...cut.headers } })).status).to.equal(
        400,
      );
      const noFile = multipartForm([{ name: 'model', value: 'whisper-1' }]);
      expect(
        (await request({ port: fake.port, path, ...noFile, headers: { ...AUTH, ...noFile.headers } })).status,
      ).to.equal(400);
    }
  });
});
