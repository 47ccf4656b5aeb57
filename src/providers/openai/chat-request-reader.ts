import type { ConversationRequest, JsonObject, OutputFormat, ReasoningRequest } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isText } from '../json.ts';
import {
  booleanField,
  invalidField,
  listField,
  numberField,
  objectField,
  required,
  stringField,
} from '../request-fields.ts';
import { readChatMessages } from './chat-messages-reader.ts';
import { readToolChoice, readTools } from './chat-tools-reader.ts';

/** Fields that the common form has; everything else goes on as it is. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'stream', 'stream_options', 'tools', 'tool_choice', 'functions', 'function_call'],
  ...['parallel_tool_calls', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'top_k', 'stop', 'seed'],
  ...['frequency_penalty', 'presence_penalty', 'logit_bias', 'n', 'logprobs', 'top_logprobs', 'response_format'],
  ...['reasoning_effort', 'thinking', 'user', 'safety_identifier', 'service_tier', 'metadata'],
]);

/** Values that ask for nothing: what the API does where the field is absent. */
const NEUTRAL: ReadonlyMap<string, string> = new Map([
  ['store', 'false'],
  ['verbosity', '"medium"'],
  ['modalities', '["text"]'],
]);

/**
 * A chat completions request in the common form.
 * Errors: GatewayError `invalid_input`. Source: OpenAI API reference, create chat completion.
 */
export function readChatRequest(body: JsonObject, unsupported: Unsupported): ConversationRequest {
  const model = required(stringField(body, 'model', ''), 'model', '');
  const list = required(listField(body, 'messages', ''), 'messages', '');
  const toolChoice = readToolChoice(body, unsupported);
  const parallelToolCalls = booleanField(body, 'parallel_tool_calls', '');
  const outputFormat = readOutputFormat(body);
  const reasoning = readReasoningRequest(body);
  return {
    model,
    stream: booleanField(body, 'stream', '') ?? false,
    includeUsage:
      booleanField(objectField(body, 'stream_options', '') ?? {}, 'include_usage', 'stream_options') ?? false,
    ...readChatMessages(list, unsupported),
    tools: readTools(body),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    ...readSampling(body),
    ...(outputFormat !== undefined && { outputFormat }),
    ...(reasoning !== undefined && { reasoning }),
    ...readEnvelope(body),
    extra: extraFields(body, KNOWN, NEUTRAL),
  };
}

/** Fields that a reader does not know, without those that ask for nothing. */
export function extraFields(
  body: JsonObject,
  known: ReadonlySet<string>,
  neutral: ReadonlyMap<string, string>,
): JsonObject {
  const rest = Object.entries(body).filter(
    ([key, value]) =>
      !known.has(key) && value !== null && (!neutral.has(key) || neutral.get(key) !== JSON.stringify(value)),
  );
  return Object.fromEntries(rest);
}

/** What a request says of sampling: chat and completions write it alike. */
export function readSampling(body: JsonObject): Partial<ConversationRequest> {
  const maxTokens = numberField(body, 'max_completion_tokens', '') ?? numberField(body, 'max_tokens', '');
  const temperature = numberField(body, 'temperature', '');
  const topP = numberField(body, 'top_p', '');
  const topK = numberField(body, 'top_k', '');
  const stop = readStop(body);
  const seed = numberField(body, 'seed', '');
  const frequencyPenalty = numberField(body, 'frequency_penalty', '') || undefined;
  const presencePenalty = numberField(body, 'presence_penalty', '') || undefined;
  const logitBias = objectField(body, 'logit_bias', '');
  const candidates = numberField(body, 'n', '');
  const top = numberField(body, 'top_logprobs', '');
  return {
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(stop !== undefined && { stop }),
    ...(seed !== undefined && { seed }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(logitBias !== undefined && Object.keys(logitBias).length > 0 && { logitBias }),
    ...(candidates !== undefined && candidates !== 1 && { candidates }),
    ...(booleanField(body, 'logprobs', '') === true && { logprobs: { top: top ?? 0 } }),
  };
}

function readStop(body: JsonObject): readonly string[] | undefined {
  const stop = body.stop ?? undefined;
  if (stop === undefined) return undefined;
  if (isText(stop)) return [stop];
  const list = listField(body, 'stop', '') ?? [];
  const texts = list.filter(isText);
  if (texts.length < list.length) throw invalidField('stop', 'must be a string or an array of strings');
  return texts.length === 0 ? undefined : texts;
}

function readOutputFormat(body: JsonObject): OutputFormat | undefined {
  const format = objectField(body, 'response_format', '');
  if (format === undefined) return undefined;
  const type = stringField(format, 'type', 'response_format');
  if (type === 'text') return undefined;
  if (type === 'json_object') return { kind: 'json_object' };
  if (type !== 'json_schema')
    throw invalidField('response_format.type', 'must be one of text, json_object, json_schema');
  const at = 'response_format.json_schema';
  return jsonSchemaFormat(
    required(objectField(format, 'json_schema', 'response_format'), 'json_schema', 'response_format'),
    at,
  );
}

/** A format given by a schema: chat and Responses write its members alike. */
export function jsonSchemaFormat(held: JsonObject, at: string): OutputFormat {
  const name = stringField(held, 'name', at);
  const description = stringField(held, 'description', at);
  const strict = booleanField(held, 'strict', at);
  return {
    kind: 'json_schema',
    schema: objectField(held, 'schema', at) ?? {},
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(strict !== undefined && { strict }),
  };
}

/** OpenAI's effort, and Anthropic's `thinking`, which clients of several providers set in chat requests. */
function readReasoningRequest(body: JsonObject): ReasoningRequest | undefined {
  const effort = stringField(body, 'reasoning_effort', '');
  const thinking = objectField(body, 'thinking', '');
  if (effort === undefined && thinking === undefined) return undefined;
  return { ...(thinking !== undefined && readThinking(thinking)), ...(effort !== undefined && { effort }) };
}

const MODES: ReadonlyMap<string, NonNullable<ReasoningRequest['mode']>> = new Map([
  ['enabled', 'on'],
  ['disabled', 'off'],
  ['adaptive', 'adaptive'],
]);

function readThinking(thinking: JsonObject): ReasoningRequest {
  const type = stringField(thinking, 'type', 'thinking');
  const mode = type === undefined ? undefined : MODES.get(type);
  if (type !== undefined && mode === undefined) {
    throw invalidField('thinking.type', 'must be one of enabled, disabled, adaptive');
  }
  const budgetTokens = numberField(thinking, 'budget_tokens', 'thinking');
  const isShown = booleanField(thinking, 'includeThoughts', 'thinking');
  const shown = isShown === undefined ? undefined : isShown ? 'summarized' : 'omitted';
  const display = stringField(thinking, 'display', 'thinking') ?? shown;
  return {
    ...(mode !== undefined && { mode }),
    ...(budgetTokens !== undefined && { budgetTokens }),
    ...(display !== undefined && { display }),
  };
}

function readEnvelope(body: JsonObject): Partial<ConversationRequest> {
  const user = stringField(body, 'user', '') ?? stringField(body, 'safety_identifier', '');
  const serviceTier = stringField(body, 'service_tier', '');
  const metadata = objectField(body, 'metadata', '');
  return {
    ...(user !== undefined && { user }),
    ...(serviceTier !== undefined && serviceTier !== 'auto' && { serviceTier }),
    ...(metadata !== undefined && Object.keys(metadata).length > 0 && { metadata }),
  };
}
