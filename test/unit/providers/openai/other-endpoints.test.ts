import { expect } from 'chai';
import type { EndpointName, ProviderSchema } from '../../../../src/ir/index.ts';
import { startTargets } from '../../../golden/translate-golden.ts';
import { type Carried, carry, eventsOf, type Json, type Target } from '../carry.ts';

const TITAN_V1 = 'amazon.titan-embed-text-v1';
const TITAN_IMAGE = 'amazon.titan-embed-image-v1';
const COHERE_V3 = 'cohere.embed-english-v3';
const COHERE_V4 = 'us.cohere.embed-v4:0';
const SD3 = 'stability.sd3-5-large-v1:0';
const CORE = 'stability.stable-image-core-v1:1';
const CANVAS = 'amazon.nova-canvas-v1:0';
const IMAGEN = 'imagen-4.0-generate-001';

describe('endpoints beside conversations, by translation', () => {
  let targets: ReadonlyMap<ProviderSchema, Target>;
  before(async () => {
    targets = await startTargets();
  });
  after(async () => {
    for (const { fake } of targets.values()) await fake.close();
  });
  beforeEach(async () => {
    for (const { fake } of targets.values()) await fake.reset();
  });

  const ask = (schema: ProviderSchema, endpoint: EndpointName, body: Json): Promise<Carried> =>
    carry(targets.get(schema) as Target, endpoint, body);
  const jsonOf = ({ text }: Carried): Json => JSON.parse(text) as Json;
  const messageOf = (carried: Carried): string =>
    String((jsonOf(carried).error as Json | undefined)?.message ?? jsonOf(carried).message);

  describe('embeddings', () => {
    it('are asked of each model on Bedrock as it takes them', async () => {
      const cases: [Json, Json, string[]][] = [
        [{ model: TITAN_V1, input: ['a'], dimensions: 256 }, { inputText: 'a' }, ['dimensions']],
        [
          { model: COHERE_V3, input: ['a', 'b'], dimensions: 256 },
          { texts: ['a', 'b'], input_type: 'search_document', embedding_types: ['float'] },
          ['dimensions'],
        ],
        [
          { model: COHERE_V4, input: 'a', dimensions: 512, input_type: 'search_query', truncate: 'RIGHT' },
          {
            texts: ['a'],
            input_type: 'search_query',
            truncate: 'RIGHT',
            embedding_types: ['float'],
            output_dimension: 512,
          },
          [],
        ],
        [
          { model: COHERE_V3, input: 'a', task_type: 'CLUSTERING' },
          { texts: ['a'], input_type: 'clustering', embedding_types: ['float'] },
          [],
        ],
      ];
      for (const [body, sent, unsupported] of cases) {
        const carried = await ask('AWSBedrock', 'embeddings', body);
        expect(carried.status, carried.text).to.equal(200);
        expect(carried.sent?.body).to.deep.equal(sent);
        expect(carried.unsupported).to.deep.equal(unsupported);
        const { data, usage } = jsonOf(carried) as { data: Json[]; usage: Json };
        expect(data).to.have.length(Array.isArray(body.input) ? body.input.length : 1);
        expect(usage.prompt_tokens, String(body.model)).to.be.above(0);
      }
    });

    it('name what cannot be had', async () => {
      const cases: [ProviderSchema, Json, RegExp][] = [
        ['AWSBedrock', { model: TITAN_V1, input: ['a', 'b'] }, /^'input' must be one text/],
        ['AWSBedrock', { model: TITAN_IMAGE, input: [] }, /^'input' must not be empty/],
        ['AWSBedrock', { model: 'meta.llama3-8b-instruct-v1:0', input: 'a' }, /are not known to the gateway/],
        ['GCPVertexAI', { model: 'text-embedding-005', input: [[1, 2]] }, /does not take tokens/],
        ['GCPVertexAI', { model: 'text-embedding-005', input: 'a', encoding_format: 'hex' }, /one of float, base64/],
        ['GCPVertexAI', { model: 'gemini-embedding-2', input: ['a', 'b'] }, /^'input' must be one text/],
      ];
      for (const [schema, body, expected] of cases) {
        const carried = await ask(schema, 'embeddings', body);
        expect([carried.status, carried.sent]).to.deep.equal([400, undefined]);
        expect(messageOf(carried)).to.match(expected);
      }
    });

    it('carry what Google wants to know of each text', async () => {
      const input = [{ content: 'a', task_type: 'RETRIEVAL_DOCUMENT', title: 'T' }, 'b'];
      const body = { model: 'text-embedding-005', input, task_type: 'CLUSTERING' };
      const { sent, status } = await ask('GCPVertexAI', 'embeddings', body);
      expect(status).to.equal(200);
      expect(sent?.body.instances).to.deep.equal([
        { content: 'a', task_type: 'RETRIEVAL_DOCUMENT', title: 'T' },
        { content: 'b', task_type: 'CLUSTERING' },
      ]);
    });

    it('go where newer models of Google embed', async () => {
      const { sent, status } = await ask('GCPVertexAI', 'embeddings', { model: 'gemini-embedding-2', input: 'a' });
      expect(status).to.equal(200);
      expect(sent?.path).to.match(/\/google\/models\/gemini-embedding-2:embedContent$/);
    });
  });

  describe('images', () => {
    it('are asked of each model as it takes them', async () => {
      const asked = { prompt: 'A cat', size: '1024x1792', n: 1, output_format: 'jpeg' };
      const sd3 = await ask('AWSBedrock', 'images_generations', { model: SD3, ...asked });
      expect(sd3.sent?.body).to.deep.equal({
        prompt: 'A cat',
        mode: 'text-to-image',
        aspect_ratio: '9:16',
        output_format: 'jpeg',
      });
      const core = await ask('AWSBedrock', 'images_generations', {
        model: CORE,
        prompt: 'A cat',
        size: '1000x700',
        n: 3,
      });
      expect(core.sent?.body).to.deep.equal({ prompt: 'A cat', aspect_ratio: '3:2' });
      expect(core.unsupported).to.deep.equal(['n', 'size']);
      for (const { status, text } of [sd3, core]) expect(status, text).to.equal(200);
      const gemini = { model: 'gemini-2.5-flash-image', prompt: 'A cat', size: '1024x1024' };
      const { sent } = await ask('GCPVertexAI', 'images_generations', gemini);
      expect(sent?.path).to.match(/:generateContent$/);
    });

    it('tell that a filter left nothing', async () => {
      for (const [schema, model] of [
        ['AWSBedrock', CANVAS],
        ['AWSBedrock', SD3],
        ['GCPVertexAI', IMAGEN],
      ] as const) {
        const carried = await ask(schema, 'images_generations', { model, prompt: 'something forbidden' });
        expect(carried.status, carried.text).to.equal(502);
        expect(messageOf(carried)).to.match(/^the provider filtered the image/);
      }
    });

    it('name what cannot be had', async () => {
      const cases: [Json, RegExp][] = [
        [{ prompt: 'A cat', stream: true }, /^'stream' must be false/],
        [{ prompt: 'A cat', size: 'large' }, /^'size' must be/],
        [{ prompt: 'A cat', size: '0x0' }, /^'size' must be/],
        [{ prompt: 3 }, /^'prompt' must be a string/],
        [{}, /^'prompt' is required/],
        [{ prompt: 'A cat', response_format: 'png' }, /^'response_format' must be/],
      ];
      for (const [body, expected] of cases) {
        const carried = await ask('AWSBedrock', 'images_generations', { model: CANVAS, ...body });
        expect(carried.status).to.equal(400);
        expect(messageOf(carried)).to.match(expected);
      }
    });
  });

  describe('rerank', () => {
    it('is asked of Amazon without the version of an API that is not its own', async () => {
      const body = { model: 'amazon.rerank-v1:0', query: 'q', documents: ['a', 'b'] };
      const carried = await ask('AWSBedrock', 'rerank', body);
      expect(carried.sent?.body).to.deep.equal({ query: 'q', documents: ['a', 'b'] });
      expect(jsonOf(carried).results).to.have.length(2);
    });

    it("tells mistakes and failures in Cohere's words", async () => {
      const model = 'cohere.rerank-v3-5:0';
      const refused = await ask('AWSBedrock', 'rerank', { model, query: 'q', documents: [3] });
      expect([refused.status, jsonOf(refused)]).to.deep.equal([400, { message: "'documents[0]' must be a string" }]);
      const failed = await ask('AWSBedrock', 'rerank', { model, query: 'q', documents: [] });
      expect(failed.status).to.equal(400);
      expect(messageOf(failed)).to.match(/between 1 and 1000/);
    });
  });

  describe('completions', () => {
    it('place the text of log probabilities, in pieces as in one', async () => {
      const target = targets.get('GCPVertexAI') as Target;
      target.fake.settings.script = { text: 'one two', chunks: 2 };
      const body = { model: 'gemini-2.5-flash', prompt: 'count', logprobs: 1, stream: true };
      const events = eventsOf((await ask('GCPVertexAI', 'completions', body)).text);
      const choices = events.map((event) => (event.choices as Json[])[0] as Json);
      const told = choices.flatMap(({ logprobs }) =>
        logprobs === null ? [] : [logprobs as { tokens: string[]; text_offset: number[] }],
      );
      expect(told.map(({ tokens }) => tokens.join('')).join('')).to.equal('one two');
      expect(told.flatMap(({ text_offset: offsets }) => offsets)).to.deep.equal([0, told[0]?.tokens.join('').length]);
    });

    it('do not tell what the model thought', async () => {
      const target = targets.get('Anthropic') as Target;
      target.fake.settings.script = { thinking: 'secret', text: 'said' };
      for (const stream of [false, true]) {
        const { text } = await ask('Anthropic', 'completions', { model: 'claude-sonnet-4-5', prompt: 'hi', stream });
        expect(text).to.not.contain('secret');
      }
    });

    it('have one prompt, of text', async () => {
      for (const prompt of [[1, 2], ['a', 'b'], [[1]], [], { text: 'a' }]) {
        const carried = await ask('Anthropic', 'completions', { model: 'claude-sonnet-4-5', prompt });
        expect([carried.status, messageOf(carried)]).to.deep.equal([
          400,
          "'prompt' must be one text for the provider of this model",
        ]);
      }
    });
  });
});
