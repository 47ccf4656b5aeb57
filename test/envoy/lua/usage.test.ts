import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import {
  ANTHROPIC_KEY,
  COHERE_KEY,
  type Fake,
  OPENAI_KEY,
  startAnthropic,
  startCohere,
  startOpenAi,
} from '../../fakes/index.ts';
import { type ClientResponse, multipartForm, request, until } from '../../support/index.ts';
import { startGateway, type TestGateway } from './gateway.ts';

const USAGE = { input: 1201, output: 57, cached: 300, reasoning: 13 };
const COUNTED = { input: 1201, output: 57, total: 1258, cached: 300, reasoning: 13, cache_creation: 0 };
const CHAT = { path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'hi' }] } };
const MESSAGES = {
  path: '/anthropic/v1/messages',
  body: { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] },
};

const COSTS = [
  ...['input', 'output', 'total', 'cached', 'cache_creation', 'reasoning'].map((count) => ({ key: count, count })),
  { key: 'weighted', lua: 'return function(u, model, backend, route) return u.input + 4 * u.output end' },
  {
    key: 'named',
    lua: 'return function(u, model, backend, route) return #model + 100 * #backend + 10000 * #route end',
  },
  { key: 'nothing', lua: 'return function(u) return nil end' },
  { key: 'broken', lua: 'return function(u) return u.absent.field end' },
  { key: 'after', lua: 'return function() return 7 end' },
];

/** Token counts, those that are zero filled in; undefined where there are none. */
function countsOf(told: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  return told && { cached: 0, reasoning: 0, cache_creation: 0, ...told };
}

