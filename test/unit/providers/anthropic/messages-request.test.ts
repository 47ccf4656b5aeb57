import { expect } from 'chai';
import { anthropicMessages } from '../../../../src/providers/anthropic/messages-provider.ts';
import type {
  AssistantPart,
  ConversationRequest,
  JsonObject,
  Message,
} from '../../../../src/providers/conversation.ts';
import { conversation, recording } from './support.ts';

function write(more: Partial<ConversationRequest>, model?: string): { body: JsonObject; fields: string[] } {
  const { context, fields } = recording(model);
  return { body: anthropicMessages.writeRequest(conversation(more), context), fields };
}

describe('A conversation as a request of the Messages API', () => {
  it('asks for so many tokens as the model is good for where the client says nothing', () => {
    expect(write({}).body).to.deep.equal({
      model: 'claude-sonnet-4-5',
      max_tokens: 16_384,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }],
    });
    expect(write({}, 'claude-3-haiku-20240307').body.max_tokens).to.equal(4096);
    expect(write({ maxTokens: 7 }).body.max_tokens).to.equal(7);
    const thinking = write({ reasoning: { mode: 'on', budgetTokens: 60_000 } }).body;
    expect(thinking.max_tokens).to.equal(64_000);
  });

  it('joins messages of one role and puts the results of tools first', () => {
    const { body } = write({
      messages: [
        { role: 'user', parts: [{ kind: 'text', text: 'go', cache: { ttl: '1h' } }] },
        {
          role: 'assistant',
          parts: [
            { kind: 'reasoning', text: 'hm', signature: 'c2ln' },
            { kind: 'redacted_reasoning', data: 'eHg=' },
            { kind: 'text', text: '' },
            { kind: 'tool_call', id: 'a', name: 'f', arguments: '{"x":1}' },
            { kind: 'tool_call', id: 'b', name: 'g', arguments: '' },
          ],
        },
        { role: 'user', parts: [{ kind: 'tool_result', id: 'a', content: [], isError: false }] },
        { role: 'user', parts: [{ kind: 'text', text: 'and' }] },
        {
          role: 'user',
          parts: [
            {
              kind: 'tool_result',
              id: 'b',
              isError: true,
              content: [
                { kind: 'text', text: 'bad' },
                { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } },
              ],
            },
          ],
        },
      ],
    });
    expect(body.messages).to.deep.equal([
      { role: 'user', content: [{ type: 'text', text: 'go', cache_control: { type: 'ephemeral', ttl: '1h' } }] },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'eHg=' },
          { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } },
          { type: 'tool_use', id: 'b', name: 'g', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a' },
          {
            type: 'tool_result',
            tool_use_id: 'b',
            content: [
              { type: 'text', text: 'bad' },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
            ],
            is_error: true,
          },
          { type: 'text', text: 'and' },
        ],
      },
    ]);
  });

  it('leaves out reasoning of other providers, and says so', () => {
    const { body, fields } = write({
      messages: [
        { role: 'user', parts: [{ kind: 'text', text: 'a' }] },
        { role: 'assistant', parts: [{ kind: 'reasoning', text: 'unsigned' }] },
        { role: 'user', parts: [{ kind: 'text', text: 'b' }] },
      ],
    });
    expect(fields).to.deep.equal(['messages[].reasoning_content']);
    expect(body.messages).to.deep.equal([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
  });

  it('asks a conversation of instructions alone as a message', () => {
    const { body } = write({ system: [{ kind: 'text', text: 'say hi' }], messages: [] });
    expect(body).to.not.have.property('system');
    expect(body.messages).to.deep.equal([{ role: 'user', content: [{ type: 'text', text: 'say hi' }] }]);
  });

  it('gives media in the forms that Claude takes and refuses others', () => {
    const media = (part: object) =>
      write({ messages: [{ role: 'user', parts: [part as never] }] }).body.messages as { content: unknown[] }[];
    const pdf = { kind: 'base64', mediaType: 'application/pdf', data: 'JVBE' };
    expect(media({ kind: 'document', source: pdf, name: 'a.pdf' })[0]?.content[0]).to.deep.equal({
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' },
      title: 'a.pdf',
    });
    const csv = { kind: 'base64', mediaType: 'text/csv', data: Buffer.from('a,b').toString('base64') };
    expect(media({ kind: 'document', source: csv })[0]?.content[0]).to.deep.equal({
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'a,b' },
    });
    expect(media({ kind: 'image', source: { kind: 'url', url: 'https://x/a.png' } })[0]?.content[0]).to.deep.equal({
      type: 'image',
      source: { type: 'url', url: 'https://x/a.png' },
    });
    expect(() => media({ kind: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: '' } })).to.throw(
      'Claude takes no audio',
    );
  });

  it('refuses arguments that are no object', () => {
    const parts = [{ kind: 'tool_call', id: 'a', name: 'f', arguments: '[1' }] as const;
    expect(() => write({ messages: [{ role: 'assistant', parts }] })).to.throw('the arguments of the call a');
  });

  const tool = { name: 'f', parameters: { properties: { x: { type: 'number' } } }, strict: true };

  it('writes tools, and choices among them', () => {
    const choice = (more: Partial<ConversationRequest>) => write({ tools: [tool], ...more }).body.tool_choice;
    expect(write({ tools: [tool] }).body.tools).to.deep.equal([
      { name: 'f', input_schema: { type: 'object', properties: { x: { type: 'number' } } }, strict: true },
    ]);
    expect(choice({ toolChoice: { kind: 'required' } })).to.deep.equal({ type: 'any' });
    expect(choice({ toolChoice: { kind: 'none' } })).to.deep.equal({ type: 'none' });
    expect(choice({ parallelToolCalls: false })).to.deep.equal({ type: 'auto', disable_parallel_tool_use: true });
    expect(choice({ toolChoice: { kind: 'tool', name: 'f' }, parallelToolCalls: false })).to.deep.equal({
      type: 'tool',
      name: 'f',
      disable_parallel_tool_use: true,
    });
    const allowed = write({
      tools: [tool, { name: 'g' }],
      toolChoice: { kind: 'allowed', mode: 'required', names: ['g'] },
    });
    expect(allowed.body.tools).to.deep.equal([{ name: 'g', input_schema: { type: 'object' } }]);
    expect(allowed.body.tool_choice).to.deep.equal({ type: 'any' });
    expect(write({ toolChoice: { kind: 'required' } }).body).to.not.have.property('tool_choice');
  });

  it('carries its own built-in tools alone', () => {
    const own = { type: 'web_search_20250305', name: 'web_search' };
    const { body, fields } = write({
      tools: [
        { name: 'web_search_20250305', builtIn: { api: 'messages', definition: own } },
        { name: 'file_search', builtIn: { api: 'responses', definition: { type: 'file_search' } } },
      ],
    });
    expect(body.tools).to.deep.equal([own]);
    expect(fields).to.deep.equal(['tools[].file_search']);
  });

  it('carries what the model takes and reports the rest', () => {
    const schema = { type: 'object' };
    const asked = {
      outputFormat: { kind: 'json_schema', schema },
      reasoning: { effort: 'high' },
      temperature: 0.5,
      topP: 0.9,
    } as const;
    const outcome = (model: string) => {
      const { body, fields } = write(asked, model);
      const { output_config, temperature, top_p } = body;
      return { output_config, temperature, top_p, fields };
    };
    expect(outcome('claude-opus-5-5')).to.deep.equal({
      output_config: { effort: 'high', format: { type: 'json_schema', schema } },
      temperature: undefined,
      top_p: undefined,
      fields: ['temperature', 'top_p'],
    });
    expect(outcome('us.anthropic.claude-sonnet-4-5-20250929-v1:0')).to.deep.equal({
      output_config: { format: { type: 'json_schema', schema } },
      temperature: 0.5,
      top_p: undefined,
      fields: ['reasoning_effort', 'top_p'],
    });
    expect(outcome('claude-3-5-haiku@20241022')).to.deep.equal({
      output_config: undefined,
      temperature: 0.5,
      top_p: 0.9,
      fields: ['reasoning_effort', 'response_format'],
    });
  });

  it('asks for thinking in the way the model knows', () => {
    const thinking = (reasoning: ConversationRequest['reasoning'] & object, model: string) => {
      const { body, fields } = write({ reasoning }, model);
      return [body.thinking, ...fields];
    };
    const fixed = { mode: 'on', budgetTokens: 2048 } as const;
    expect(thinking(fixed, 'claude-sonnet-4-20250514')).to.deep.equal([{ type: 'enabled', budget_tokens: 2048 }]);
    expect(thinking(fixed, 'claude-opus-4-8')).to.deep.equal([{ type: 'adaptive' }, 'thinking.budget_tokens']);
    expect(thinking(fixed, 'claude-3-opus-20240229')).to.deep.equal([undefined, 'thinking']);
    expect(thinking({ mode: 'adaptive', display: 'auto' }, 'claude-opus-4-6')).to.deep.equal([
      { type: 'adaptive', display: 'summarized' },
    ]);
    expect(thinking({ mode: 'adaptive' }, 'claude-opus-4-5')).to.deep.equal([{ type: 'enabled', budget_tokens: 1024 }]);
    expect(thinking({ effort: 'none' }, 'claude-sonnet-5')).to.deep.equal([{ type: 'disabled' }]);
    expect(thinking({ effort: 'none' }, 'claude-fable-5')).to.deep.equal([undefined, 'thinking']);
  });

  it('does not ask for a budget of thinking behind a turn whose reasoning was lost', () => {
    const call = { kind: 'tool_call', id: 'a', name: 'f', arguments: '{}' } as const;
    const messages = (...parts: readonly AssistantPart[]): readonly Message[] => [
      { role: 'assistant', parts },
      { role: 'user', parts: [{ kind: 'tool_result', id: 'a', content: [], isError: false }] },
    ];
    const reasoning = { mode: 'on', budgetTokens: 2048 } as const;
    const lost = write({ reasoning, messages: messages(call) });
    expect([lost.body.thinking, ...lost.fields]).to.deep.equal([undefined, 'thinking']);
    const kept = write({ reasoning, messages: messages({ kind: 'reasoning', text: 'a', signature: 'b' }, call) });
    expect(kept.body.thinking).to.deep.equal({ type: 'enabled', budget_tokens: 2048 });
  });

  it('reports every setting that the API has no word for', () => {
    const { fields } = write({
      seed: 1,
      frequencyPenalty: 1,
      presencePenalty: 1,
      logitBias: { '1': 2 },
      candidates: 2,
      logprobs: { top: 3 },
      outputFormat: { kind: 'json_object' },
      metadata: { a: 'b' },
      serviceTier: 'flex',
      stop: ['\n\n', 'END'],
      extra: { safetySettings: [], container: 'c' },
    });
    expect(fields.sort()).to.deep.equal(
      [
        ...['frequency_penalty', 'logit_bias', 'logprobs', 'metadata', 'n', 'presence_penalty', 'response_format'],
        ...['safetySettings', 'seed', 'service_tier', 'stop'],
      ].sort(),
    );
    expect(write({ frequencyPenalty: 0, candidates: 1, logitBias: {}, metadata: {} }).fields).to.deep.equal([]);
  });

  it('carries what it has a word for', () => {
    const { body } = write({
      stop: ['END', ' '],
      topK: 5,
      user: 'u-1',
      stream: true,
      serviceTier: 'default',
      extra: { container: 'c' },
    });
    expect(body).to.deep.include({
      stop_sequences: ['END'],
      top_k: 5,
      metadata: { user_id: 'u-1' },
      stream: true,
      service_tier: 'standard_only',
      container: 'c',
    });
  });
});
