import { expect } from 'chai';
import type { ProviderSchema } from '../../../../src/ir/index.ts';
import type { AnswerEvent, ConversationRequest, JsonObject } from '../../../../src/providers/conversation.ts';
import type { AnswerContext } from '../../../../src/providers/dialect.ts';
import { responsesClient } from '../../../../src/providers/openai/responses-client.ts';
import type { Script } from '../../../fakes/index.ts';
import { modelAt, startTargets, targetsOf } from '../../../golden/translate-golden.ts';
import { carry, eventsOf, type Json, type Target } from '../carry.ts';

function read(body: JsonObject): { request: ConversationRequest; unsupported: string[] } {
  const unsupported: string[] = [];
  const request = responsesClient.readRequest(
    { model: 'm', ...body },
    { add: (field) => void unsupported.push(field) },
  );
  return { request, unsupported };
}

function contextOf(body: JsonObject = {}): AnswerContext {
  return { model: 'm', requestId: 'r', nowSeconds: 1, request: read({ input: 'hi', ...body }).request };
}

function streamOf(events: readonly AnswerEvent[], body: JsonObject = {}): Json[] {
  const writer = responsesClient.createStreamWriter(contextOf(body));
  return eventsOf(events.map((event) => writer.write(event)).join('') + writer.end());
}

const text = (said: string): AnswerEvent[] => [
  { kind: 'part_start', candidate: 0, part: 0, start: { kind: 'text' } },
  { kind: 'part_delta', candidate: 0, part: 0, delta: { kind: 'text', text: said } },
  { kind: 'part_end', candidate: 0, part: 0 },
];

describe('requests of the Responses API', () => {
  it('are refused by the field that is wrong', () => {
    const cases: [JsonObject, string][] = [
      [{}, "'input' is required"],
      [{ input: 3 }, "'input' must be a string or an array"],
      [{ input: ['x'] }, "'input[0]' must be an object"],
      [{ input: [{ role: 'robot', content: 'x' }] }, "'input[0].role' must be one of"],
      [{ input: [{ role: 'user' }] }, "'input[0].content' is required"],
      [{ input: [{ role: 'user', content: [{ type: 'input_magic' }] }] }, "'input[0].content[0].type' is not a known"],
      [{ input: [{ type: 'function_call', name: 'x' }] }, "'input[0].call_id' is required"],
      [{ input: [{ type: 'item_reference', id: 'x' }] }, "'input[0]' names an item"],
      [{ input: [{ type: 'nonsense' }] }, "'input[0].type' is not a known type of item"],
      [{ input: 'x', conversation: 'conv_1' }, "'conversation' names something"],
      [{ input: 'x', prompt: { id: 'pmpt_1' } }, "'prompt' names something"],
      [{ input: 'x', background: true }, "'background' must be false"],
      [{ input: 'x', text: { format: { type: 'xml' } } }, "'text.format.type' must be one of"],
      [{ input: 'x', tools: [{ name: 'x' }] }, "'tools[0].type' is required"],
      [{ input: 'x', tool_choice: 'sometimes' }, "'tool_choice' must be one of"],
    ];
    for (const [body, expected] of cases) expect(() => read(body), expected).to.throw(expected);
  });

  it('join what the model said, and what its tools answered, into one message each', () => {
    const call = (id: string): JsonObject => ({ type: 'function_call', call_id: id, name: 'f', arguments: '{}' });
    const output = (id: string): JsonObject => ({ type: 'function_call_output', call_id: id, output: id });
    const { request } = read({
      input: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'wait' },
        ...[call('a'), call('b'), output('a'), output('b')],
      ],
    });
    expect(request.messages.map(({ role, parts }) => [role, parts.map(({ kind }) => kind)])).to.deep.equal([
      ['user', ['text']],
      ['assistant', ['text', 'tool_call', 'tool_call']],
      ['user', ['tool_result', 'tool_result']],
    ]);
    expect(request.messages[2]?.parts[1]).to.include({ id: 'b', name: 'f' });
  });

  it('ask for nothing by what the API does anyway', () => {
    const body = {
      input: 'hi',
      store: false,
      truncation: 'disabled',
      text: { format: { type: 'text' }, verbosity: 'medium' },
    };
    const { request, unsupported } = read({
      ...body,
      background: false,
      previous_response_id: null,
      service_tier: 'auto',
    });
    expect(unsupported).to.deep.equal([]);
    expect(request.extra).to.deep.equal({});
    expect(request).to.not.have.any.keys('outputFormat', 'serviceTier', 'reasoning', 'logprobs');
  });
});

