import { expect } from 'chai';
import { ANTHROPIC_KEY, type Fake, type Script, startAnthropic } from '../../fakes/index.ts';
import { type ClientResponse, request } from '../../support/index.ts';

const AUTH = { 'x-api-key': ANTHROPIC_KEY, 'anthropic-version': '2023-06-01' };
const HELLO = { model: 'claude', max_tokens: 64, messages: [{ role: 'user', content: 'hello there' }] };

type Json = Record<string, unknown>;

const TEXT = { type: 'text', text: 'hello' };
const CACHE = { cache_control: { type: 'ephemeral' } };
const TOOL = { name: 'add', description: 'adds', input_schema: { type: 'object' } };
const TOOLS = { tools: [TOOL] };
const PDF = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' } };
const user = (content: unknown): Json => ({ role: 'user', content });
const use = (id: string): Json => ({ type: 'tool_use', id, name: 'add', input: {} });
const calls = (...ids: string[]): Json => ({ role: 'assistant', content: ids.map(use) });
const result = (id: string): Json => ({ type: 'tool_result', tool_use_id: id, content: [TEXT], is_error: false });
const image = (type: string, data = 'aGk='): Json => ({
  type: 'image',
  source: { type: 'base64', media_type: type, data },
});
const SCRIPT: Script = {
  ...{ thinking: 'let me think', redactedThinking: 'hidden', text: 'It is:', chunks: 2 },
  toolCalls: [
    { id: 'toolu_a', name: 'add', input: { a: 1 } },
    { id: 'toolu_b', name: 'add', input: { b: 'ü' } },
  ],
};

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

  it('answers every kind of block, and accepts them back', async () => {
    fake.settings.script = SCRIPT;
    const answer = (await post({ ...HELLO, ...TOOLS })).json as Json;
    const content = answer.content as Json[];
    expect(content.map(({ type }) => type)).to.deep.equal([
      ...['thinking', 'redacted_thinking', 'text', 'tool_use', 'tool_use'],
    ]);
    expect(answer).to.include({ stop_reason: 'tool_use' });
    const results = ['toolu_a', 'toolu_b'].map((id) => ({ type: 'tool_result', tool_use_id: id, content: '2' }));
    const messages = [user('one and one?'), { role: 'assistant', content }, user([...results, TEXT])];
    fake.settings.script = { text: 'two', stop: 'sequence', stopSequence: '.' };
    const next = await post({ ...HELLO, ...TOOLS, messages });
    expect(next.json, next.text).to.include({ stop_reason: 'stop_sequence', stop_sequence: '.' });
  });

  it('streams what it answers in one piece', async () => {
    fake.settings.script = SCRIPT;
    const whole = (await post({ ...HELLO, ...TOOLS })).json as Json;
    const events = (await post({ ...HELLO, ...TOOLS, stream: true })).sse().map(({ json }) => json as Json);
    const deltas = events.filter(({ type }) => type === 'content_block_delta').map(({ delta }) => delta as Json);
    const joined = (field: string): string => deltas.map((delta) => delta[field] ?? '').join('');
    expect(joined('thinking')).to.equal('let me think');
    expect(joined('text')).to.equal('It is:');
    expect(joined('partial_json')).to.equal('{"a":1}{"b":"ü"}');
    expect(joined('signature')).to.equal((whole.content as Json[])[0]?.signature);
    expect(events.filter(({ type }) => type === 'content_block_start').map((event) => event.index)).to.deep.equal([
      ...[0, 1, 2, 3, 4],
    ]);
  });

  it('fails in the middle of a stream as Anthropic does', async () => {
    fake.settings.script = { text: 'abcdef', chunks: 3, failAfterChunks: 2, failure: 529, message: 'Overloaded' };
    const events = (await post({ ...HELLO, stream: true })).sse();
    expect(events.map(({ event }) => event)).to.deep.equal([
      ...['message_start', 'content_block_start', 'ping', 'content_block_delta', 'content_block_delta', 'error'],
    ]);
    expect(events.at(-1)?.json).to.deep.include({ error: { type: 'overloaded_error', message: 'Overloaded' } });
  });

  const accepted: [string, Json][] = [
    ['two turns of one role', { messages: [user('a'), user('b')] }],
    ['images and documents', { messages: [user([TEXT, image('image/png'), PDF, { ...TEXT, ...CACHE }])] }],
    ['a schema and an effort', { output_config: { effort: 'low', format: { type: 'json_schema', schema: {} } } }],
    ['a tool turn', { ...TOOLS, messages: [user('a'), calls('x', 'y'), user([result('x'), result('y'), TEXT])] }],
    ['adaptive thinking', { thinking: { type: 'adaptive' }, temperature: 1 }],
    ["Anthropic's own tools", { tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 5 }] }],
  ];
  for (const [what, change] of accepted) {
    it(`accepts ${what}`, async () => {
      const response = await post({ ...HELLO, ...change });
      expect(response.status, response.text).to.equal(200);
    });
  }

  const refused: [string, Json, string][] = [
    [
      'an assistant first',
      { messages: [{ role: 'assistant', content: 'x' }] },
      'first message must use the "user" role',
    ],
    ['empty content', { messages: [user('')] }, 'non-empty content'],
    ['blank text', { messages: [user(' ')] }, 'non-whitespace'],
    ['zero tokens', { max_tokens: 0 }, 'greater than or equal to 1'],
    [
      "OpenAI's parts",
      { messages: [user([{ type: 'image_url', image_url: { url: 'x' } }])] },
      'messages.0.content.0.type',
    ],
    ["OpenAI's tools", { tools: [{ type: 'function', function: {} }] }, 'tools.0'],
    ["OpenAI's choice", { ...TOOLS, tool_choice: 'auto' }, 'tool_choice: Input should be a valid dictionary'],
    ['a choice without tools', { tool_choice: { type: 'any' } }, 'only be specified while providing'],
    ['a choice of another tool', { ...TOOLS, tool_choice: { type: 'tool', name: 'x' } }, "Tool 'x' not found"],
    ['a tool twice', { tools: [TOOL, TOOL] }, 'must be unique'],
    ['a tool without schema', { tools: [{ name: 'add' }] }, 'tools.0.custom.input_schema: Field required'],
    ['a schema of no object', { tools: [{ name: 'add', input_schema: {} }] }, "Input should be 'object'"],
    [
      'arguments as text',
      {
        ...TOOLS,
        messages: [user('a'), { role: 'assistant', content: [{ ...use('x'), input: '{}' }] }, user([result('x')])],
      },
      'tool_use.input: Input should be a valid dictionary',
    ],
    ['tool turns without tools', { messages: [user('a'), calls('x'), user([result('x')])] }, 'must define tools'],
    [
      'a use without result',
      { ...TOOLS, messages: [user('a'), calls('x', 'y'), user([result('x')])] },
      'without `tool_result` blocks immediately after: y',
    ],
    [
      'a result after text',
      { ...TOOLS, messages: [user('a'), calls('x'), user([TEXT, result('x')])] },
      'without `tool_result` blocks immediately after',
    ],
    ['a result of nothing', { ...TOOLS, messages: [user([result('x')])] }, 'unexpected `tool_use_id`'],
    [
      'an id with dots',
      { ...TOOLS, messages: [user('a'), calls('a.b'), user([result('a.b')])] },
      "should match pattern '^[a-zA-Z0-9_-]+$'",
    ],
    ['a media type that Claude cannot see', { messages: [user([image('image/bmp')])] }, 'media_type'],
    ['a data URI', { messages: [user([image('image/png', 'data:image/png;base64,aGk=')])] }, 'base64'],
    ['five cache marks', { messages: [user(Array(5).fill({ ...TEXT, ...CACHE }))] }, 'maximum of 4 blocks'],
    [
      'a long cache after a short one',
      {
        messages: [
          user([
            { ...TEXT, ...CACHE },
            { ...TEXT, cache_control: { type: 'ephemeral', ttl: '1h' } },
          ]),
        ],
      },
      "ttl='1h'",
    ],
    [
      'a budget above the limit',
      { thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 1024 },
      'must be greater than',
    ],
    ['a budget below the least', { thinking: { type: 'enabled', budget_tokens: 9 } }, 'greater than or equal to 1024'],
    [
      'thinking with temperature',
      { thinking: { type: 'adaptive' }, temperature: 0 },
      '`temperature` may only be set to 1',
    ],
    ['thinking with top_k', { thinking: { type: 'adaptive' }, top_k: 5 }, '`top_k` must be unset'],
    [
      'thinking with a forced tool',
      { ...TOOLS, thinking: { type: 'adaptive' }, tool_choice: { type: 'any' } },
      'forces tool use',
    ],
    [
      'a signature of another text',
      {
        messages: [
          user('a'),
          { role: 'assistant', content: [{ type: 'thinking', thinking: 'x', signature: 'eA==' }, TEXT] },
          user('b'),
        ],
      },
      'Invalid `signature`',
    ],
    [
      'encrypted thinking of others',
      {
        messages: [
          user('a'),
          { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'eA==' }, TEXT] },
          user('b'),
        ],
      },
      'Invalid `data`',
    ],
    [
      'a tool turn without its thinking',
      {
        ...TOOLS,
        max_tokens: 2000,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        messages: [user('a'), calls('x'), user([result('x')])],
      },
      'Expected `thinking`',
    ],
    ['two samplers', { model: 'claude-sonnet-4-5', temperature: 0.5, top_p: 0.5 }, 'cannot both be specified'],
    ['a blank stop sequence', { stop_sequences: ['\n'] }, 'non-whitespace'],
    ['an effort that does not exist', { output_config: { effort: 'minimal' } }, 'output_config.effort'],
    [
      'a schema for an old model',
      { model: 'claude-3-haiku', output_config: { format: { type: 'json_schema', schema: {} } } },
      'does not support output format',
    ],
    [
      'a prefill that ends in a blank',
      { messages: [user('a'), { role: 'assistant', content: 'It is ' }] },
      'trailing whitespace',
    ],
  ];
  for (const [what, change, message] of refused) {
    it(`refuses ${what} as Anthropic does`, async () => {
      const response = await post({ ...HELLO, ...change });
      expect(response.status, response.text).to.equal(400);
      expect(response.json).to.have.nested.property('error.type', 'invalid_request_error');
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
