import { expect } from 'chai';
import { type Fake, type Script, startBedrock } from '../../../fakes/index.ts';
import { type Carried, carry, eventsOf, type Json, type Target } from '../carry.ts';

const CLAUDE = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const USAGE = { input: 10, output: 7, cached: 3, cacheCreation: 2 };

describe('Chat completions by Bedrock Converse', () => {
  let fake: Fake;
  let target: Target;
  before(async () => {
    fake = await startBedrock({ keys: ['k'] });
    target = { provider: { schema: 'AWSBedrock' }, fake, headers: { authorization: 'Bearer k' } };
  });
  afterEach(() => fake.reset());
  after(() => fake.close());

  const ask = (more: Json = {}, script: Script = {}, options: Parameters<typeof carry>[3] = {}): Promise<Carried> => {
    fake.settings.script = script;
    const body = { model: CLAUDE, messages: [{ role: 'user', content: 'hello' }], ...more };
    return carry(target, 'chat_completions', body, options);
  };
  const sent = (): Json => fake.last.json as Json;
  const answerOf = ({ text }: Carried): Json => JSON.parse(text) as Json;
  const choiceOf = (carried: Carried): { message: Json; finish_reason: string } =>
    (answerOf(carried).choices as { message: Json; finish_reason: string }[])[0] as never;

  describe('requests', () => {
    it('say hello to the model that stands in the path', async () => {
      const carried = await ask();
      expect(carried.status, carried.text).to.equal(200);
      expect(fake.last.pathname).to.equal(`/model/${encodeURIComponent(CLAUDE)}/converse`);
      expect(sent()).to.deep.equal({ messages: [{ role: 'user', content: [{ text: 'hello' }] }] });
      expect(carried.unsupported).to.deep.equal([]);
    });

    it('carry sampling, stops, tools and their choice', async () => {
      const carried = await ask({
        messages: [
          { role: 'system', content: 'be brief' },
          { role: 'developer', content: 'be kind' },
          { role: 'user', content: 'hello' },
        ],
        max_tokens: 50,
        temperature: 0.5,
        stop: ['END'],
        tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }],
        tool_choice: 'required',
      });
      expect(carried.status, carried.text).to.equal(200);
      expect(sent()).to.deep.equal({
        system: [{ text: 'be brief' }, { text: 'be kind' }],
        messages: [{ role: 'user', content: [{ text: 'hello' }] }],
        inferenceConfig: { maxTokens: 50, temperature: 0.5, stopSequences: ['END'] },
        toolConfig: {
          tools: [{ toolSpec: { name: 'f', description: 'd', inputSchema: { json: { type: 'object' } } } }],
          toolChoice: { any: {} },
        },
        additionalModelResponseFieldPaths: ['/stop_sequence'],
      });
    });

    it('carry calls and their results, images, documents and cache marks', async () => {
      const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
      const file = {
        type: 'file',
        file: { filename: 'a report.v2.pdf', file_data: 'data:application/pdf;base64,AAAA' },
      };
      const carried = await ask({
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'see', cache_control: { type: 'ephemeral' } }, image, file] },
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
              { id: 'b', type: 'function', function: { name: 'f', arguments: '' } },
            ],
          },
          { role: 'tool', tool_call_id: 'a', content: 'fine' },
          { role: 'tool', tool_call_id: 'b', content: '{"error":"no"}' },
        ],
        tools: [{ type: 'function', function: { name: 'f' }, cache_control: { type: 'ephemeral' } }],
      });
      expect(carried.status, carried.text).to.equal(200);
      expect(sent().messages).to.deep.equal([
        {
          role: 'user',
          content: [
            { text: 'see' },
            { cachePoint: { type: 'default' } },
            { image: { format: 'png', source: { bytes: 'AAAA' } } },
            { document: { format: 'pdf', name: 'a report v2 pdf', source: { bytes: 'AAAA' } } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { toolUse: { toolUseId: 'a', name: 'f', input: { x: 1 } } },
            { toolUse: { toolUseId: 'b', name: 'f', input: {} } },
          ],
        },
        {
          role: 'user',
          content: [
            { toolResult: { toolUseId: 'a', content: [{ text: 'fine' }] } },
            { toolResult: { toolUseId: 'b', content: [{ text: '{"error":"no"}' }], status: 'error' } },
          ],
        },
      ]);
      expect((sent().toolConfig as Json).tools).to.deep.equal([
        { toolSpec: { name: 'f', inputSchema: { json: { type: 'object' } } } },
        { cachePoint: { type: 'default' } },
      ]);
    });

    it('ask for thinking, a schema, a tier, and give it back its signed thoughts', async () => {
      const thinking = await ask({}, { thinking: 'hm', text: 'yes', toolCalls: [{ id: 'a', name: 'f', input: {} }] });
      const { message } = choiceOf(thinking);
      const schema = { type: 'object', properties: {}, additionalProperties: false };
      const carried = await ask({
        messages: [{ role: 'user', content: 'hello' }, message, { role: 'tool', tool_call_id: 'a', content: '1' }],
        thinking: { type: 'enabled', budget_tokens: 2000 },
        tools: [{ type: 'function', function: { name: 'f' } }],
        response_format: { type: 'json_schema', json_schema: { name: 'n', schema } },
        service_tier: 'flex',
        metadata: { team: 'a' },
      });
      expect(carried.status, carried.text).to.equal(200);
      const { messages, additionalModelRequestFields, outputConfig, serviceTier, requestMetadata } = sent() as {
        messages: { content: Json[] }[];
      } & Json;
      expect(messages[1]?.content[0]).to.have.nested.property('reasoningContent.reasoningText.text', 'hm');
      expect(additionalModelRequestFields).to.deep.equal({ thinking: { type: 'enabled', budget_tokens: 2000 } });
      expect(outputConfig).to.deep.equal({
        textFormat: { type: 'json_schema', structure: { jsonSchema: { name: 'n', schema: JSON.stringify(schema) } } },
      });
      expect({ serviceTier, requestMetadata }).to.deep.equal({
        serviceTier: { type: 'flex' },
        requestMetadata: { team: 'a' },
      });
    });

    it('name what Converse has no word for, or are refused for it', async () => {
      const more = { seed: 1, n: 2, logprobs: true, user: 'u', logit_bias: { 1: 2 }, parallel_tool_calls: false, x: 1 };
      const tools = [{ type: 'function', function: { name: 'f' } }];
      const carried = await ask({ ...more, tools });
      expect(carried.status, carried.text).to.equal(200);
      expect([...carried.unsupported].sort()).to.deep.equal(
        ['logit_bias', 'logprobs', 'n', 'parallel_tool_calls', 'seed', 'user', 'x'].sort(),
      );
      const refused = await ask({ seed: 1 }, {}, { unsupported: 'refuse' });
      expect(refused.status).to.equal(400);
      expect((answerOf(refused).error as Json).message).to.include("'seed'");
    });

    it('are refused where the model would miss what it is asked about', async () => {
      const link = { type: 'image_url', image_url: { url: 'https://a.example/x.png' } };
      const refused = await ask({ messages: [{ role: 'user', content: [link] }] });
      expect(refused.status).to.equal(400);
      expect((answerOf(refused).error as Json).message).to.include('not by a link');
      expect(fake.requests).to.deep.equal([]);
    });
  });

  describe('answers', () => {
    it('tell text, thoughts, calls, why they ended, and all of their usage', async () => {
      const script: Script = {
        text: 'yes',
        thinking: 'hm',
        redactedThinking: 'secret',
        toolCalls: [{ id: 'a', name: 'f', input: { x: 1 } }],
        usage: USAGE,
      };
      const carried = await ask({}, script);
      const { message, finish_reason } = choiceOf(carried);
      expect(finish_reason).to.equal('tool_calls');
      expect(message).to.include({ role: 'assistant', content: 'yes', reasoning_content: 'hm' });
      const blocks = message.thinking_blocks as Json[];
      expect(blocks.map(({ type }) => type)).to.deep.equal(['thinking', 'redacted_thinking']);
      expect(message.tool_calls).to.deep.equal([
        { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
      ]);
      expect(answerOf(carried)).to.include({ object: 'chat.completion', model: CLAUDE, created: 1_700_000_000 });
      expect(answerOf(carried).usage).to.deep.equal({
        prompt_tokens: 15,
        completion_tokens: 7,
        total_tokens: 22,
        prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 2, cache_creation_input_tokens: 2 },
      });
      expect(answerOf(carried).id).to.be.a('string').and.not.equal('');
    });

    const reasons = { end: 'stop', length: 'length', filter: 'content_filter', guardrail: 'content_filter' } as const;
    for (const [stop, reason] of Object.entries(reasons)) {
      it(`end with ${reason} where Bedrock ends with ${stop}`, async () => {
        expect(choiceOf(await ask({}, { stop: stop as keyof typeof reasons })).finish_reason).to.equal(reason);
      });
    }

    it('name the stop sequence', async () => {
      const carried = await ask({ stop: ['END'] }, { stop: 'sequence', stopSequence: 'END' });
      expect(choiceOf(carried)).to.include({ finish_reason: 'stop', stop_reason: 'END' });
    });
  });

  describe('streams', () => {
    const script: Script = {
      text: 'yes of course',
      thinking: 'hm, let me see',
      redactedThinking: 'secret',
      toolCalls: [
        { id: 'a', name: 'f', input: { x: 1 } },
        { id: 'b', name: 'g', input: {} },
      ],
      usage: USAGE,
      chunks: 3,
    };
    const streaming = { stream: true, stream_options: { include_usage: true } };

    it('say the same as whole answers', async () => {
      const whole = choiceOf(await ask({}, script)).message;
      const carried = await ask(streaming, script);
      expect(carried.contentType).to.equal('text/event-stream');
      expect(fake.last.pathname).to.equal(`/model/${encodeURIComponent(CLAUDE)}/converse-stream`);
      expect(carried.text.endsWith('data: [DONE]\n\n')).to.equal(true);
      const chunks = eventsOf(carried.text) as {
        choices: { delta: Json; finish_reason: string | null }[];
        usage?: Json;
      }[];
      const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
      const joined = (key: string): string => deltas.map((delta) => (delta[key] as string | undefined) ?? '').join('');
      expect(joined('content')).to.equal(whole.content);
      expect(joined('reasoning_content')).to.equal(whole.reasoning_content);
      expect(deltas.flatMap((delta) => (delta.thinking_blocks as Json[] | undefined) ?? [])).to.deep.equal(
        whole.thinking_blocks,
      );
      const calls = deltas.flatMap((delta) => (delta.tool_calls as { index: number; function: Json }[]) ?? []);
      for (const index of [0, 1]) {
        const text = calls.flatMap((call) => (call.index === index ? [String(call.function.arguments)] : [])).join('');
        expect(text).to.equal(
          ((whole.tool_calls as { function: Json }[])[index] as { function: Json }).function.arguments,
        );
      }
      expect(chunks.flatMap(({ choices }) => choices.flatMap(({ finish_reason: f }) => f ?? []))).to.deep.equal([
        'tool_calls',
      ]);
      expect(chunks.at(-1)?.usage).to.include({ prompt_tokens: 15, completion_tokens: 7 });
    });

    it('say the same wherever they are cut', async () => {
      const whole = (await ask(streaming, script)).text;
      // The number of the request, which the fake counts, stands in its ids.
      const plain = (text: string): string => text.replace(/"id":"[^"]*","object"/g, '"object"');
      for (const cut of [1, 2, 7, 64, 1000]) {
        expect(plain((await ask(streaming, script, { cut })).text), `${cut}`).to.equal(plain(whole));
      }
    });

    it('end in the failure that broke them', async () => {
      const carried = await ask(streaming, { ...script, failAfterChunks: 2, failure: 429, message: 'slow down' });
      expect(carried.status).to.equal(200);
      expect(carried.text).to.not.include('[DONE]');
      expect(eventsOf(carried.text).at(-1)).to.deep.equal({
        error: { message: 'slow down', type: 'rate_limit_error', param: null, code: 'throttlingException' },
      });
    });
  });

  describe('failures', () => {
    const cases = [
      [400, 'invalid_request_error', 'ValidationException'],
      [403, 'permission_error', 'AccessDeniedException'],
      [404, 'not_found_error', 'ResourceNotFoundException'],
      [429, 'rate_limit_error', 'ThrottlingException'],
      [500, 'server_error', 'InternalServerException'],
      [503, 'server_error', 'ServiceUnavailableException'],
    ] as const;
    for (const [status, type, code] of cases) {
      it(`of ${status} keep status and name`, async () => {
        for (const stream of [false, true]) {
          const carried = await ask({ stream }, { status, message: 'no' });
          expect(carried.status).to.equal(status);
          expect(carried.contentType).to.equal('application/json');
          expect(answerOf(carried)).to.deep.equal({ error: { message: 'no', type, param: null, code } });
        }
      });
    }
  });
});
