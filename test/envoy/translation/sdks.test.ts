import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { expect } from 'chai';
import OpenAI from 'openai';
import { z } from 'zod';
import {
  AWS_CREDENTIALS,
  type Fake,
  type Script,
  startAnthropic,
  startBedrock,
  startOpenAi,
  startVertex,
} from '../../fakes/index.ts';
import { object } from '../support/objects.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const AI = 'aigateway.envoyproxy.io';

/** Models that hold conversations, by the schema of who serves them. */
const TRANSLATED = {
  Anthropic: 'claude-sonnet-4-5',
  AWSBedrock: 'claude-on-bedrock',
  GCPVertexAI: 'gemini-2.5-flash',
} as const;
const NATIVE = 'gpt-4.1';

const WEATHER = '21 degrees';

/** Calls the tool of a client first, and answers when it has its result. */
function withTools({ body }: { readonly body: Buffer }): Script {
  const usage = { input: 20, output: 10, cached: 5 };
  if (body.includes(WEATHER)) return { text: `It has ${WEATHER}.`, usage };
  if (!body.includes('get_weather')) return { text: 'Hello there.', usage };
  return { thinking: 'Let me look.', toolCalls: [{ name: 'get_weather', input: { city: 'Paris' } }], usage };
}

describe('real clients, through Envoy', function () {
  this.timeout(60_000);
  const fakes: Fake[] = [];
  let rig: TranslationRig;
  let openai: OpenAI;
  let anthropic: Anthropic;
  let baseUrl = '';

  async function start<T extends Fake>(fake: Promise<T>): Promise<T> {
    const started = await fake;
    fakes.push(started);
    return started;
  }

  before(async () => {
    globalThis.AI_SDK_LOG_WARNINGS = false;
    const native = await start(startOpenAi({ name: 'openai', keys: ['sk-openai'] }));
    const claude = await start(startAnthropic({ name: 'anthropic', keys: ['sk-ant'] }));
    const bedrock = await start(startBedrock({ name: 'bedrock' }));
    // Without credentials of Google's the project and the region are not known.
    const vertex = await start(startVertex({ name: 'vertex', tokens: ['ya29'], project: '-', location: '-' }));
    rig = await startTranslationRig({
      backends: {
        openai: { port: native.port, schema: { name: 'OpenAI' }, key: 'sk-openai' },
        anthropic: { port: claude.port, schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' },
        bedrock: { port: bedrock.port, schema: { name: 'AWSBedrock' } },
        vertex: { port: vertex.port, schema: { name: 'GCPVertexAI' }, key: 'ya29' },
      },
      models: {
        [NATIVE]: { refs: ['openai'] },
        [TRANSLATED.Anthropic]: { refs: ['anthropic'] },
        [TRANSLATED.AWSBedrock]: {
          refs: [{ name: 'bedrock', modelNameOverride: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0' }],
        },
        [TRANSLATED.GCPVertexAI]: { refs: ['vertex'] },
        titan: { refs: [{ name: 'bedrock', modelNameOverride: 'amazon.titan-embed-text-v2:0' }] },
        canvas: { refs: [{ name: 'bedrock', modelNameOverride: 'amazon.nova-canvas-v1:0' }] },
        'gemini-embedding-001': { refs: ['vertex'] },
        'gemini-embedding-2': { refs: ['vertex'] },
        'imagen-4.0-generate-001': { refs: ['vertex'] },
      },
      extra: [
        object(`${AI}/v1beta1`, 'BackendSecurityPolicy', 'bedrock', {
          spec: {
            targetRefs: [{ group: AI, kind: 'AIServiceBackend', name: 'bedrock' }],
            type: 'AWSCredentials',
            awsCredentials: { region: 'us-east-1', credentialsFile: { secretRef: { name: 'aws' } } },
          },
        }),
        object('v1', 'Secret', 'aws', {
          stringData: {
            credentials: `[default]\naws_access_key_id = ${AWS_CREDENTIALS.accessKeyId}\naws_secret_access_key = ${AWS_CREDENTIALS.secretAccessKey}\n`,
          },
        }),
      ],
    });
    baseUrl = `http://127.0.0.1:${rig.port}`;
    openai = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'client-secret', maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: `${baseUrl}/anthropic`, apiKey: 'client-secret', maxRetries: 0 });
  });
  after(async () => {
    await rig?.stop();
    for (const fake of fakes) await fake.close();
  });
  beforeEach(async () => {
    for (const fake of fakes) {
      await fake.reset();
      fake.settings.script = withTools;
    }
  });
  afterEach(() => {
    expect(rig.bugs).to.deep.equal([]);
    for (const fake of fakes) expect(fake.foreignCredentials, fake.name).to.deep.equal([]);
  });

  describe("OpenAI's", () => {
    const TOOL = {
      type: 'function' as const,
      name: 'get_weather',
      strict: false,
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    };

    for (const model of [NATIVE, ...Object.values(TRANSLATED)]) {
      it(`gets responses of ${model}, whole and as a stream`, async () => {
        const response = await openai.responses.create({ model, input: 'hi' });
        expect(response).to.include({ status: 'completed', object: 'response' });
        expect(response.output_text).to.be.a('string').that.is.not.empty;
        // The helper puts the response together from the events, and throws where they do not fit.
        const stream = openai.responses.stream({ model, input: 'hi' });
        const told: number[] = [];
        stream.on('event', (event) => told.push(event.sequence_number));
        const final = await stream.finalResponse();
        expect(final.output_text).to.equal(response.output_text);
        expect(final.usage).to.have.property('total_tokens').that.is.above(0);
        expect(told).to.deep.equal(told.map((_, i) => i));
      });
    }

    for (const model of Object.values(TRANSLATED)) {
      it(`gives tools to ${model} by the Responses API, and sends back what it got`, async () => {
        const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Weather in Paris?' }];
        const reasoning = { effort: 'high' as const, summary: 'auto' as const };
        const asked = { model, tools: [TOOL], ...(model !== TRANSLATED.AWSBedrock && { reasoning }) };
        const first = await openai.responses.stream({ ...asked, input }).finalResponse();
        const call = first.output.find((item) => item.type === 'function_call');
        expect(call).to.include({ name: 'get_weather', arguments: '{"city":"Paris"}' });
        input.push(...(first.output as OpenAI.Responses.ResponseInputItem[]), {
          type: 'function_call_output',
          call_id: String(call?.call_id),
          output: WEATHER,
        });
        const second = await openai.responses.create({ ...asked, input });
        expect(second.output_text).to.equal(`It has ${WEATHER}.`);
      });

      it(`runs tools with ${model} by chat completions`, async () => {
        const runner = openai.chat.completions.runTools({
          model,
          stream: true,
          messages: [{ role: 'user', content: 'Weather in Paris?' }],
          tools: [
            {
              type: 'function',
              function: {
                name: 'get_weather',
                description: 'The weather of a city',
                parameters: TOOL.parameters,
                parse: (text: string) => JSON.parse(text) as { city: string },
                function: ({ city }: { city: string }) => (city === 'Paris' ? WEATHER : 'no such city'),
              },
            },
          ],
        });
        expect(await runner.finalContent()).to.equal(`It has ${WEATHER}.`);
      });

      it(`completes with ${model}`, async () => {
        const { choices } = await openai.completions.create({ model, prompt: 'Once' });
        expect(choices[0]).to.include({ text: 'Hello there.', finish_reason: 'stop' });
        let text = '';
        const stream = await openai.completions.create({ model, prompt: 'Once', stream: true });
        for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
        expect(text).to.equal('Hello there.');
      });

      it(`counts the tokens of ${model}`, async () => {
        const { input_tokens: tokens } = await openai.responses.inputTokens.count({ model, input: 'hi' });
        expect(tokens).to.equal(20);
      });
    }

    it('is told what another provider does not remember', async () => {
      const asked = { model: TRANSLATED.Anthropic, input: 'And?', previous_response_id: 'resp_1' };
      const error: unknown = await openai.responses.create(asked).catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(OpenAI.BadRequestError);
      expect(String(error)).to.contain("'previous_response_id' names something");
    });

    it("is told of a provider's failures by their kind", async () => {
      for (const fake of fakes) fake.settings.script = { status: 429, message: 'slow down' };
      for (const model of Object.values(TRANSLATED)) {
        const error: unknown = await openai.responses.create({ model, input: 'hi' }).catch((caught: unknown) => caught);
        expect(error, model).to.be.instanceOf(OpenAI.RateLimitError);
        expect(String(error)).to.contain('slow down');
      }
    });

    for (const [model, size] of [
      ['titan', 1024],
      ['gemini-embedding-001', 3072],
      ['gemini-embedding-2', 3072],
    ] as const) {
      it(`gets embeddings of ${model}`, async () => {
        // By itself it asks for base64 and decodes it.
        const { data, usage } = await openai.embeddings.create({ model, input: 'hello' });
        expect(data[0]?.embedding).to.have.length(size);
        const plain = await openai.embeddings.create({
          model,
          input: 'hello',
          encoding_format: 'float',
          dimensions: 256,
        });
        expect(plain.data[0]?.embedding).to.have.length(256);
        expect(usage.prompt_tokens).to.be.above(0);
      });
    }

    for (const model of ['canvas', 'imagen-4.0-generate-001']) {
      it(`gets images of ${model}`, async () => {
        const { data } = await openai.images.generate({ model, prompt: 'A cat', n: 2, size: '1024x1024' });
        expect(data?.map(({ b64_json: image }) => Buffer.from(image ?? '', 'base64').toString())).to.have.length(2);
      });
    }
  });

  describe("Anthropic's", () => {
    const TOOL: Anthropic.Tool = {
      name: 'get_weather',
      input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    };

    for (const model of [NATIVE, TRANSLATED.AWSBedrock, TRANSLATED.GCPVertexAI]) {
      it(`holds a conversation with tools with ${model}`, async () => {
        const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Weather in Paris?' }];
        const asked = { model, max_tokens: 1000, tools: [TOOL] };
        const first = await anthropic.messages.stream({ ...asked, messages }).finalMessage();
        const call = first.content.find((block) => block.type === 'tool_use');
        expect(first.stop_reason).to.equal('tool_use');
        messages.push({ role: 'assistant', content: first.content as Anthropic.ContentBlockParam[] });
        messages.push({
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: String(call?.id), content: WEATHER }],
        });
        const second = await anthropic.messages.create({ ...asked, messages });
        expect(second.content.at(-1)).to.include({ type: 'text', text: `It has ${WEATHER}.` });
      });
    }

    it('counts tokens at Bedrock and at Vertex AI', async () => {
      for (const model of [TRANSLATED.AWSBedrock, TRANSLATED.GCPVertexAI]) {
        const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'hi' }];
        expect(await anthropic.messages.countTokens({ model, messages })).to.deep.equal({ input_tokens: 20 });
      }
    });
  });

  describe('an agent framework', () => {
    const tools = {
      get_weather: tool({ inputSchema: z.object({ city: z.string() }), execute: () => Promise.resolve(WEATHER) }),
    };

    for (const model of Object.values(TRANSLATED)) {
      for (const api of ['responses', 'chat', 'messages'] as const) {
        if (api === 'messages' && model === TRANSLATED.Anthropic) continue;
        it(`runs its loop with ${model} by ${api}`, async () => {
          const ai = createOpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'client-secret' });
          const claude = createAnthropic({ baseURL: `${baseUrl}/anthropic/v1`, apiKey: 'client-secret' });
          const chosen = api === 'messages' ? claude(model) : api === 'chat' ? ai.chat(model) : ai.responses(model);
          const options = api === 'responses' ? { providerOptions: { openai: { store: false } } } : {};
          const asked = {
            model: chosen,
            tools,
            prompt: 'Weather in Paris?',
            stopWhen: stepCountIs(4),
            maxRetries: 0,
            ...options,
          };
          const { text, steps } = await generateText(asked);
          expect(text).to.equal(`It has ${WEATHER}.`);
          expect(steps).to.have.length(2);
          expect(await streamText(asked).text).to.equal(`It has ${WEATHER}.`);
        });
      }
    }
  });
});
