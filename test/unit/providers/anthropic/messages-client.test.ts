import { expect } from 'chai';
import type { ProviderSchema } from '../../../../src/ir/index.ts';
import type { Script } from '../../../fakes/index.ts';
import { modelOf, startTargets, targetsOf } from '../../../golden/translate-golden.ts';
import { type Carried, carry, eventsOf, type Json, type Target } from '../carry.ts';
import { messageOf } from './message-stream.ts';

const TOOLS = [{ name: 'get_weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }];
const SCRIPT: Script = {
  text: 'Here it is, as you asked.',
  thinking: 'Let me think of it.',
  toolCalls: [
    { id: 'toolu_1', name: 'get_weather', input: { city: 'Paris', days: [1, 2] } },
    { id: 'toolu_2', name: 'get_weather', input: {} },
  ],
  chunks: 3,
  usage: { input: 20, output: 10, cached: 5, cacheCreation: 3, reasoning: 4 },
};

describe('Clients of the Messages API', () => {
  let targets: ReadonlyMap<ProviderSchema, Target>;
  before(async () => {
    targets = await startTargets();
  });
  after(async () => {
    for (const { fake } of targets.values()) await fake.close();
  });

  const ask = async (schema: ProviderSchema, more: Json, script: Script, cut?: number): Promise<Carried> => {
    const target = targets.get(schema) as Target;
    await target.fake.reset();
    target.fake.settings.script = script;
    const model = modelOf('messages', schema);
    const body = { model, max_tokens: 4096, messages: [{ role: 'user', content: 'Hello' }], ...more };
    return carry(target, 'messages', body, cut === undefined ? {} : { cut });
  };
  const answerOf = ({ status, text }: Carried): Json => {
    expect(status, text).to.equal(200);
    return JSON.parse(text) as Json;
  };

  for (const schema of targetsOf('messages')) {
    describe(`at ${schema}`, () => {
      it('get a message', async () => {
        const message = answerOf(await ask(schema, { tools: TOOLS }, SCRIPT));
        expect(message).to.include({
          type: 'message',
          role: 'assistant',
          stop_reason: 'tool_use',
          stop_sequence: null,
        });
        const content = message.content as Json[];
        const calls = content.filter(({ type }) => type === 'tool_use');
        expect(calls.map(({ name, input }) => ({ name, input }))).to.deep.equal([
          { name: 'get_weather', input: { city: 'Paris', days: [1, 2] } },
          { name: 'get_weather', input: {} },
        ]);
        expect(new Set(calls.map(({ id }) => id)).size).to.equal(2);
        expect(content.find(({ type }) => type === 'text')).to.deep.equal({
          type: 'text',
          text: 'Here it is, as you asked.',
        });
        expect(message.id).to.be.a('string').and.not.equal('');
        expect(message.model).to.be.a('string').and.not.equal('');
      });

      it('get the same of a stream, however it is cut', async () => {
        const whole = answerOf(await ask(schema, { tools: TOOLS }, SCRIPT));
        const streamed = await ask(schema, { tools: TOOLS, stream: true }, SCRIPT, 5);
        expect(streamed.contentType).to.equal('text/event-stream');
        const message = messageOf(streamed.text);
        expect(message.content).to.deep.equal(whole.content);
        expect(message).to.include({ stop_reason: 'tool_use', stop_sequence: null, role: 'assistant' });
        const counts = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];
        const pick = ({ usage }: Json) => counts.map((count) => (usage as Json)[count]);
        expect(pick(message)).to.deep.equal(pick(whole));
      });

      it('are told all of what was used', async () => {
        const { usage } = answerOf(await ask(schema, {}, SCRIPT));
        const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = usage as Record<
          string,
          number
        >;
        expect({ output_tokens, cache_read_input_tokens }).to.deep.equal({
          output_tokens: 10,
          cache_read_input_tokens: 5,
        });
        // OpenAI and Gemini count what came from a cache within the input, and tell of none that went into it.
        const isWithin = ['OpenAI', 'AzureOpenAI', 'GCPVertexAI'].includes(schema);
        expect({ input_tokens, cache_creation_input_tokens }).to.deep.equal(
          isWithin
            ? { input_tokens: 15, cache_creation_input_tokens: 0 }
            : { input_tokens: 20, cache_creation_input_tokens: 3 },
        );
      });

      it('go on with what the model said and did', async () => {
        const first = answerOf(await ask(schema, { tools: TOOLS }, SCRIPT));
        const results = (first.content as Json[]).flatMap(({ type, id }) =>
          type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: id, content: 'Sunny' }] : [],
        );
        const messages = [
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: first.content },
          { role: 'user', content: results },
        ];
        const second = await ask(schema, { tools: TOOLS, messages }, { text: 'Done.' });
        expect((answerOf(second).content as Json[]).at(-1)).to.deep.equal({ type: 'text', text: 'Done.' });
        expect(second.unsupported).to.deep.equal([]);
      });

      const stops = [
        ['end', 'end_turn'],
        ['length', 'max_tokens'],
        ['filter', 'refusal'],
      ] as const;
      for (const [stop, reason] of stops) {
        it(`are told ${reason}`, async () => {
          const script: Script = { text: 'So far', stop };
          expect(answerOf(await ask(schema, {}, script)).stop_reason).to.equal(reason);
          expect(messageOf((await ask(schema, { stream: true }, script)).text).stop_reason).to.equal(reason);
        });
      }

      const failures = [
        [400, 'invalid_request_error'],
        [401, 'authentication_error'],
        [403, 'permission_error'],
        [404, 'not_found_error'],
        [413, 'request_too_large'],
        [429, 'rate_limit_error'],
        [500, 'api_error'],
        [503, 'overloaded_error'],
        [529, 'overloaded_error'],
      ] as const;
      for (const [status, type] of failures) {
        it(`are told ${status} in their own words`, async () => {
          for (const stream of [false, true]) {
            const carried = await ask(schema, { stream }, { status, message: 'no, thank you' });
            expect(carried.status).to.equal(status);
            expect(carried.contentType).to.equal('application/json');
            expect(JSON.parse(carried.text)).to.deep.equal({
              type: 'error',
              error: { type, message: 'no, thank you' },
            });
          }
        });
      }

      it('are told of a failure in the middle of a stream, as its last event', async () => {
        const script = { ...SCRIPT, failAfterChunks: 2, failure: 429, message: 'slow down' };
        const { text, status } = await ask(schema, { stream: true, tools: TOOLS }, script);
        expect(status).to.equal(200);
        expect(text).to.not.include('message_stop');
        expect(text.match(/event: error/g)).to.have.length(1);
        expect(eventsOf(text).at(-1)).to.deep.include({
          type: 'error',
          error: { type: 'rate_limit_error', message: 'slow down' },
        });
      });
    });
  }

  it('may ask for what only some can do, and hear who cannot', async () => {
    const said = async (schema: ProviderSchema) =>
      (
        await ask(
          schema,
          { top_k: 3, tools: TOOLS, tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
          {},
        )
      ).unsupported;
    expect(await said('OpenAI')).to.deep.equal(['top_k']);
    expect(await said('AWSBedrock')).to.deep.equal(['tool_choice.disable_parallel_tool_use']);
    expect(await said('AWSAnthropic')).to.deep.equal([]);
  });
});
