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
import { readCacheMark } from './messages-blocks-reader.ts';
import { readTools, readToolUse } from './messages-tools-reader.ts';
import { readMessages } from './messages-turns-reader.ts';

/** Fields that the common form has; everything else goes on as it is. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'system', 'stream', 'max_tokens', 'temperature', 'top_p', 'top_k', 'stop_sequences'],
  ...['metadata', 'service_tier', 'tools', 'tool_choice', 'thinking', 'output_config', 'output_format'],
  'cache_control',
]);

/**
 * A Messages request in the common form.
 * Errors: GatewayError `invalid_input`. Source: Anthropic API reference, Create a Message.
 */
export function readMessagesRequest(body: JsonObject, unsupported: Unsupported): ConversationRequest {
  const outputFormat = readOutputFormat(body);
  const reasoning = readReasoning(body);
  reportOutputConfig(body, unsupported);
  return {
    model: required(stringField(body, 'model', ''), 'model', ''),
    stream: booleanField(body, 'stream', '') ?? false,
    // Streams of this API always tell it.
    includeUsage: true,
    ...readMessages(body, readCacheMark(body, '')?.cache, unsupported),
    tools: readTools(body, unsupported),
    ...readToolUse(body),
    ...readSampling(body),
    ...(outputFormat !== undefined && { outputFormat }),
    ...(reasoning !== undefined && { reasoning }),
    ...readEnvelope(body, unsupported),
    extra: Object.fromEntries(Object.entries(body).filter(([key, value]) => !KNOWN.has(key) && value !== null)),
  };
}

function readSampling(body: JsonObject): Partial<ConversationRequest> {
  const maxTokens = required(numberField(body, 'max_tokens', ''), 'max_tokens', '');
  const temperature = numberField(body, 'temperature', '');
  const topP = numberField(body, 'top_p', '');
  const topK = numberField(body, 'top_k', '');
  const stop = readStops(body);
  return {
    maxTokens,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(stop !== undefined && { stop }),
  };
}

function readStops(body: JsonObject): readonly string[] | undefined {
  const list = listField(body, 'stop_sequences', '') ?? [];
  const texts = list.filter(isText);
  if (texts.length < list.length) throw invalidField('stop_sequences', 'must be an array of strings');
  return texts.length === 0 ? undefined : texts;
}

/** `output_format` is its older name, of the time when it was a beta. */
function readOutputFormat(body: JsonObject): OutputFormat | undefined {
  const config = objectField(body, 'output_config', '') ?? {};
  const isOlder = config.format === undefined || config.format === null;
  const [format, at] = isOlder
    ? [objectField(body, 'output_format', ''), 'output_format']
    : [objectField(config, 'format', 'output_config'), 'output_config.format'];
  if (format === undefined) return undefined;
  if (stringField(format, 'type', at) !== 'json_schema') throw invalidField(`${at}.type`, "must be 'json_schema'");
  // Anthropic always keeps to the schema: that is what OpenAI calls strict.
  return { kind: 'json_schema', schema: required(objectField(format, 'schema', at), 'schema', at), strict: true };
}

function reportOutputConfig(body: JsonObject, unsupported: Unsupported): void {
  for (const [key, value] of Object.entries(objectField(body, 'output_config', '') ?? {})) {
    if (key !== 'format' && key !== 'effort' && value !== null) unsupported.add(`output_config.${key}`);
  }
}

const MODES: ReadonlyMap<string, NonNullable<ReasoningRequest['mode']>> = new Map([
  ['enabled', 'on'],
  ['disabled', 'off'],
  ['adaptive', 'adaptive'],
]);

function readReasoning(body: JsonObject): ReasoningRequest | undefined {
  const effort = stringField(objectField(body, 'output_config', '') ?? {}, 'effort', 'output_config');
  const thinking = objectField(body, 'thinking', '');
  if (effort === undefined && thinking === undefined) return undefined;
  return { ...(thinking !== undefined && readThinking(thinking)), ...(effort !== undefined && { effort }) };
}

function readThinking(thinking: JsonObject): ReasoningRequest {
  const mode = MODES.get(required(stringField(thinking, 'type', 'thinking'), 'type', 'thinking'));
  if (mode === undefined) throw invalidField('thinking.type', 'must be one of enabled, disabled, adaptive');
  const budgetTokens = numberField(thinking, 'budget_tokens', 'thinking');
  const display = stringField(thinking, 'display', 'thinking');
  return { mode, ...(budgetTokens !== undefined && { budgetTokens }), ...(display !== undefined && { display }) };
}

function readEnvelope(body: JsonObject, unsupported: Unsupported): Partial<ConversationRequest> {
  const metadata = objectField(body, 'metadata', '') ?? {};
  const user = stringField(metadata, 'user_id', 'metadata');
  for (const key of Object.keys(metadata)) if (key !== 'user_id') unsupported.add(`metadata.${key}`);
  const serviceTier = stringField(body, 'service_tier', '');
  return {
    ...(user !== undefined && { user }),
    ...(serviceTier !== undefined && serviceTier !== 'auto' && { serviceTier }),
  };
}