describe('script: usage and costs', () => {
  let openai: Fake;
  let anthropic: Fake;
  let cohere: Fake;
  let gateway: TestGateway;
  let ids = 0;
  const ask = async (
    model: string,
    to: { path: string; body: object },
    more: object = {},
  ): Promise<{ response: ClientResponse; counts: unknown; costs: Record<string, unknown>; tried: unknown }> => {
    const id = `request-${ids++}`;
    const headers = { 'x-request-id': id, 'anthropic-version': '2023-06-01' };
    const response = await request({
      port: gateway.port,
      path: to.path,
      body: { model, ...to.body, ...more },
      headers,
    });
    const line = await gateway.logOf(id);
    const noted = (line.headgate ?? {}) as Record<string, unknown>;
    const costs = (line.costs ?? {}) as Record<string, unknown>;
    return {
      response,
      counts: countsOf(noted.usage as Record<string, unknown> | undefined),
      costs,
      tried: noted.tried,
    };
  };

  before(async () => {
    openai = await startOpenAi({ name: 'openai' });
    anthropic = await startAnthropic({ name: 'anthropic' });
    cohere = await startCohere({ name: 'cohere' });
    const facts = { force_usage: true, costs: COSTS };
    const bearer = { header: 'authorization', prefix: 'Bearer ' };
    gateway = await startGateway({
      backends: [
        { cluster: 'a', port: openai.port, credential: { ...bearer, secret: OPENAI_KEY } },
        { cluster: 'anthropic', port: anthropic.port, credential: { header: 'x-api-key', secret: ANTHROPIC_KEY } },
        { cluster: 'cohere', port: cohere.port, credential: { ...bearer, secret: COHERE_KEY } },
      ],
      routes: [
        { model: 'gpt', facts, groups: [{ a: 1 }] },
        { model: 'free' },
        { model: 'claude', cluster: 'anthropic', facts },
        { model: 'rank', cluster: 'cohere', facts },
      ],
    });
  });
  beforeEach(() => Promise.all([openai.reset(), anthropic.reset(), cohere.reset()]));
  after(async () => {
    await gateway?.envoy.stop();
    await Promise.all([openai, anthropic, cohere].map((fake) => fake?.close()));
  });

  it('counts a chat completion and computes its costs', async () => {
    openai.settings.usage = USAGE;
    openai.settings.responseModel = 'gpt-4o-2024';
    const { response, counts, costs } = await ask('gpt', CHAT);
    expect(response.status, response.text).to.equal(200);
    expect(counts).to.eql(COUNTED);
    expect(costs).to.include({ input: 1201, output: 57, total: 1258, cached: 300, reasoning: 13, cache_creation: 0 });
    expect(costs).to.include({ weighted: 1201 + 4 * 57, response_model: 'gpt-4o-2024' });
    expect(costs.named).to.equal('gpt'.length + 100 * 'default/a'.length + 10000 * 'default/gpt'.length);
  });

  it('leaves out a cost that has no value or fails, and keeps the others', async () => {
    const { costs } = await ask('gpt', CHAT);
    expect(costs).not.to.have.any.keys('nothing', 'broken');
    expect(costs).to.include({ after: 7 });
    expect(gateway.envoy.warnings.some((line) => line.includes('cost broken'))).to.equal(true);
  });

  it('counts a stream, in whatever pieces it comes', async () => {
    openai.settings.usage = USAGE;
    for (const splitBytes of [undefined, 1, 2, 7, 100]) {
      for (const lineEnd of ['\n', '\r\n'] as const) {
        Object.assign(openai.settings, { splitBytes, lineEnd });
        const { response, counts, costs } = await ask('gpt', CHAT, { stream: true });
        expect(response.sse().at(-1)?.data).to.equal('[DONE]');
        expect(counts, `${splitBytes} ${JSON.stringify(lineEnd)}`).to.eql(COUNTED);
        expect(costs.response_model).to.equal('gpt');
        expect(costs.token_latency_ttft).to.be.a('number').that.is.at.least(0);
        expect(costs.token_latency_itl).to.be.a('number').that.is.at.least(0);
      }
    }
  });

  it('counts responses, embeddings and transcriptions', async () => {
    openai.settings.usage = USAGE;
    const responses = { path: '/v1/responses', body: { input: 'hi' } };
    expect((await ask('gpt', responses)).counts).to.eql(COUNTED);
    openai.settings.splitBytes = 50;
    const streamed = await ask('gpt', responses, { stream: true });
    expect(streamed.counts).to.eql(COUNTED);
    expect(streamed.costs.response_model).to.equal('gpt');
    const embeddings = await ask('gpt', { path: '/v1/embeddings', body: { input: 'hi' } });
    expect(embeddings.counts).to.include({ input: 1201, total: 1201, output: 0 });
    const { body, headers } = multipartForm([
      { name: 'model', value: 'gpt' },
      { name: 'file', filename: 'a.mp3', data: Buffer.from('ID3') },
    ]);
    const id = 'request-form';
    await request({
      port: gateway.port,
      path: '/v1/audio/transcriptions',
      body,
      headers: { ...headers, 'x-request-id': id },
    });
    expect((await gateway.logOf(id)).headgate).to.have.nested.property('usage.input', 1201);
  });

  it('counts Anthropic messages, cached input included', async () => {
    anthropic.settings.usage = { input: 100, output: 57, cached: 30, cacheCreation: 8 };
    const expected = { input: 138, output: 57, total: 195, cached: 30, cache_creation: 8, reasoning: 0 };
    expect((await ask('claude', MESSAGES)).counts).to.eql(expected);
    for (const deltaInputTokens of [true, false]) {
      for (const splitBytes of [undefined, 2]) {
        Object.assign(anthropic.settings, { deltaInputTokens, splitBytes });
        const { response, counts, costs } = await ask('claude', MESSAGES, { stream: true });
        expect(response.status, response.text).to.equal(200);
        expect(counts).to.eql(expected);
        expect(costs.response_model).to.equal('claude');
      }
    }
  });

  it('counts a rerank', async () => {
    cohere.settings.usage = { input: 42 };
    const { response, counts } = await ask('rank', {
      path: '/cohere/v2/rerank',
      body: { query: 'q', documents: ['a'] },
    });
    expect(response.status, response.text).to.equal(200);
    expect(counts).to.include({ input: 42, output: 0, total: 42 });
  });

  it('is not deceived by usage inside content, nor by odd shapes', async () => {
    const usage = '"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}';
    const counted = { input: 5, output: 2, total: 7 };
    const fake = '"usage":{"prompt_tokens":99,"completion_tokens":99}';
    const answers: readonly (readonly [string, object | undefined])[] = [
      [`{"model":"m","choices":[{"message":{"content":${JSON.stringify(`{${fake}}`)}}}],${usage}}`, counted],
      [`{"model":"m","content":[{"type":"tool_use","input":{${fake}}}],${usage}}`, counted],
      [`{${usage},"content":[{"type":"tool_use","input":{${fake}}}]}`, counted],
      [`{"x":"usage",${usage}}`, counted],
      [`{"us\\u0061ge":1,${usage}}`, counted],
      [
        `{"usage":{"note":"}{\\"","prompt_tokens":5,"completion_tokens":2,"details":{"prompt_tokens":99},"total_tokens":7}}`,
        counted,
      ],
      [`{"usage" :\n{ "total_tokens" : 7 ,"prompt_tokens":5,"completion_tokens" :2}}`, counted],
      [`{"usage":{"prompt_tokens":-5,"completion_tokens":"2","total_tokens":null}}`, { input: 0, output: 0, total: 0 }],
      [`{"usage":null}`, undefined],
      [`{"usage":[1]}`, undefined],
      [`{"usage":{"prompt_tokens":5`, undefined],
      ['{"model":"m"}', undefined],
      ['', undefined],
      ['not json', undefined],
    ];
    for (const [body, expected] of answers) {
      openai.fault = () => ({ status: 200, body });
      const { response, counts } = await ask('gpt', CHAT);
      expect(response.text).to.equal(body);
      if (expected === undefined) expect(counts, body).to.equal(undefined);
      else expect(counts, body).to.include(expected);
    }
  });

  it('passes big answers untouched, and counts them', async () => {
    openai.settings.usage = USAGE;
    openai.settings.reply = () => 'é"\\\n'.repeat(500_000);
    const { response, counts } = await ask('gpt', CHAT);
    expect((response.json as { choices: { message: { content: string } }[] }).choices[0]?.message.content).to.equal(
      openai.settings.reply(openai.last),
    );
    expect(counts).to.eql(COUNTED);
  });

  it('passes answers that are too big to read, without counting', async () => {
    const body = Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.alloc(34_000_000, 'x'),
      Buffer.from('","usage":{"prompt_tokens":5}}'),
    ]);
    openai.fault = () => ({ status: 200, body });
    const { response, counts } = await ask('gpt', CHAT);
    expect(response.body.equals(body)).to.equal(true);
    expect(counts).to.equal(undefined);
  });

  it('bounds an endless line of a stream and finds the usage behind it', async () => {
    const line = (size: number): string => `data: {"x":"${'y'.repeat(size)}"}\n\n`;
    const usage = 'data: {"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\ndata: [DONE]\n\n';
    const headers = { 'content-type': 'text/event-stream' };
    for (const size of [900_000, 3_000_000]) {
      const body = line(size) + usage;
      openai.fault = () => ({ status: 200, headers, body });
      const { response, counts } = await ask('gpt', CHAT, { stream: true });
      expect(response.text === body).to.equal(true);
      expect(counts).to.include({ input: 5, output: 2 });
    }
  });

  it('reads a last event without a line end, comments, and empty lines', async () => {
    const body =
      ': ping\r\n\r\nevent: x\r\ndata:{"usage":null}\r\n\r\n\r\ndata: {"usage":{"prompt_tokens":5,"completion_tokens":2}}';
    openai.fault = () => ({ status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' }, body });
    expect((await ask('gpt', CHAT, { stream: true })).counts).to.include({ input: 5, output: 2, total: 7 });
  });

  it('passes answers of other types and statuses', async () => {
    const speech = await ask('gpt', { path: '/v1/audio/speech', body: { input: 'hi', voice: 'alloy' } });
    expect(speech.response.headers['content-type']).to.equal('audio/mpeg');
    expect(speech.counts).to.equal(undefined);
    const packed = gzipSync('{"usage":{"prompt_tokens":5}}');
    openai.fault = () => ({ status: 200, headers: { 'content-encoding': 'gzip' }, body: packed });
    const compressed = await ask('gpt', CHAT);
    expect(compressed.response.body.equals(packed)).to.equal(true);
    for (const status of [204, 400, 404]) {
      openai.fault = () => ({ status, ...(status === 204 ? { body: '' } : {}) });
      const { response, counts, tried } = await ask('gpt', CHAT);
      expect(response.status).to.equal(status);
      expect(counts).to.equal(undefined);
      expect(tried).to.equal(`default/a=${status}`);
    }
  });

  it('counts nothing for streams that are cut or aborted', async () => {
    openai.settings.chunks = 50;
    openai.fault = () => ({ cutAfterChunks: 3 });
    const cut = await ask('gpt', CHAT, { stream: true });
    expect(cut.response.isCut).to.equal(true);
    expect(cut.costs).not.to.have.property('input');

    openai.fault = undefined;
    openai.settings.chunkDelayMs = 20;
    const abort = new AbortController();
    const headers = { 'x-request-id': 'aborted' };
    await request({
      ...{ port: gateway.port, path: CHAT.path, headers, signal: abort.signal },
      body: { model: 'gpt', stream: true, ...CHAT.body },
      onChunk: () => abort.abort(),
    }).catch(() => undefined);
    const line = await gateway.logOf('aborted');
    expect(line.costs ?? {}).not.to.have.property('input');
    await until(() => openai.last.outcome.clientAborted, { what: 'the abort at the provider' });
    openai.settings.chunkDelayMs = 0;
    expect((await ask('gpt', CHAT, { stream: true })).counts).to.include({ output: 50 });
    expect(
      gateway.envoy.log.filter((text) => /lua|headgate/i.test(text) && !/cost (broken|nothing)/.test(text)),
    ).to.eql([]);
  });

  it('counts for routes without costs too', async () => {
    openai.settings.usage = USAGE;
    const { counts, costs } = await ask('free', CHAT);
    expect(counts).to.eql(COUNTED);
    expect(costs).not.to.have.property('input');
  });
});