describe('streams of the Responses API', () => {
  it('end as the answer did', () => {
    const endings = [
      ['stop', 'response.completed', null],
      ['tool_calls', 'response.completed', null],
      ['pause', 'response.completed', null],
      ['length', 'response.incomplete', { reason: 'max_output_tokens' }],
      ['content_filter', 'response.incomplete', { reason: 'content_filter' }],
      ['refusal', 'response.incomplete', { reason: 'content_filter' }],
      ['error', 'response.failed', null],
    ] as const;
    for (const [finish, type, details] of endings) {
      const last = streamOf([{ kind: 'start' }, ...text('a'), { kind: 'finish', candidate: 0, finish }]).at(-1);
      expect(last).to.include({ type });
      expect(last).to.have.property('response').that.has.property('incomplete_details').that.deep.equals(details);
    }
  });

  it('tell a failure once, and nothing behind it', () => {
    const error = { status: 429, message: 'slow down' };
    const events = streamOf([{ kind: 'start' }, ...text('a').slice(0, 2), { kind: 'error', error }, ...text('b')]);
    expect(events.map(({ type }) => type).slice(-2)).to.deep.equal(['error', 'response.failed']);
    expect(events.at(-1)?.response).to.deep.include({
      status: 'failed',
      error: { code: 'rate_limit_exceeded', message: 'slow down' },
    });
    expect(events.map(({ sequence_number: n }) => n)).to.deep.equal(events.map((_, i) => i));
  });

  it('give custom tools their text, and citations their place', () => {
    const tools = [{ type: 'custom', name: 'patch' }];
    const call: AnswerEvent[] = [
      { kind: 'part_start', candidate: 0, part: 1, start: { kind: 'tool_call', id: 'c', name: 'patch' } },
      { kind: 'part_delta', candidate: 0, part: 1, delta: { kind: 'arguments', text: '{"inp' } },
      { kind: 'part_delta', candidate: 0, part: 1, delta: { kind: 'arguments', text: 'ut":"a\\nb"}' } },
      { kind: 'part_end', candidate: 0, part: 1 },
    ];
    const citation: AnswerEvent = {
      ...{ kind: 'part_delta', candidate: 0, part: 0 },
      delta: { kind: 'citation', citation: { url: 'https://example.com', title: 'T' } },
    };
    const [start, delta, end] = text('see');
    const said = [start, delta, citation, end] as AnswerEvent[];
    const events = streamOf(
      [{ kind: 'start' }, ...said, ...call, { kind: 'finish', candidate: 0, finish: 'tool_calls' }],
      { tools },
    );
    const done = events.at(-1)?.response as { output: Json[] };
    expect(done.output[1]).to.include({ type: 'custom_tool_call', call_id: 'c', input: 'a\nb' });
    expect(done.output[0]?.content).to.deep.equal([
      {
        ...{ type: 'output_text', text: 'see', logprobs: [] },
        annotations: [{ type: 'url_citation', url: 'https://example.com', title: 'T', start_index: 0, end_index: 3 }],
      },
    ]);
    expect(events.find(({ type }) => type === 'response.custom_tool_call_input.delta')).to.include({ delta: 'a\nb' });
  });

  it('know one candidate', () => {
    const others = text('other').map((event) => ({ ...event, candidate: 1 }) as AnswerEvent);
    const events = streamOf([
      { kind: 'start' },
      ...others,
      ...text('mine'),
      { kind: 'finish', candidate: 0, finish: 'stop' },
    ]);
    expect(JSON.stringify(events)).to.contain('mine').and.not.contain('other');
  });
});

describe('a Responses conversation that began at one provider', () => {
  let targets: ReadonlyMap<ProviderSchema, Target>;
  before(async () => {
    targets = await startTargets();
  });
  after(async () => {
    for (const { fake } of targets.values()) await fake.close();
  });

  const tools = [
    { type: 'function', name: 'add', parameters: { type: 'object', properties: { a: { type: 'number' } } } },
  ];
  const calls: Script = {
    ...{ thinking: 'hm', redactedThinking: 'secret', text: 'I will add.' },
    toolCalls: [
      { name: 'add', input: { a: 1 } },
      { name: 'add', input: { a: 2 } },
    ],
  };

  for (const from of targetsOf('responses')) {
    for (const to of targetsOf('responses')) {
      it(`goes on from ${from} at ${to}`, async () => {
        const ask = async (schema: ProviderSchema, input: readonly unknown[], script: Script): Promise<Json> => {
          const target = targets.get(schema) as Target;
          target.fake.settings.script = script;
          const reasoning = { summary: 'auto' };
          const body = { model: modelAt(schema), input, tools, reasoning, max_output_tokens: 4000 };
          const { status, text: said } = await carry(target, 'responses', body);
          expect(status, said).to.equal(200);
          return JSON.parse(said) as Json;
        };
        const asked = { role: 'user', content: 'one and two?' };
        const { output } = (await ask(from, [asked], calls)) as { output: Json[] };
        const results = output
          .filter(({ type }) => type === 'function_call')
          .map(({ call_id: id }) => ({ type: 'function_call_output', call_id: id, output: '3' }));
        expect(results).to.have.length(2);
        // The strict fakes refuse what another one signed, and what they signed themselves where it is not whole.
        const answer = await ask(to, [asked, ...output, ...results], { text: 'three' });
        expect(JSON.stringify(answer.output)).to.contain('three');
      });
    }
  }
});
