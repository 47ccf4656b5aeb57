import { createServer } from 'node:net';
import { expect } from 'chai';
import { GatewayError } from '../../../src/lib/errors.ts';
import {
  createDemoProvider,
  type DemoProvider,
  type DemoProviderOptions,
} from '../../../src/local/demo-provider/demo-provider.ts';

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field, whatever they are
  readonly json: any;
}

const CHAT = { model: 'm', messages: [{ role: 'user', content: 'hello world' }] };
const MESSAGE = { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'hello world' }] };
const VERSION = { 'anthropic-version': '2023-06-01' };

describe('local: the demo provider', () => {
  const open: DemoProvider[] = [];

  async function start(options: Partial<DemoProviderOptions> = {}): Promise<DemoProvider> {
    const provider = createDemoProvider({ name: 'alpha', ...options });
    open.push(provider);
    await provider.listen(0);
    return provider;
  }

  async function send(
    provider: DemoProvider,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const init =
      body === undefined
        ? { headers }
        : {
            method: 'POST',
            headers: { 'content-type': 'application/json', ...headers },
            body: typeof body === 'string' ? body : JSON.stringify(body),
          };
    const response = await fetch(`${provider.url}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json';
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  }

  /** The data of the events of a stream. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  function eventsOf(reply: Reply): any[] {
    expect(reply.headers.get('content-type')).to.match(/^text\/event-stream/);
    return reply.text
      .split('\n\n')
      .filter((event) => event !== '')
      .map((event) => event.split('\n').find((line) => line.startsWith('data: ')) ?? '')
      .map((line) => (line === 'data: [DONE]' ? '[DONE]' : JSON.parse(line.slice(6))));
  }

  afterEach(async () => {
    await Promise.all(open.splice(0).map((provider) => provider.close()));
  });

  it('answers chat with who it is, what it heard and a usage that adds up', async () => {
    const { status, json } = await send(await start(), '/v1/chat/completions', CHAT);
    expect(status).to.equal(200);
    expect(json).to.include({ object: 'chat.completion', model: 'm' });
    expect(json.choices[0].message.content).to.equal('alpha (m) heard: hello world');
    expect(json.choices[0].finish_reason).to.equal('stop');
    expect(json.usage.prompt_tokens).to.equal(3);
    expect(json.usage.total_tokens).to.equal(json.usage.prompt_tokens + json.usage.completion_tokens);
  });

  it('streams the same text, and the usage only when it is asked for', async () => {
    const provider = await start();
    const plain = eventsOf(await send(provider, '/v1/chat/completions', { ...CHAT, stream: true }));
    expect(plain.pop()).to.equal('[DONE]');
    const deltas = plain.map((chunk) => chunk.choices[0].delta.content ?? '');
    expect(deltas.join('')).to.equal('alpha (m) heard: hello world');
    expect(deltas.length).to.be.greaterThan(4);
    expect(plain.some((chunk) => 'usage' in chunk)).to.equal(false);
    expect(plain.at(-1).choices[0].finish_reason).to.equal('stop');

    const asking = { ...CHAT, stream: true, stream_options: { include_usage: true } };
    const counted = eventsOf(await send(provider, '/v1/chat/completions', asking));
    expect(counted.pop()).to.equal('[DONE]');
    const last = counted.pop();
    expect(last.choices).to.deep.equal([]);
    expect(last.usage.completion_tokens).to.equal(7);
    expect(counted.every((chunk) => chunk.usage === null)).to.equal(true);
  });

  it('keeps to the limit of the client, and gives as many choices as asked for', async () => {
    const provider = await start();
    const { json } = await send(provider, '/v1/chat/completions', { ...CHAT, max_tokens: 2, n: 2 });
    expect(json.choices.map((choice: { index: number }) => choice.index)).to.deep.equal([0, 1]);
    expect(json.choices[1]).to.deep.include({ finish_reason: 'length' });
    expect(json.choices[1].message.content).to.equal('alpha (m');
    expect(json.usage.completion_tokens).to.equal(4);
  });

  it('answers completions, unary and streamed', async () => {
    const provider = await start();
    const body = { model: 'm', prompt: 'once upon' };
    const unary = await send(provider, '/v1/completions', body);
    expect(unary.json.choices[0].text).to.equal('alpha (m) heard: once upon');
    const events = eventsOf(await send(provider, '/v1/completions', { ...body, stream: true }));
    expect(events.pop()).to.equal('[DONE]');
    expect(events.map((event) => event.choices[0].text).join('')).to.equal(unary.json.choices[0].text);
  });

  it('embeds each input as one unit vector, the same each time, as numbers or packed', async () => {
    const provider = await start();
    const body = { model: 'e', input: ['one', 'two', 'one'], dimensions: 16 };
    const { json } = await send(provider, '/v1/embeddings', body);
    const [one, two, again] = json.data.map((item: { embedding: number[] }) => item.embedding);
    expect(one).to.have.length(16).and.to.deep.equal(again);
    expect(one).to.not.deep.equal(two);
    expect(Math.hypot(...one)).to.be.closeTo(1, 1e-9);
    const packed = await send(provider, '/v1/embeddings', { ...body, encoding_format: 'base64' });
    const bytes = Buffer.from(packed.json.data[0].embedding, 'base64');
    expect(bytes.length).to.equal(64);
    expect(bytes.readFloatLE(0)).to.be.closeTo(one[0], 1e-6);
    const tokens = await send(provider, '/v1/embeddings', { model: 'e', input: [1, 2, 3] });
    expect(tokens.json.data).to.have.length(1);
    expect(tokens.json.usage).to.deep.equal({ prompt_tokens: 3, total_tokens: 3 });
  });

  it('answers the Responses API, unary and streamed, in order', async () => {
    const provider = await start();
    const input = [{ role: 'user', content: [{ type: 'input_text', text: 'hello' }] }];
    const { json } = await send(provider, '/v1/responses', { model: 'm', input });
    expect(json).to.include({ object: 'response', status: 'completed' });
    expect(json.output[0].content[0].text).to.equal('alpha (m) heard: hello');
    expect(json.usage.total_tokens).to.equal(json.usage.input_tokens + json.usage.output_tokens);

    const reply = await send(provider, '/v1/responses', { model: 'm', input: 'hello', stream: true });
    const events = eventsOf(reply);
    expect(reply.text.startsWith('event: response.created\n')).to.equal(true);
    expect(events.map((event) => event.sequence_number)).to.deep.equal([...events.keys()]);
    const deltas = events.filter((event) => event.type === 'response.output_text.delta');
    expect(deltas.map((event) => event.delta).join('')).to.equal('alpha (m) heard: hello');
    expect(events.at(-1).type).to.equal('response.completed');
    expect(events.at(-1).response.usage).to.deep.equal({ ...json.usage });
    const cut = await send(provider, '/v1/responses', { model: 'm', input, max_output_tokens: 1 });
    expect(cut.json).to.deep.include({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });

  it('answers Messages, unary and streamed', async () => {
    const provider = await start();
    const { json, headers } = await send(provider, '/v1/messages', { ...MESSAGE, system: 'be brief' }, VERSION);
    expect(headers.get('request-id')).to.match(/^req_/);
    expect(json.content).to.deep.equal([{ type: 'text', text: 'alpha (m) heard: hello world' }]);
    expect(json.stop_reason).to.equal('end_turn');
    expect(json.usage.input_tokens).to.equal(5);

    const reply = await send(provider, '/v1/messages', { ...MESSAGE, stream: true }, VERSION);
    const events = eventsOf(reply);
    expect(reply.text.startsWith('event: message_start\n')).to.equal(true);
    const text = events.filter((event) => event.type === 'content_block_delta').map((event) => event.delta.text);
    expect(text.join('')).to.equal('alpha (m) heard: hello world');
    expect(events.at(-2).usage.output_tokens).to.equal(7);
    expect(events.at(-1)).to.deep.equal({ type: 'message_stop' });
  });

  it('lists its models in both shapes, and knows no others', async () => {
    const provider = await start({ models: ['m', 'team/n'] });
    const list = await send(provider, '/v1/models');
    expect(list.json.object).to.equal('list');
    expect(list.json.data.map((model: { id: string }) => model.id)).to.deep.equal(['m', 'team/n']);
    const other = await send(provider, '/v1/models', undefined, VERSION);
    expect(other.json).to.include({ has_more: false, first_id: 'm', last_id: 'team/n' });
    expect((await send(provider, '/v1/models/team%2Fn')).json.id).to.equal('team/n');
    expect((await send(provider, '/v1/models/x')).status).to.equal(404);
    const unknown = await send(provider, '/v1/chat/completions', { ...CHAT, model: 'x' });
    expect(unknown.status).to.equal(404);
    expect(unknown.json.error.code).to.equal('model_not_found');
  });

  it("asks for its key in either header, and repeats nobody else's", async () => {
    const provider = await start({ apiKey: 'sk-demo' });
    const missing = await send(provider, '/v1/chat/completions', CHAT);
    expect([missing.status, missing.json.error.code]).to.deep.equal([401, 'invalid_api_key']);
    const wrong = await send(provider, '/v1/chat/completions', CHAT, { authorization: 'Bearer sk-other' });
    expect(wrong.status).to.equal(401);
    expect(wrong.text).to.not.include('sk-other');
    const right = await send(provider, '/v1/chat/completions', CHAT, { authorization: 'Bearer sk-demo' });
    expect(right.status).to.equal(200);
    const anthropic = await send(provider, '/v1/messages', MESSAGE, { ...VERSION, 'x-api-key': 'no' });
    expect(anthropic.status).to.equal(401);
    expect(anthropic.json.error.type).to.equal('authentication_error');
    expect((await send(provider, '/v1/messages', MESSAGE, { ...VERSION, 'x-api-key': 'sk-demo' })).status).to.equal(
      200,
    );
    expect((await send(provider, '/v1/models')).status).to.equal(401);
  });

  const refused: readonly [string, string, unknown, number, string | null][] = [
    ['broken JSON', '/v1/chat/completions', '{"model": "m", ', 400, null],
    ['a body that is no object', '/v1/chat/completions', '[1]', 400, null],
    ['no model', '/v1/chat/completions', { messages: CHAT.messages }, 400, 'model'],
    ['no messages', '/v1/chat/completions', { model: 'm' }, 400, 'messages'],
    ['empty messages', '/v1/chat/completions', { model: 'm', messages: [] }, 400, 'messages'],
    [
      'an unknown role',
      '/v1/chat/completions',
      { model: 'm', messages: [{ role: 'boss', content: 'x' }] },
      400,
      'messages[0].role',
    ],
    [
      'a user who says nothing',
      '/v1/chat/completions',
      { model: 'm', messages: [{ role: 'user' }] },
      400,
      'messages[0].content',
    ],
    ['an unknown field', '/v1/chat/completions', { ...CHAT, temprature: 1 }, 400, 'temprature'],
    ['a value out of range', '/v1/chat/completions', { ...CHAT, temperature: 3 }, 400, 'temperature'],
    ['a wrong type', '/v1/chat/completions', { ...CHAT, stream: 'yes' }, 400, 'stream'],
    ['stream options without a stream', '/v1/chat/completions', { ...CHAT, stream_options: {} }, 400, 'stream_options'],
    [
      'a format it cannot answer in',
      '/v1/chat/completions',
      { ...CHAT, response_format: { type: 'json_object' } },
      400,
      'response_format.type',
    ],
    ['no input', '/v1/embeddings', { model: 'e' }, 400, 'input'],
    ['an unknown path', '/v1/chat', CHAT, 404, null],
  ];
  for (const [what, path, body, status, param] of refused) {
    it(`refuses ${what}`, async () => {
      const reply = await send(await start(), path, body);
      expect(reply.status).to.equal(status);
      expect(Object.keys(reply.json.error).sort()).to.deep.equal(['code', 'message', 'param', 'type']);
      expect(reply.json.error).to.deep.include({ type: 'invalid_request_error', param });
    });
  }

  it('refuses Messages in the shape of their API', async () => {
    const provider = await start();
    const { max_tokens: _, ...unlimited } = MESSAGE;
    const reply = await send(provider, '/v1/messages', unlimited, VERSION);
    expect(reply.status).to.equal(400);
    expect(reply.json).to.deep.include({ type: 'error' });
    expect(reply.json.error.type).to.equal('invalid_request_error');
    expect(reply.json.error.message).to.include('max_tokens');
    expect((await send(provider, '/v1/messages', MESSAGE)).status).to.equal(400);
  });

  it('accepts an assistant that called a tool, and nulls where they mean nothing', async () => {
    const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } };
    const messages = [
      ...CHAT.messages,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c', content: 'x' },
    ];
    const reply = await send(await start(), '/v1/chat/completions', { model: 'm', messages, temperature: null });
    expect(reply.status).to.equal(200);
    expect(reply.json.choices[0].message.content).to.include('hello world');
  });

  it('refuses other methods and other content types', async () => {
    const provider = await start();
    expect((await send(provider, '/v1/chat/completions')).status).to.equal(405);
    const form = await send(provider, '/v1/chat/completions', 'a=b', { 'content-type': 'text/plain' });
    expect(form.status).to.equal(415);
  });

  it('fails as it is told to, for demonstrations of failover', async () => {
    const limited = await start({ failure: { status: 429, retryAfterSeconds: 7 } });
    const reply = await send(limited, '/v1/chat/completions', CHAT);
    expect([reply.status, reply.headers.get('retry-after')]).to.deep.equal([429, '7']);
    expect(reply.json.error.code).to.equal('rate_limit_exceeded');
    const flaky = await start({ failure: { status: 503, every: 2 } });
    const statuses = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await send(flaky, '/v1/chat/completions', CHAT)).status);
    expect(statuses).to.deep.equal([200, 503, 200, 503]);
  });

  it('names a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const error = await createDemoProvider({ name: 'beta' })
        .listen(port)
        .then(
          () => undefined,
          (caught: unknown) => caught,
        );
      expect(error).to.be.instanceOf(GatewayError);
      expect((error as GatewayError).code).to.equal('port_in_use');
      expect((error as GatewayError).message)
        .to.include(String(port))
        .and.include('beta');
    } finally {
      taken.close();
    }
  });
});
