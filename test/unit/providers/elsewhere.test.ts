import { expect } from 'chai';
import type { ProviderSchema } from '../../../src/ir/index.ts';
import type { Script } from '../../fakes/index.ts';
import { modelOf, startTargets, targetsOf } from '../../golden/translate-golden.ts';
import { type Carried, carry, type Json, type Target } from './carry.ts';

const SCRIPT: Script = {
  text: 'I look.',
  thinking: 'Let me think of it.',
  redactedThinking: 'secret',
  toolCalls: [
    { id: 'call_1', name: 'get_weather', input: { city: 'Paris' } },
    { id: 'call_2', name: 'get_weather', input: {} },
  ],
};

/** How the two APIs say the same things. */
const CLIENTS = {
  chat_completions: {
    tools: [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }],
    turn: (answer: Json): Json => (answer.choices as { message: Json }[])[0]?.message ?? {},
    results: ({ tool_calls: calls }: Json): Json[] =>
      (calls as { id: string }[]).map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'Sunny' })),
  },
  messages: {
    tools: [{ name: 'get_weather', input_schema: { type: 'object' } }],
    turn: ({ content }: Json): Json => ({ role: 'assistant', content }),
    results: ({ content }: Json): Json[] => {
      const calls = (content as Json[]).filter(({ type }) => type === 'tool_use');
      return [
        {
          role: 'user',
          content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'Sunny' })),
        },
      ];
    },
  },
} as const;

describe('A conversation that began at one provider', () => {
  let targets: ReadonlyMap<ProviderSchema, Target>;
  before(async () => {
    targets = await startTargets();
  });
  after(async () => {
    for (const { fake } of targets.values()) await fake.close();
  });

  for (const endpoint of ['chat_completions', 'messages'] as const) {
    const { tools, turn, results } = CLIENTS[endpoint];
    const ask = async (schema: ProviderSchema, messages: readonly Json[], script: Script): Promise<Carried> => {
      const target = targets.get(schema) as Target;
      target.fake.settings.script = script;
      const model = modelOf(endpoint, schema);
      const thinking = { type: 'enabled', budget_tokens: 1024 };
      const carried = await carry(target, endpoint, { model, max_tokens: 2048, thinking, tools, messages });
      expect(carried.status, `${schema}: ${carried.text}\n${JSON.stringify(carried.sent?.body)}`).to.equal(200);
      return carried;
    };

    for (const first of targetsOf(endpoint)) {
      for (const next of targetsOf(endpoint)) {
        it(`by ${endpoint} at ${first} goes on at ${next}`, async () => {
          const asked = { role: 'user', content: 'Weather in Paris?' };
          const said = turn(JSON.parse((await ask(first, [asked], SCRIPT)).text) as Json);
          const messages = [asked, said, ...results(said)];
          const second = await ask(next, messages, { text: 'It is sunny.' });
          const thanks = { role: 'user', content: 'Thank you.' };
          await ask(next, [...messages, turn(JSON.parse(second.text) as Json), thanks], { text: 'Welcome.' });
        });
      }
    }
  }
});
