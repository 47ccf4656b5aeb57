import {
  BedrockRuntimeClient,
  type ContentBlock,
  ConverseCommand,
  ConverseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { decodeEvents } from '../../fakes/event-stream.ts';
import { AWS_CREDENTIALS, type Fake, type Script, startBedrock } from '../../fakes/index.ts';
import { postSigned } from '../../support/aws-client.ts';
import { type ClientResponse, request } from '../../support/index.ts';

const MODEL = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const PATH = `/model/${encodeURIComponent(MODEL)}/converse`;
const ARN = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123';

type Json = Record<string, unknown>;

const user = (...content: unknown[]): Json => ({ role: 'user', content });
const assistant = (...content: unknown[]): Json => ({ role: 'assistant', content });
const HI = { text: 'hello there' };
const HELLO: Json = { messages: [user(HI)] };
const TOOL = { toolSpec: { name: 'add', description: 'adds', inputSchema: { json: { type: 'object' } } } };
const TOOLS = { toolConfig: { tools: [TOOL] } };
const use = (toolUseId: string): Json => ({ toolUse: { toolUseId, name: 'add', input: { a: 1 } } });
const result = (toolUseId: string): Json => ({
  toolResult: { toolUseId, content: [{ text: '2' }], status: 'success' },
});

describe('fake of Bedrock: Converse', () => {
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

  const post = (body: unknown, path = PATH): Promise<ClientResponse> =>
    postSigned({ port: fake.port, path, body, credentials: AWS_CREDENTIALS });

  const SCRIPT: Script = {
    ...{ thinking: 'let me think', redactedThinking: 'hidden', text: 'It is:', chunks: 2 },
    toolCalls: [
      { id: 'tooluse_a', name: 'add', input: { a: 1, b: 'ü' } },
      { id: 'tooluse_b', name: 'add', input: {} },
    ],
    usage: { input: 10, output: 20, cached: 5, cacheCreation: 7 },
  };

  it("answers AWS's SDK with every kind of block, and accepts them back", async () => {
    fake.settings.script = SCRIPT;
    const messages = [{ role: 'user' as const, content: [{ text: 'one and one?' }] }];
    const toolConfig = { tools: [{ toolSpec: { name: 'add', inputSchema: { json: { type: 'object' } } } }] };
    const answer = await sdk.send(new ConverseCommand({ modelId: MODEL, messages, toolConfig }));
    const content = answer.output?.message?.content ?? [];
    expect(content.flatMap((block) => Object.keys(block))).to.deep.equal([
      ...['reasoningContent', 'reasoningContent', 'text', 'toolUse', 'toolUse'],
    ]);
    expect(content[3]?.toolUse).to.deep.equal({ toolUseId: 'tooluse_a', name: 'add', input: { a: 1, b: 'ü' } });
    expect(answer).to.include({ stopReason: 'tool_use' });
    expect(answer.usage).to.include({ inputTokens: 10, outputTokens: 20, totalTokens: 42, cacheReadInputTokens: 5 });
    const results: ContentBlock[] = ['tooluse_a', 'tooluse_b'].map((toolUseId) => ({
      toolResult: { toolUseId, content: [{ json: { sum: 2 } }] },
    }));
    fake.settings.script = { text: 'two' };
    const next = await sdk.send(
      new ConverseCommand({
        modelId: MODEL,
        messages: [...messages, { role: 'assistant', content }, { role: 'user', content: results }],
        toolConfig,
      }),
    );
    expect(next.output?.message?.content).to.deep.equal([{ text: 'two' }]);
    expect(fake.foreignCredentials).to.deep.equal([]);
  });

  it("streams to AWS's SDK what it answers in one piece", async () => {
    fake.settings.script = SCRIPT;
    const messages = [{ role: 'user' as const, content: [{ text: 'hi' }] }];
    const { stream } = await sdk.send(new ConverseStreamCommand({ modelId: MODEL, messages }));
    const seen: string[] = [];
    let text = '';
    let args = '';
    for await (const event of stream ?? []) {
      seen.push(Object.keys(event)[0] ?? '');
      text += event.contentBlockDelta?.delta?.text ?? '';
      if (event.contentBlockDelta?.contentBlockIndex === 3) args += event.contentBlockDelta.delta?.toolUse?.input ?? '';
      if (event.metadata !== undefined) expect(event.metadata.usage).to.include({ inputTokens: 10, totalTokens: 42 });
      if (event.messageStop !== undefined) expect(event.messageStop.stopReason).to.equal('tool_use');
    }
    expect(seen.slice(0, 1)).to.deep.equal(['messageStart']);
    expect(seen.slice(-2)).to.deep.equal(['messageStop', 'metadata']);
    expect(seen.filter((name) => name === 'contentBlockStart')).to.have.length(2);
    expect(text).to.equal('It is:');
    expect(JSON.parse(args)).to.deep.equal({ a: 1, b: 'ü' });
  });

  it('fails in the middle of a stream as Bedrock does', async () => {
    const types: Record<number, string> = {
      ...{ 400: 'validationException', 424: 'modelStreamErrorException', 429: 'throttlingException' },
      ...{ 500: 'internalServerException', 503: 'serviceUnavailableException' },
    };
    for (const [status, type] of Object.entries(types)) {
      fake.settings.script = { text: 'abcdef', chunks: 3, failAfterChunks: 2, failure: Number(status), message: 'no' };
      const response = await post(HELLO, `${PATH}-stream`);
      const events = decodeEvents(response.body);
      expect(events.map(({ headers }) => headers[':event-type'] ?? headers[':exception-type'])).to.deep.equal([
        ...['messageStart', 'contentBlockDelta', 'contentBlockDelta', type],
      ]);
      expect(JSON.parse(String(events.at(-1)?.payload))).to.include({ message: 'no' });
    }
  });

  it("gives faults the names that AWS's SDK knows", async () => {
    const names: Record<number, string> = {
      ...{ 400: 'ValidationException', 403: 'AccessDeniedException', 404: 'ResourceNotFoundException' },
      ...{ 408: 'ModelTimeoutException', 424: 'ModelErrorException', 429: 'ThrottlingException' },
      ...{ 500: 'InternalServerException', 503: 'ServiceUnavailableException' },
    };
    for (const [status, name] of Object.entries(names)) {
      fake.settings.script = { status: Number(status), message: 'not now' };
      const command = new ConverseCommand({ modelId: MODEL, messages: [{ role: 'user', content: [{ text: 'hi' }] }] });
      const error: unknown = await sdk.send(command).catch((thrown: unknown) => thrown);
      expect(error).to.include({ name, message: 'not now' });
      expect(error).to.have.nested.property('$metadata.httpStatusCode', Number(status));
      expect(error)
        .to.have.nested.property('$metadata.requestId')
        .that.matches(/^req_bedrock_/);
    }
  });

  const image = (format: string, bytes = 'aGVsbG8='): Json => ({ image: { format, source: { bytes } } });
  const document = (name: string): Json => ({ document: { name, format: 'pdf', source: { bytes: 'aGVsbG8=' } } });
  const thinking = { additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } } };
  const cached = { cachePoint: { type: 'default' } };

  const accepted: [string, Json, string?][] = [
    [
      'a conversation',
      { ...HELLO, system: [{ text: 'be brief' }], inferenceConfig: { maxTokens: 9, temperature: 0.5 } },
    ],
    ['images and documents', { messages: [user(HI, image('png'), document('a report (1)'))] }],
    ['tools', { messages: [user(HI), assistant(use('a'), use('b')), user(result('a'), result('b'))], ...TOOLS }],
    ['cache points', { ...TOOLS, system: [HI, cached], messages: [user(HI, cached)] }],
    ['thinking', { ...HELLO, ...thinking, inferenceConfig: { maxTokens: 2048 } }],
    [
      'a schema',
      { ...HELLO, outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: '{}' } } } } },
    ],
    ['a provisioned model', HELLO, `/model/${encodeURIComponent(ARN)}/converse`],
    ['an inference profile', HELLO, '/model/us.amazon.nova-pro-v1%3A0/converse-stream'],
    ['a prefilled answer', { messages: [user(HI), assistant({ text: 'It is' })] }],
  ];
  for (const [what, body, path] of accepted) {
    it(`accepts ${what}`, async () => {
      const response = await post(body, path);
      expect(response.status, response.text).to.equal(200);
      expect(response.headers['x-amzn-requestid']).to.equal('req_bedrock_1');
    });
  }

  const refused: [string, Json, string][] = [
    ['unknown members', { ...HELLO, stream: true }, 'stream: Extra inputs'],
    ['unknown members inside', { messages: [{ ...user(HI), name: 'x' }] }, 'messages.1.member.name'],
    ['no messages', { messages: [] }, 'must start with a user message'],
    ['an assistant first', { messages: [assistant(HI)] }, 'must start with a user message'],
    ['a system role', { messages: [{ role: 'system', content: [HI] }] }, 'enum value set: [user, assistant]'],
    ['two user turns', { messages: [user(HI), user(HI)] }, 'must alternate'],
    ['content as a string', { messages: [{ role: 'user', content: 'hi' }] }, 'can not be converted'],
    ['empty content', { messages: [user()] }, 'is empty'],
    ['blank text', { messages: [user({ text: ' ' })] }, 'is blank'],
    ['two members in a block', { messages: [user({ text: 'x', ...image('png') })] }, 'exactly one'],
    ['a high temperature', { ...HELLO, inferenceConfig: { temperature: 1.5 } }, 'less than or equal to 1'],
    ['zero tokens', { ...HELLO, inferenceConfig: { maxTokens: 0 } }, 'greater than or equal to 1'],
    ['an empty stop sequence', { ...HELLO, inferenceConfig: { stopSequences: [''] } }, 'length greater than'],
    ['a media type as format', { messages: [user(HI, image('image/png'))] }, 'enum value set: [png'],
    ['a data URI as bytes', { messages: [user(image('png', 'data:image/png;base64,aGk='))] }, 'base64'],
    ['a file name as document name', { messages: [user(HI, document('report.pdf'))] }, 'regular expression'],
    ['a document without text', { messages: [user(document('report'))] }, 'text block'],
    ['tool uses without tools', { messages: [user(HI), assistant(use('a')), user(result('a'))] }, 'toolConfig field'],
    ['a choice without tools', { ...HELLO, toolConfig: { toolChoice: { auto: {} } } }, 'toolConfig.tools'],
    [
      'a choice of another tool',
      { ...HELLO, toolConfig: { tools: [TOOL], toolChoice: { tool: { name: 'x' } } } },
      'not one of',
    ],
    ['a choice as a word', { ...HELLO, toolConfig: { tools: [TOOL], toolChoice: 'auto' } }, 'can not be converted'],
    [
      "OpenAI's tools",
      { ...HELLO, toolConfig: { tools: [{ type: 'function', function: {} }] } },
      'toolConfig.tools.1.member',
    ],
    [
      'a tool name with dots',
      { ...HELLO, toolConfig: { tools: [{ toolSpec: { ...TOOL.toolSpec, name: 'a.b' } }] } },
      'pattern',
    ],
    [
      'a schema of no object',
      { ...HELLO, toolConfig: { tools: [{ toolSpec: { ...TOOL.toolSpec, inputSchema: { json: {} } } }] } },
      'must be one of the following: object',
    ],
    [
      'results in two turns',
      { messages: [user(HI), assistant(use('a'), use('b')), user(result('a'))], ...TOOLS },
      'Expected toolResult blocks at messages.2.content for the following Ids: b',
    ],
    ['results of nothing', { messages: [user(HI, result('a'))], ...TOOLS }, 'exceeds the number of toolUse'],
    ['uses that nobody answers', { messages: [user(HI), assistant(use('a'))], ...TOOLS }, 'Expected toolResult'],
    ['uses of a user', { messages: [user(HI, use('a'))], ...TOOLS }, 'User messages cannot contain tool uses'],
    ['five cache points', { messages: [user(HI, cached, cached, cached, cached, cached)] }, 'maximum of 4'],
    [
      'a budget above the limit',
      { ...HELLO, ...thinking, inferenceConfig: { maxTokens: 1024 } },
      'must be greater than',
    ],
    [
      'thinking with temperature',
      { ...HELLO, ...thinking, inferenceConfig: { maxTokens: 4096, temperature: 0 } },
      '`temperature` may only',
    ],
    [
      'thinking with a forced tool',
      { ...HELLO, ...thinking, toolConfig: { tools: [TOOL], toolChoice: { any: {} } } },
      'forces tool use',
    ],
    [
      'a signature of another text',
      {
        messages: [
          user(HI),
          assistant({ reasoningContent: { reasoningText: { text: 'x', signature: 'aGk=' } } }, HI),
          user(HI),
        ],
      },
      'Invalid `signature`',
    ],
    [
      'a tool turn without its thinking',
      { ...thinking, ...TOOLS, messages: [user(HI), assistant(use('a')), user(result('a'))] },
      'Expected `thinking`',
    ],
    ['fields that Claude does not know', { ...HELLO, additionalModelRequestFields: { seed: 1 } }, 'seed: Extra inputs'],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what} as Bedrock does`, async () => {
      const response = await post(body);
      expect(response.status, response.text).to.equal(400);
      expect(response.headers['x-amzn-errortype']).to.match(/^(Validation|Serialization)Exception:http/);
      expect(response.json).to.have.property('message').that.includes(message);
    });
  }

  it('refuses paths, methods, models and content types that do not exist', async () => {
    expect((await post(HELLO, `/model/${ARN}/converse`)).status).to.equal(404);
    expect((await post(HELLO, '/model/x.y/chat')).headers['x-amzn-errortype']).to.contain('UnknownOperationException');
    expect((await post(HELLO, '/model/gpt-4o/converse')).text).to.contain('model identifier is invalid');
    fake.settings.models = ['amazon.nova-pro-v1:0'];
    expect((await post(HELLO)).text).to.contain('model identifier is invalid');
    const text = { port: fake.port, path: PATH, body: HELLO, credentials: AWS_CREDENTIALS };
    fake.settings.models = undefined;
    expect((await postSigned({ ...text, headers: { 'content-type': 'text/plain' } })).status).to.equal(415);
    expect((await postSigned({ ...text, body: '{' })).headers['x-amzn-errortype']).to.contain('SerializationException');
  });

  it('refuses what is not signed, and records credentials of others', async () => {
    const bare = await request({ port: fake.port, path: PATH, body: HELLO, headers: { authorization: 'Bearer sk-x' } });
    expect(bare.status).to.equal(403);
    expect(fake.foreignCredentials.map(({ where }) => where)).to.deep.equal(['authorization']);
    const wrong = { ...AWS_CREDENTIALS, secretAccessKey: 'wrong' };
    const signed = await postSigned({ port: fake.port, path: PATH, body: HELLO, credentials: wrong });
    expect(signed.headers['x-amzn-errortype']).to.equal('InvalidSignatureException');
    const other = { ...AWS_CREDENTIALS, accessKeyId: 'AKIAOTHER' };
    const unknown = await postSigned({ port: fake.port, path: PATH, body: HELLO, credentials: other });
    expect(unknown.headers['x-amzn-errortype']).to.equal('UnrecognizedClientException');
  });
});
