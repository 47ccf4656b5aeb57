import { expect } from 'chai';
import { type Fake, startVertex, VERTEX_TOKEN } from '../../fakes/index.ts';
import { type ClientResponse, request } from '../../support/index.ts';
import { type Carried, carry } from '../providers/carry.ts';

const MODELS = '/v1/projects/test-project/locations/us-central1/publishers';
const FLASH = `${MODELS}/google/models/gemini-2.5-flash`;
const AUTH = { authorization: `Bearer ${VERTEX_TOKEN}` };
const PROVIDER = { schema: 'GCPVertexAI', project: 'test-project', region: 'us-central1' } as const;

type Json = Record<string, unknown>;

const user = (...parts: unknown[]): Json => ({ role: 'user', parts });
const model = (...parts: unknown[]): Json => ({ role: 'model', parts });
const HI = { text: 'hello there' };
const HELLO: Json = { contents: [user(HI)] };
const DECLARED = { tools: [{ functionDeclarations: [{ name: 'add' }] }] };
const CALL = { functionCall: { name: 'add', args: { a: 1 } } };
const RESPONSE = { functionResponse: { name: 'add', response: { output: '2' } } };

describe('fake of Vertex AI', () => {
  let fake: Fake;
  before(async () => {
    fake = await startVertex();
  });
  after(() => fake.close());
  beforeEach(() => fake.reset());

  const post = (body: unknown, path = `${FLASH}:generateContent`, headers: Json = AUTH): Promise<ClientResponse> =>
    request({ port: fake.port, method: 'POST', path, headers: headers as Record<string, string>, body });
  const message = ({ json }: ClientResponse): string => ((json as Json)?.error as Json)?.message as string;

  it('answers in one piece and in a stream', async () => {
    fake.settings.script = { text: 'hi there', usage: { input: 3, output: 5, reasoning: 2 } };
    const { status, json } = await post(HELLO);
    expect(status).to.equal(200);
    expect(json).to.deep.include({ modelVersion: 'gemini-2.5-flash', responseId: 'fakeResponse1' });
    expect((json as Json).usageMetadata).to.include({
      promptTokenCount: 3,
      candidatesTokenCount: 3,
      thoughtsTokenCount: 2,
    });
    const stream = await post(HELLO, `${FLASH}:streamGenerateContent?alt=sse`);
    expect(stream.headers['content-type']).to.match(/^text\/event-stream/);
    const parts = stream
      .sse()
      .map((event) => (event.json as { candidates: { content: { parts: [Json] } }[] }).candidates);
    expect(parts.map((one) => one[0]?.content.parts[0].text).join('')).to.equal('hi there');
    const list = await post(HELLO, `${FLASH}:streamGenerateContent`);
    expect(list.json).to.be.an('array').with.length(stream.sse().length);
  });

  it('refuses what Google refuses before a model is asked', async () => {
    expect((await post(HELLO, `${FLASH}:generate`)).text).to.match(/^<!DOCTYPE html>/);
    expect((await post(HELLO, FLASH)).status).to.equal(404);
    expect((await post(HELLO, undefined, {})).json).to.deep.nested.include({ 'error.status': 'UNAUTHENTICATED' });
    expect((await post(HELLO, undefined, { authorization: 'Bearer other' })).status).to.equal(401);
    expect((await post(HELLO, `${FLASH}:generateContent`.replace('test-project', 'another'))).status).to.equal(403);
    expect((await post(HELLO, `${FLASH}:generateContent`.replace('us-central1', 'mars'))).status).to.equal(404);
    fake.settings.models = ['gemini-2.5-pro'];
    expect((await post(HELLO)).json).to.deep.nested.include({ 'error.status': 'NOT_FOUND' });
  });

  it('reads JSON as Google does', async () => {
    const cases: [Json, string][] = [
      [{ ...HELLO, foo: 1 }, 'Invalid JSON payload received. Unknown name "foo": Cannot find field.'],
      [
        { contents: [user({ ...HI, cache_control: {} })] },
        'Invalid JSON payload received. Unknown name "cache_control" at \'contents[0].parts[0]\': Cannot find field.',
      ],
      [
        { ...HELLO, generationConfig: { maxOutputTokens: 'many' } },
        'Invalid value at \'generation_config.max_output_tokens\' (TYPE_INT32), "many"',
      ],
    ];
    for (const [body, expected] of cases) {
      const answer = await post(body);
      expect([answer.status, message(answer)]).to.deep.equal([400, expected]);
    }
  });

  it('refuses conversations that Gemini refuses', async () => {
    const cases: [Json, RegExp, string?][] = [
      [{ contents: [] }, /at least one contents field/],
      [{ contents: [{ role: 'assistant', parts: [HI] }] }, /valid role: user, model/],
      [{ contents: [user()] }, /at least one parts field/],
      [{ contents: [user({ text: '' })] }, /empty text parameter/],
      [{ contents: [user({ ...HI, inlineData: { mimeType: 'image/png', data: 'aGk=' } })] }, /exactly one field/],
      [{ contents: [user(HI), model(CALL), user(HI)], ...DECLARED }, /number of function response parts/],
      [{ contents: [user(HI), user(RESPONSE)], ...DECLARED }, /immediately after a function call turn/],
      [
        { contents: [user(HI), model({ ...CALL, thoughtSignature: 'Zm9yZ2Vk' }), user(RESPONSE)], ...DECLARED },
        /Corrupted/,
      ],
      [{ ...HELLO, tools: [{ functionDeclarations: [{ name: '1x' }] }] }, /Invalid function name/],
      [{ ...HELLO, tools: [{ functionDeclarations: [{ name: 'a' }, { name: 'a' }] }] }, /Duplicate function/],
      [{ ...HELLO, tools: [{ functionDeclarations: [{ name: 'a', parameters: { type: 'OBJECT' } }] }] }, /non-empty/],
      [{ ...HELLO, tools: [{ functionDeclarations: [{ name: 'a' }], googleSearch: {} }] }, /all search tools/],
      [{ ...HELLO, toolConfig: { functionCallingConfig: { mode: 'ANY' } } }, /without function_declarations/],
      [{ ...HELLO, generationConfig: { temperature: 3 } }, /temperature value of 3/],
      [{ ...HELLO, generationConfig: { stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] } }, /6 stop sequences/],
      [{ ...HELLO, generationConfig: { responseSchema: { type: 'STRING' } } }, /controlled generation/],
      [{ ...HELLO, generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } }, /level is not supported/],
      [{ ...HELLO, generationConfig: { thinkingConfig: { thinkingBudget: 99_999 } } }, /budget 99999 is invalid/],
      [
        { contents: [user(HI), model(CALL), user(RESPONSE)], ...DECLARED },
        /missing a `thought_signature`/,
        'gemini-3-pro',
      ],
    ];
    for (const [body, expected, name = 'gemini-2.5-flash'] of cases) {
      const answer = await post(body, `${MODELS}/google/models/${name}:generateContent`);
      expect(answer.status, String(expected)).to.equal(400);
      expect(message(answer)).to.match(expected);
    }
    expect((await post({ contents: [user(HI), model(CALL), user(RESPONSE)], ...DECLARED })).status).to.equal(200);
  });

  it('counts tokens, embeds, makes images, and runs Claude', async () => {
    expect((await post(HELLO, `${FLASH}:countTokens`)).json).to.include({ totalTokens: 3 });
    const embed = `${MODELS}/google/models/text-embedding-005:predict`;
    const embedded = (await post({ instances: [{ content: 'a' }, { content: 'b' }] }, embed)).json as Json;
    expect(embedded.predictions).to.have.length(2);
    const one = `${MODELS}/google/models/gemini-embedding-001:predict`;
    expect((await post({ instances: [{ content: 'a' }, { content: 'b' }] }, one)).status).to.equal(400);
    expect((await post({ instances: [{ content: 'a', title: 'b' }] }, embed)).status).to.equal(400);
    const content = `${MODELS}/google/models/gemini-embedding-2:embedContent`;
    expect((await post({ content: { parts: [HI] } }, content)).json).to.have.nested.property('embedding.values');
    const imagen = `${MODELS}/google/models/imagen-4.0-generate-001:predict`;
    const images = (await post({ instances: [{ prompt: 'a cat' }], parameters: { sampleCount: 2 } }, imagen))
      .json as Json;
    expect(images.predictions).to.have.length(2);
    const claude = `${MODELS}/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`;
    const asked = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 10 };
    expect((await post({ anthropic_version: 'vertex-2023-10-16', ...asked }, claude)).json).to.include({
      role: 'assistant',
    });
    expect((await post({ anthropic_version: 'vertex-2023-10-16', model: 'x', ...asked }, claude)).status).to.equal(400);
  });

  it('takes what chat completions are translated to, and back, calls and thoughts included', async () => {
    const send = (body: Json, cut?: number): Promise<Carried> =>
      carry({ fake, provider: PROVIDER, headers: AUTH }, 'chat_completions', body, cut === undefined ? {} : { cut });
    for (const name of ['gemini-2.5-flash', 'gemini-3-pro-preview']) {
      const tools = [
        {
          type: 'function',
          function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'number' } } } },
        },
      ];
      const first = {
        model: name,
        messages: [{ role: 'user', content: 'one and one?' }],
        tools,
        thinking: { type: 'enabled' },
      };
      fake.settings.script = {
        thinking: 'hm',
        toolCalls: [
          { name: 'add', input: { a: 1 } },
          { name: 'add', input: { a: 2 } },
        ],
      };
      const called = await send(first);
      expect(called.status, called.text).to.equal(200);
      const choice = (
        (JSON.parse(called.text) as Json).choices as {
          message: { tool_calls: { id: string }[] };
          finish_reason: string;
        }[]
      )[0];
      expect(choice?.finish_reason).to.equal('tool_calls');
      const results =
        choice?.message.tool_calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: '2' })) ?? [];
      expect(results).to.have.length(2);
      fake.settings.script = { text: 'two', chunks: 1 };
      const second = { ...first, stream: true, messages: [...first.messages, choice?.message, ...results] };
      const said = await send(second, 7);
      expect(said.status, said.text).to.equal(200);
      expect(said.text)
        .to.contain('"content":"two"')
        .and.match(/data: \[DONE\]\n\n$/);
    }
  });
});
