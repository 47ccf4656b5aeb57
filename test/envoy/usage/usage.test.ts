import { expect } from 'chai';
import { multipartForm, request } from '../../support/index.ts';
import { countsOf, lineAfter, startUsageRig, type UsageRig } from './rig.ts';

const USAGE = { input: 1201, output: 57, cached: 300, reasoning: 13 };
const COUNTED = countsOf(1201, 57, 1258, 300, 0, 13);
const TEXT = [{ role: 'user', content: 'hi' }];
const VERSION = { 'anthropic-version': '2023-06-01' };

describe('usage and costs', () => {
  let rig: UsageRig;
  before(async () => {
    rig = await startUsageRig();
  });
  beforeEach(() => Promise.all([rig.openai, rig.anthropic, rig.azure, rig.cohere].map((fake) => fake.reset())));
  after(() => rig?.stop());

  const served = (backend: string, model: string, route = model): object => ({
    backend_name: `default/${backend}`,
    ai_service_backend_name: `default/${backend}`,
    route_name: `default/${route}`,
    model_name_override: model,
  });

  it('is served without an error', () => {
    expect(rig.gateway.findings().filter((finding) => finding.includes('error['))).to.deep.equal([]);
  });

  it('of a chat completion, with costs of every type', async () => {
    rig.openai.settings.usage = USAGE;
    rig.openai.settings.responseModel = 'gpt-2026-01-01';
    const { response, costs } = await rig.ask('/v1/chat/completions', { model: 'gpt', messages: TEXT });
    expect(response.status, response.text).to.equal(200);
    expect(costs).to.deep.equal({
      ...COUNTED,
      ...served('openai', 'gpt'),
      response_model: 'gpt-2026-01-01',
      price: 1201 + 4 * 57,
      who: 7,
      shared: 1000,
      global: 1258,
    });
  });

  it('of a stream, whose usage is asked for, with its latencies', async () => {
    rig.openai.settings.usage = USAGE;
    rig.openai.settings.chunkDelayMs = 5;
    const { response, costs } = await rig.ask('/v1/chat/completions', { model: 'gpt', messages: TEXT, stream: true });
    expect(response.sse().at(-1)?.data).to.equal('[DONE]');
    expect(rig.openai.last.json).to.deep.include({ stream_options: { include_usage: true } });
    expect(costs).to.include({ ...COUNTED, ...served('openai', 'gpt'), price: 1201 + 4 * 57 });
    expect(costs.token_latency_ttft).to.be.a('number').that.is.at.least(0);
    expect(costs.token_latency_itl).to.be.a('number').that.is.greaterThan(0);
  });

  it('of completions, embeddings and responses', async () => {
    rig.openai.settings.usage = USAGE;
    const completion = { model: 'gpt', prompt: 'hi' };
    expect((await rig.ask('/v1/completions', completion)).costs).to.include(countsOf(1201, 57, 1258, 300, 0, 13));
    const streamed = await rig.ask('/v1/completions', { ...completion, stream: true });
    expect(streamed.costs).to.include({ my_InputToken: 1201, my_OutputToken: 57, my_TotalToken: 1258 });
    const embeddings = await rig.ask('/v1/embeddings', { model: 'gpt', input: 'hi' });
    expect(embeddings.costs).to.include({ my_InputToken: 1201, my_OutputToken: 0, my_TotalToken: 1201, price: 1201 });
    for (const stream of [false, true]) {
      const { response, costs } = await rig.ask('/v1/responses', { model: 'gpt', input: 'hi', stream });
      expect(response.status, response.text).to.equal(200);
      expect(costs, `stream: ${stream}`).to.include({ ...COUNTED, response_model: 'gpt' });
    }
  });

  it('of a transcription, whose model stands in a form', async () => {
    rig.openai.settings.usage = USAGE;
    const { body, headers } = multipartForm([
      { name: 'model', value: 'gpt' },
      { name: 'file', filename: 'a.mp3', data: Buffer.from('ID3') },
    ]);
    const { response, costs } = await rig.ask('/v1/audio/transcriptions', body, headers);
    expect(response.status, response.text).to.equal(200);
    expect(costs).to.include({ my_InputToken: 1201, my_OutputToken: 57, my_TotalToken: 1258 });
  });

  it('of Anthropic messages, whose cached input is counted in', async () => {
    rig.anthropic.settings.usage = { input: 100, output: 57, cached: 30, cacheCreation: 8 };
    for (const stream of [false, true]) {
      const body = { model: 'claude', max_tokens: 9, messages: TEXT, stream };
      const { response, costs } = await rig.ask('/anthropic/v1/messages', body, VERSION);
      expect(response.status, response.text).to.equal(200);
      expect(costs, `stream: ${stream}`).to.include({
        ...countsOf(138, 57, 195, 30, 8, 0),
        ...served('anthropic', 'claude'),
        price: 138 + 4 * 57,
        who: 8,
      });
    }
  });

  it('of Azure, unary and streamed', async () => {
    rig.azure.settings.usage = USAGE;
    for (const stream of [false, true]) {
      const { response, costs } = await rig.ask('/v1/chat/completions', { model: 'azure', messages: TEXT, stream });
      expect(response.status, response.text).to.equal(200);
      expect(costs, `stream: ${stream}`).to.include({ ...COUNTED, ...served('azure', 'azure') });
    }
  });

  it('of a rerank', async () => {
    rig.cohere.settings.usage = { input: 90, output: 0 };
    const body = { model: 'rank', query: 'q', documents: ['a', 'b'] };
    const { response, costs } = await rig.ask('/cohere/v2/rerank', body);
    expect(response.status, response.text).to.equal(200);
    expect(costs).to.include({ my_InputToken: 90, my_TotalToken: 90, ...served('cohere', 'rank') });
  });

  it('names the model that the provider was sent', async () => {
    const { response, costs, line } = await rig.ask('/v1/chat/completions', { model: 'gpt-renamed', messages: TEXT });
    expect(response.status, response.text).to.equal(200);
    expect(rig.openai.last.json).to.include({ model: 'gpt-4o-mini' });
    expect(costs).to.include({ ...served('openai', 'gpt-4o-mini', 'gpt-renamed') });
    expect(line).to.include({ model: 'gpt-renamed' });
    // The gateway's own costs, since the route has none.
    const { input, total } = usageOf(line);
    expect(costs).to.include({ shared: input, global: total });
    expect(costs).not.to.have.property('price');
  });

  it('is that of the backend that served in the end', async () => {
    rig.openai.fault = () => ({ status: 503 });
    rig.azure.settings.usage = USAGE;
    for (const stream of [false, true]) {
      const { response, costs } = await rig.ask('/v1/chat/completions', { model: 'pair', messages: TEXT, stream });
      expect(response.status, response.text).to.equal(200);
      expect(response.headers['x-headgate-backend']).to.equal('default/azure');
      expect(costs).to.include({ ...COUNTED, ...served('azure', 'pair') });
    }
    await rig.openai.reset();
    const { costs } = await rig.ask('/v1/chat/completions', { model: 'pair', messages: TEXT });
    expect(costs).to.include({ ...served('openai', 'gpt-4o-mini', 'pair') });
  });

  it('leaves out a cost that fails, and only that', async () => {
    rig.openai.settings.usage = { input: 10, output: 30 };
    const chat = { model: 'fragile', messages: TEXT };
    const failed = await rig.ask('/v1/chat/completions', chat);
    expect(failed.costs).to.include({ sum: 40 });
    expect(failed.costs).not.to.have.any.keys('difference', 'negative');
    const warned = rig.gateway.envoy.warnings.join('\n');
    expect(warned).to.contain('headgate: cost difference: ').and.to.contain('headgate: cost negative: ');
    rig.openai.settings.usage = { input: 30, output: 10 };
    expect((await rig.ask('/v1/chat/completions', chat)).costs).to.include({ difference: 20, negative: 20, sum: 40 });
  });

  it('asks streams alone for their usage, and keeps what the client asked for', async () => {
    const options = { include_obfuscation: false };
    await rig.ask('/v1/chat/completions', { model: 'gpt', messages: TEXT, stream: true, stream_options: options });
    expect(rig.openai.last.json).to.deep.include({ stream_options: { ...options, include_usage: true } });
    await rig.ask('/v1/chat/completions', { model: 'gpt', messages: TEXT });
    expect(rig.openai.last.json).not.to.have.property('stream_options');
  });

  it('has no cost where a request fails, at the start or in the middle', async () => {
    const chat = { model: 'gpt', messages: TEXT };
    rig.openai.fault = () => ({ status: 400 });
    const refused = await rig.ask('/v1/chat/completions', chat);
    expect(refused.response.status).to.equal(400);
    expect(refused.costs).to.deep.equal({});
    rig.openai.fault = () => ({ cutAfterChunks: 2 });
    for (const stream of [false, true]) {
      const cut = await rig.ask('/v1/chat/completions', { ...chat, stream });
      expect(cut.response.isCut, `stream: ${stream}`).to.equal(true);
      expect(cut.costs).to.deep.equal({});
    }
    rig.openai.fault = () => ({ errorAfterChunks: 2 });
    const broken = await rig.ask('/v1/chat/completions', { ...chat, stream: true });
    expect(broken.costs).not.to.have.any.keys('price', 'global', ...Object.keys(COUNTED));
    const unknown = await rig.ask('/v1/chat/completions', { ...chat, model: 'nobody' });
    expect(unknown.response.status).to.equal(404);
    expect(unknown.costs).to.deep.equal({});
  });

  it('has no cost where the client goes away', async () => {
    rig.openai.settings.chunkDelayMs = 50;
    rig.openai.settings.chunks = 100;
    const stop = new AbortController();
    const body = { model: 'gpt', messages: TEXT, stream: true };
    const seen = rig.gateway.envoy.accessLog().length;
    await request({
      port: rig.port,
      path: '/v1/chat/completions',
      body,
      signal: stop.signal,
      onChunk: () => stop.abort(),
    }).catch(() => undefined);
    const line = await lineAfter(rig.gateway, seen);
    expect(line.costs ?? {}).to.deep.equal({});
  });

  it('tells in the access log what a request was, where it went and how long it took', async () => {
    rig.openai.settings.usage = USAGE;
    const { line } = await rig.ask('/v1/chat/completions?a=b', { model: 'gpt', messages: TEXT });
    expect(line).to.include({
      method: 'POST',
      status: 200,
      model: 'gpt',
      route: 'AIGatewayRoute/default/gpt/rule/0/match/0',
      cluster: 'AIServiceBackend/default/openai',
      attempts: 1,
      tried: 'default/openai=200',
    });
    expect(usageOf(line)).to.deep.include({ input: 1201, output: 57, total: 1258 });
    expect(line.first_byte_ms).to.be.a('number').that.is.at.least(0);
    expect(line.duration_ms).to.be.a('number').that.is.at.least(Number(line.first_byte_ms));
  });

  it('writes valid JSON whatever the client calls its model', async () => {
    for (const model of ['a"b', 'back\\slash', '{"a":1}', 'größe-模型-😀', "'%REQ(x)%'", 'a,b=200', 'x\u2028y']) {
      const { response, line } = await rig.ask('/v1/chat/completions', { model, messages: TEXT });
      expect([400, 404], response.text).to.include(response.status);
      expect(response.json).to.have.nested.property('error.message');
      expect(line.status).to.equal(response.status);
    }
    for (const model of ['two\nlines', 'nul\u0000']) {
      const { response, line } = await rig.ask('/v1/chat/completions', { model, messages: TEXT });
      expect(response.status, JSON.stringify(model)).to.equal(400);
      expect(line.status).to.equal(400);
    }
    const broken = rig.gateway.envoy.stdout.filter((text) => !isJson(text));
    expect(broken).to.deep.equal([]);
  });
});

function usageOf(line: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return line.usage as Readonly<Record<string, unknown>>;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
