import {
  BedrockRuntimeClient,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { decodeEvents } from '../../fakes/event-stream.ts';
import { AWS_CREDENTIALS, type Fake, startBedrock } from '../../fakes/index.ts';
import { postSigned } from '../../support/aws-client.ts';
import type { ClientResponse } from '../../support/index.ts';

type Json = Record<string, unknown>;

const MODEL = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const INVOKE = `/model/${encodeURIComponent(MODEL)}/invoke`;
const COUNT = `/model/${encodeURIComponent(MODEL)}/count-tokens`;
const TITAN = '/model/amazon.titan-embed-text-v2%3A0/invoke';
const CLAUDE: Json = {
  ...{ anthropic_version: 'bedrock-2023-05-31', max_tokens: 64 },
  messages: [{ role: 'user', content: 'hello there' }],
};
const encoded = (body: unknown): string => Buffer.from(JSON.stringify(body)).toString('base64');

describe('fake of Bedrock: InvokeModel and CountTokens', () => {
  let fake: Fake;
  let sdk: BedrockRuntimeClient;
  before(async () => {
    fake = await startBedrock();
    sdk = new BedrockRuntimeClient({
      ...{ region: 'us-east-1', endpoint: fake.url, maxAttempts: 1, credentials: AWS_CREDENTIALS },
      requestHandler: new NodeHttpHandler({}),
    });
  });
  after(async () => {
    sdk.destroy();
    await fake.close();
  });
  beforeEach(() => fake.reset());

  const post = (body: unknown, path = INVOKE): Promise<ClientResponse> =>
    postSigned({ port: fake.port, path, body, credentials: AWS_CREDENTIALS });

  it("answers AWS's SDK in Anthropic's format", async () => {
    fake.settings.script = { text: 'two', usage: { input: 9, output: 3 } };
    const answer = await sdk.send(
      new InvokeModelCommand({ modelId: MODEL, body: JSON.stringify(CLAUDE), contentType: 'application/json' }),
    );
    const body = JSON.parse(Buffer.from(answer.body).toString()) as Json;
    expect(body).to.include({ type: 'message', model: 'claude-sonnet-4-5-20250929', stop_reason: 'end_turn' });
    expect(body.content).to.deep.equal([{ type: 'text', text: 'two' }]);
    expect((await post(CLAUDE)).headers).to.include({ 'x-amzn-bedrock-output-token-count': '3' });
  });

  it("streams Anthropic's events in chunks, with Bedrock's metrics at the end", async () => {
    fake.settings.script = { text: 'one two', chunks: 2, usage: { input: 9, output: 3, cached: 4 } };
    const command = { modelId: MODEL, body: JSON.stringify(CLAUDE), contentType: 'application/json' };
    const { body } = await sdk.send(new InvokeModelWithResponseStreamCommand(command));
    const events: Json[] = [];
    for await (const { chunk } of body ?? [])
      events.push(JSON.parse(Buffer.from(chunk?.bytes ?? []).toString()) as Json);
    expect(events.map(({ type }) => type)).to.deep.equal([
      ...['message_start', 'content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_stop'],
      ...['message_delta', 'message_stop'],
    ]);
    expect(events.at(-1)?.['amazon-bedrock-invocationMetrics']).to.include({
      ...{ inputTokenCount: 9, outputTokenCount: 3, cacheReadInputTokenCount: 4 },
    });
  });

  it('fails in the middle of a stream as Bedrock does', async () => {
    fake.settings.script = { text: 'one two', chunks: 2, failAfterChunks: 1, failure: 429 };
    const response = await post(CLAUDE, `${INVOKE}-with-response-stream`);
    expect(decodeEvents(response.body).at(-1)?.headers).to.include({ ':exception-type': 'throttlingException' });
  });

  it('embeds one text with Titan', async () => {
    const response = await post({ inputText: 'hello there', dimensions: 256, normalize: true }, TITAN);
    expect(response.status, response.text).to.equal(200);
    expect(response.json).to.have.property('embedding').with.length(256);
    expect(response.json).to.have.property('inputTextTokenCount', 3);
    const first = await post({ inputText: 'hi' }, '/model/amazon.titan-embed-text-v1/invoke');
    expect(first.json).to.have.property('embedding').with.length(1536);
  });

  it('counts the tokens of both kinds of request', async () => {
    const input = { converse: { messages: [{ role: 'user' as const, content: [{ text: 'hello there' }] }] } };
    const count = await sdk.send(new CountTokensCommand({ modelId: MODEL, input }));
    expect(count.inputTokens).to.equal(3);
    const response = await post({ input: { invokeModel: { body: encoded(CLAUDE) } } }, COUNT);
    expect(response.json, response.text).to.deep.equal({ inputTokens: 3 });
  });

  const { anthropic_version: _version, ...noVersion } = CLAUDE;
  const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };
  const refused: [string, unknown, string, string?][] = [
    ['a body without version', noVersion, 'anthropic_version: Field required'],
    ["Vertex's version", { ...CLAUDE, anthropic_version: 'vertex-2023-10-16' }, 'anthropic_version'],
    ['a model in the body', { ...CLAUDE, model: MODEL }, 'model: Extra inputs'],
    ['a stream flag in the body', { ...CLAUDE, stream: true }, 'stream: Extra inputs'],
    ['fields of the API alone', { ...CLAUDE, service_tier: 'auto' }, 'service_tier: Extra inputs'],
    ['addresses of images', { ...CLAUDE, messages: [{ role: 'user', content: [image] }] }, 'source.type'],
    ['a Converse body', { messages: [{ role: 'user', content: [{ text: 'hi' }] }] }, 'Field required'],
    ['a list of texts for Titan', { inputText: ['a', 'b'] }, '/inputText', TITAN],
    ["OpenAI's embeddings for Titan", { input: 'a' }, 'required key [inputText] not found', TITAN],
    ['other dimensions', { inputText: 'a', dimensions: 100 }, '/dimensions', TITAN],
    [
      'dimensions for the first Titan',
      { inputText: 'a', dimensions: 256 },
      'extraneous key [dimensions]',
      '/model/amazon.titan-embed-text-v1/invoke',
    ],
    [
      'a count by an inference profile',
      { input: { converse: { messages: [] } } },
      "doesn't support counting",
      '/model/us.anthropic.claude-x/count-tokens',
    ],
    ['a count of nothing', { input: {} }, 'exactly one', COUNT],
    [
      'a count of a body without limit',
      { input: { invokeModel: { body: encoded({ ...CLAUDE, max_tokens: undefined }) } } },
      'max_tokens: Field required',
      COUNT,
    ],
    ['a count with sampling', { input: { converse: { inferenceConfig: {} } } }, 'inferenceConfig', COUNT],
  ];
  for (const [what, body, message, path] of refused) {
    it(`refuses ${what} as Bedrock does`, async () => {
      const response = await post(body, path);
      expect(response.status, response.text).to.equal(400);
      expect(response.headers['x-amzn-errortype']).to.match(/^ValidationException:/);
      expect(response.json).to.have.property('message').that.includes(message);
    });
  }
});
