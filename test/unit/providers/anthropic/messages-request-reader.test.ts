import { expect } from 'chai';
import { writeMessagesRequest } from '../../../../src/providers/anthropic/messages-request.ts';
import { readMessagesRequest } from '../../../../src/providers/anthropic/messages-request-reader.ts';
import type { ConversationRequest, JsonObject, JsonValue } from '../../../../src/providers/conversation.ts';
import { recording } from './support.ts';

const HELLO = [{ role: 'user', content: 'hello' }];

function read(more: JsonObject): { request: ConversationRequest; fields: string[] } {
  const fields: string[] = [];
  const unsupported = { add: (field: string) => void fields.push(field) };
  return {
    request: readMessagesRequest({ model: 'm', max_tokens: 10, messages: HELLO, ...more }, unsupported),
    fields,
  };
}

const said = (content: JsonValue, role = 'user'): JsonObject => ({ messages: [{ role, content }] });

describe('A Messages request as a conversation', () => {
  it('has what is asked for, and nothing else', () => {
    const { request, fields } = read({ temperature: null, tools: null, stop_sequences: [], service_tier: 'auto' });
    expect(fields).to.deep.equal([]);
    expect(request).to.deep.equal({
      model: 'm',
      stream: false,
      includeUsage: true,
      system: [],
      messages: [{ role: 'user', parts: [{ kind: 'text', text: 'hello' }] }],
      tools: [],
      maxTokens: 10,
      extra: {},
    });
  });

  it('begins with all that the system says', () => {
    const { request } = read({
      system: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }],
      messages: [...HELLO, { role: 'system', content: 'b' }, { role: 'assistant', content: 'hi' }],
    });
    expect(request.system).to.deep.equal([
      { kind: 'text', text: 'a', cache: {} },
      { kind: 'text', text: 'b' },
    ]);
    expect(request.messages.map(({ role }) => role)).to.deep.equal(['user', 'assistant']);
  });

  it('marks its end where all of it is to be cached', () => {
    const mark = { type: 'ephemeral', ttl: '1h' };
    const content = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ];
    const parts = (more: JsonObject) =>
      read({ cache_control: mark, ...said([...content, more]) }).request.messages[0]?.parts;
    expect(parts({ type: 'text', text: 'c' })?.map((part) => 'cache' in part && part.cache)).to.deep.equal([
      false,
      false,
      { ttl: '1h' },
    ]);
    expect(parts({ type: 'text', text: 'c', cache_control: { type: 'ephemeral' } })?.at(-1)).to.deep.include({
      cache: {},
    });
    expect(read({ cache_control: mark, messages: [] }).request.messages).to.deep.equal([]);
  });

  it('names the tools that results come from', () => {
    const { request } = read({
      messages: [
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: { n: 1 } }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a' },
            { type: 'tool_result', tool_use_id: 'b' },
          ],
        },
      ],
    });
    expect(request.messages[0]?.parts).to.deep.equal([{ kind: 'tool_call', id: 'a', name: 'f', arguments: '{"n":1}' }]);
    expect(request.messages[1]?.parts).to.deep.equal([
      { kind: 'tool_result', id: 'a', name: 'f', content: [], isError: false },
      { kind: 'tool_result', id: 'b', content: [], isError: false },
    ]);
  });

  it('keeps documents, whatever they are made of', () => {
    const { request, fields } = read(
      said([
        { type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' }, title: 't', context: 'c' },
        { type: 'document', source: { type: 'file', file_id: 'f' }, citations: { enabled: false } },
        { type: 'document', source: { type: 'content', content: 'whole' }, cache_control: { type: 'ephemeral' } },
        {
          type: 'search_result',
          source: 's',
          title: 't',
          content: [{ type: 'text', text: 'x' }],
          citations: { enabled: true },
        },
      ]),
    );
    expect(request.messages[0]?.parts).to.deep.equal([
      { kind: 'text', text: 'c' },
      { kind: 'document', source: { kind: 'url', url: 'https://a.example/b.pdf' }, name: 't' },
      { kind: 'document', source: { kind: 'file', id: 'f' } },
      { kind: 'text', text: 'whole', cache: {} },
      { kind: 'document', source: { kind: 'text', text: 's\n\nx' }, name: 't' },
    ]);
    expect(fields).to.deep.equal(['messages[].content[].citations']);
  });

  it('tells how to think, and how to write', () => {
    const thinking = { type: 'enabled', budget_tokens: 2000, display: 'omitted' };
    const schema = { type: 'object' };
    const { request, fields } = read({
      thinking,
      output_config: { effort: 'high', format: { type: 'json_schema', schema }, task_budget: { total: 1 } },
      output_format: { type: 'json_schema', schema: { type: 'array' } },
    });
    expect(request.reasoning).to.deep.equal({ mode: 'on', budgetTokens: 2000, display: 'omitted', effort: 'high' });
    expect(request.outputFormat).to.deep.equal({ kind: 'json_schema', schema, strict: true });
    expect(fields).to.deep.equal(['output_config.task_budget']);
    const older = read({ output_format: { type: 'json_schema', schema } }).request;
    expect(older.outputFormat).to.deep.equal({ kind: 'json_schema', schema, strict: true });
  });

  it('hands on what only some APIs know, and names what none does', () => {
    const { request, fields } = read({
      tools: [
        { type: 'bash_20250124', name: 'bash' },
        { name: 'f', input_schema: {}, allowed_callers: ['x'], eager_input_streaming: true },
      ],
      metadata: { user_id: 'u', team: 't' },
      mcp_servers: [],
      made_up: 1,
    });
    expect(request.tools[0]).to.deep.equal({
      name: 'bash_20250124',
      builtIn: { api: 'messages', definition: { type: 'bash_20250124', name: 'bash' } },
    });
    expect(request.user).to.equal('u');
    expect(request.extra).to.deep.equal({ mcp_servers: [], made_up: 1 });
    expect(fields).to.deep.equal(['tools[].allowed_callers', 'metadata.team']);
  });

  const wrong: [JsonObject, string][] = [
    [{ model: null }, "'model' is required"],
    [{ max_tokens: null }, "'max_tokens' is required"],
    [{ max_tokens: '1' }, "'max_tokens' must be a number"],
    [{ messages: {} }, "'messages' must be an array"],
    [{ messages: [1] }, "'messages[0]' must be an object"],
    [said('x', 'tool'), "'messages[0].role' must be one of user, assistant"],
    [said(null), "'messages[0].content' must be a string or an array"],
    [said([{ text: 'x' }]), "'messages[0].content[0].type' is required"],
    [said([{ type: 'hologram' }]), "'messages[0].content[0].type' is not a known type of content"],
    [said([{ type: 'hologram' }], 'assistant'), "'messages[0].content[0].type' is not a known type of content"],
    [said([{ type: 'image' }]), "'messages[0].content[0].source' is required"],
    [
      said([{ type: 'image', source: { type: 'base64', data: 'x' } }]),
      "'messages[0].content[0].source.media_type' is required",
    ],
    [said([{ type: 'image', source: { type: 'ftp' } }]), "'messages[0].content[0].source.type' must be one of"],
    [said([{ type: 'tool_result' }]), "'messages[0].content[0].tool_use_id' is required"],
    [
      said([{ type: 'tool_use', id: 'a', name: 'f', input: 'x' }], 'assistant'),
      "'messages[0].content[0].input' must be an object",
    ],
    [{ system: [{ type: 'text' }] }, "'system[0].text' is required"],
    [{ system: 1 }, "'system' must be a string or an array"],
    [{ tools: [{ name: 'f' }] }, "'tools[0].input_schema' is required"],
    [{ tool_choice: { type: 'some' } }, "'tool_choice.type' must be one of auto, any, tool, none"],
    [{ tool_choice: { type: 'tool' } }, "'tool_choice.name' is required"],
    [{ thinking: { type: 'hard' } }, "'thinking.type' must be one of enabled, disabled, adaptive"],
    [{ stop_sequences: [1] }, "'stop_sequences' must be an array of strings"],
    [{ output_config: { format: { type: 'xml' } } }, "'output_config.format.type' must be 'json_schema'"],
    [{ cache_control: { ttl: 5 } }, "'cache_control.ttl' must be a string"],
  ];
  for (const [more, message] of wrong) {
    it(`is refused: ${message}`, () => {
      expect(() => read(more))
        .to.throw()
        .that.satisfies((error: Error & { code: string }) => error.code === 'invalid_input')
        .and.has.property('message')
        .that.includes(message);
    });
  }

  it('is the same when it is written again', () => {
    const body: JsonObject = {
      model: 'claude-sonnet-4-5',
      max_tokens: 5000,
      system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
            { type: 'image', source: { type: 'url', url: 'https://a.example/b.png' } },
            { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, title: 't' },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } },
            { type: 'document', source: { type: 'file', file_id: 'f' }, cache_control: { type: 'ephemeral' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
            { type: 'redacted_thinking', data: 'eHg=' },
            { type: 'text', text: 'b' },
            { type: 'tool_use', id: 'a', name: 'f', input: { x: [1, null, 'y'] } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'a',
              content: [{ type: 'text', text: 'no' }],
              is_error: true,
              cache_control: { type: 'ephemeral' },
            },
          ],
        },
      ],
      tools: [{ name: 'f', description: 'd', input_schema: { type: 'object' }, strict: true }],
      tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
      thinking: { type: 'enabled', budget_tokens: 2048 },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
      temperature: 1,
      top_k: 5,
      stop_sequences: ['END'],
      metadata: { user_id: 'u' },
      service_tier: 'standard_only',
      stream: true,
    };
    const { context, fields } = recording();
    const { request } = read(body);
    expect(writeMessagesRequest(request, context)).to.deep.equal(body);
    expect(fields).to.deep.equal([]);
  });
});
