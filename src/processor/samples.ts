/** Exchanges as Envoy sends them, by which a processor is warmed up. Shape: plain ones, since most are. */
import type { EndpointName, ProviderSchema } from '../ir/index.ts';
import { sseEvent } from '../lib/sse.ts';
import { ANSWER_ATTRIBUTE, ANSWER_SEPARATOR, ATTEMPT_ATTRIBUTE, READ_HEADERS } from '../providers/attempt-facts.ts';
import { encodeProcessingRequest } from './wire.ts';

/** Messages of one exchange, in their order. */
export type Sample = readonly Buffer[];

const MODEL = 'sample';
const TEXT = 'Hello there, how can I help?';
/** Events with text in a stream. */
const DELTAS = 20;

const MESSAGES = [
  { role: 'user', content: 'hello' },
  { role: 'assistant', content: TEXT },
  { role: 'user', content: 'what is the weather in Paris?' },
];
const PARAMETERS = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const CALL = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } };

const CHAT = { model: MODEL, messages: MESSAGES };
const CHAT_WITH_TOOLS = {
  model: MODEL,
  max_tokens: 1000,
  temperature: 0.5,
  messages: [
    { role: 'system', content: 'You are kind.' },
    { role: 'user', content: [{ type: 'text', text: 'what is the weather in Paris?' }] },
    { role: 'assistant', content: null, tool_calls: [CALL] },
    { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
  ],
  tools: [{ type: 'function', function: { name: 'weather', description: 'Tells it.', parameters: PARAMETERS } }],
};
const MESSAGES_REQUEST = { model: MODEL, max_tokens: 1000, system: 'You are kind.', messages: MESSAGES };

const CLAUDE = { id: 'msg_1', type: 'message', role: 'assistant', model: MODEL };
const CLAUDE_USAGE = { input_tokens: 11, output_tokens: 20 };
const CLAUDE_END = { stop_reason: 'end_turn', stop_sequence: null };
const CLAUDE_ANSWER = { ...CLAUDE, content: [{ type: 'text', text: TEXT }], ...CLAUDE_END, usage: CLAUDE_USAGE };
const CLAUDE_START = { ...CLAUDE, content: [], stop_reason: null, usage: CLAUDE_USAGE };
const CLAUDE_EVENTS = [
  { type: 'message_start', message: CLAUDE_START },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  ...repeated({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ' token' } }),
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: CLAUDE_END, usage: CLAUDE_USAGE },
  { type: 'message_stop' },
].map((event) => sseEvent(JSON.stringify(event), event.type));

const CONVERSE_ANSWER = {
  output: { message: { role: 'assistant', content: [{ text: TEXT }] } },
  stopReason: 'end_turn',
  usage: { inputTokens: 11, outputTokens: 20, totalTokens: 31 },
};

const GEMINI_USAGE = { promptTokenCount: 11, candidatesTokenCount: 20, totalTokenCount: 31 };
const gemini = (text: string, end?: object): object => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, ...(end && { finishReason: 'STOP' }) }],
  ...end,
  modelVersion: MODEL,
});
const GEMINI_END = { usageMetadata: GEMINI_USAGE };
const GEMINI_EVENTS = [...repeated(gemini(' token')), gemini('.', GEMINI_END)].map((event) =>
  sseEvent(JSON.stringify(event)),
);

const CHAT_USAGE = { prompt_tokens: 11, completion_tokens: 20, total_tokens: 31 };
const CHAT_ANSWER = {
  ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: MODEL },
  choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
  usage: CHAT_USAGE,
};
const chunk = (choices: readonly object[], rest?: object): object => ({
  ...{ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: MODEL, choices },
  ...rest,
});
const CHAT_EVENTS = [
  chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
  ...repeated(chunk([{ index: 0, delta: { content: ' token' }, finish_reason: null }])),
  chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
  chunk([], { usage: CHAT_USAGE }),
]
  .map((event) => sseEvent(JSON.stringify(event)))
  .concat(sseEvent('[DONE]'));

function repeated<T>(event: T): T[] {
  return Array.from({ length: DELTAS }, () => event);
}

function request(endpoint: EndpointName, schema: ProviderSchema, body: object): Buffer {
  const isStream = 'stream' in body;
  return encodeProcessingRequest({
    phase: 'request_body',
    body: Buffer.from(JSON.stringify(body)),
    endOfStream: true,
    attributes: new Map([[ATTEMPT_ATTRIBUTE, `${endpoint}${isStream ? ' stream' : ''} ${JSON.stringify({ schema })}`]]),
  });
}

/** Shape: bodies as they come; the last one ends the answer. */
function answer(type: string, bodies: readonly string[]): Buffer[] {
  const head = READ_HEADERS.map((name) => (name === ':status' ? '200' : name === 'content-type' ? type : ''));
  return bodies.map((body, i) =>
    encodeProcessingRequest({
      phase: 'response_body',
      body: Buffer.from(body),
      endOfStream: i === bodies.length - 1,
      attributes: new Map(i === 0 ? [[ANSWER_ATTRIBUTE, head.join(ANSWER_SEPARATOR)]] : []),
    }),
  );
}

function unary(endpoint: EndpointName, schema: ProviderSchema, body: object, said: object): Sample {
  return [request(endpoint, schema, body), ...answer('application/json', [JSON.stringify(said)])];
}

function streamed(endpoint: EndpointName, schema: ProviderSchema, body: object, said: readonly string[]): Sample {
  return [request(endpoint, schema, { ...body, stream: true }), ...answer('text/event-stream', [...said, ''])];
}

/** The pairs that are met most. */
export function createSamples(): readonly Sample[] {
  return [
    unary('chat_completions', 'Anthropic', CHAT, CLAUDE_ANSWER),
    streamed('chat_completions', 'Anthropic', CHAT, CLAUDE_EVENTS),
    unary('chat_completions', 'Anthropic', CHAT_WITH_TOOLS, CLAUDE_ANSWER),
    unary('chat_completions', 'GCPVertexAI', CHAT, gemini(TEXT, GEMINI_END)),
    streamed('chat_completions', 'GCPVertexAI', CHAT, GEMINI_EVENTS),
    unary('chat_completions', 'AWSBedrock', CHAT, CONVERSE_ANSWER),
    unary('messages', 'OpenAI', MESSAGES_REQUEST, CHAT_ANSWER),
    streamed('messages', 'OpenAI', MESSAGES_REQUEST, CHAT_EVENTS),
  ];
}
