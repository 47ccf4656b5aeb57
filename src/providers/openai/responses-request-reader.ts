import type { ConversationRequest, JsonObject, JsonValue, OutputFormat, ReasoningRequest } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { present } from '../json.ts';
import {
  booleanField,
  invalidField,
  listField,
  numberField,
  objectField,
  required,
  stringField,
} from '../request-fields.ts';
import { extraFields, jsonSchemaFormat } from './chat-request-reader.ts';
import { readResponsesInput } from './responses-items-reader.ts';
import { readResponsesToolChoice, readResponsesTools } from './responses-tools-reader.ts';

/** Fields that the common form has, or that are judged here; everything else goes on as it is. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['model', 'input', 'instructions', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls'],
  ...['max_output_tokens', 'temperature', 'top_p', 'top_logprobs', 'include', 'text', 'reasoning', 'user', 'metadata'],
  ...['safety_identifier', 'service_tier', 'previous_response_id', 'conversation', 'prompt', 'background'],
]);

/** Values that ask for nothing: what the API does where the field is absent. */
const NEUTRAL: ReadonlyMap<string, string> = new Map([
  ['store', 'false'],
  ['truncation', '"disabled"'],
]);

/**
 * A Responses request in the common form. What it leaves to a memory of the provider cannot be had from another one and is
 * refused. Errors: GatewayError `invalid_input`. Source: OpenAI API reference, create a model response.
 */
export function readResponsesRequest(body: JsonObject, unsupported: Unsupported): ConversationRequest {
  const model = required(stringField(body, 'model', ''), 'model', '');
  refuseMemory(body);
  const { system, messages } = readResponsesInput(body, unsupported);
  const toolChoice = readResponsesToolChoice(body, unsupported);
  const parallelToolCalls = booleanField(body, 'parallel_tool_calls', '');
  const text = objectField(body, 'text', '') ?? {};
  const outputFormat = readFormat(text);
  const verbosity = stringField(text, 'verbosity', 'text');
  const reasoning = readReasoningRequest(body);
  return {
    model,
    stream: booleanField(body, 'stream', '') ?? false,
    includeUsage: true,
    system,
    messages,
    tools: readResponsesTools(body, unsupported),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    ...readSampling(body, unsupported),
    ...(outputFormat !== undefined && { outputFormat }),
    ...(reasoning !== undefined && { reasoning }),
    ...readEnvelope(body),
    extra: {
      ...extraFields(body, KNOWN, NEUTRAL),
      ...(verbosity !== undefined && verbosity !== 'medium' && { verbosity }),
    },
    echo: echoOf(body),
  };
}

/** What each of these stands for is kept by the provider that gave it, and by no other. */
const MEMORY: readonly (readonly [field: string, advice: string])[] = [
  ['previous_response_id', "send the whole conversation in 'input'"],
  ['conversation', "send the whole conversation in 'input'"],
  ['prompt', "send its text in 'instructions' and 'input'"],
];

function refuseMemory(body: JsonObject): void {
  for (const [field, advice] of MEMORY) {
    const value = body[field];
    if (value === undefined || value === null) continue;
    throw invalidField(field, `names something that the provider of this model does not keep; ${advice}`);
  }
  if (booleanField(body, 'background', '') === true) {
    throw invalidField('background', 'must be false for the provider of this model, which keeps no answers');
  }
}

function readSampling(body: JsonObject, unsupported: Unsupported): Partial<ConversationRequest> {
  const maxTokens = numberField(body, 'max_output_tokens', '');
  const temperature = numberField(body, 'temperature', '');
  const topP = numberField(body, 'top_p', '');
  const top = numberField(body, 'top_logprobs', '') ?? 0;
  const include = listField(body, 'include', '') ?? [];
  const wantsLogprobs = top > 0 || include.includes('message.output_text.logprobs');
  if (include.some((item) => !CARRIED.has(item))) unsupported.add('include');
  return {
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(wantsLogprobs && { logprobs: { top } }),
  };
}

/** What answers hold beside the usual where they can: encrypted reasoning always does. */
const CARRIED: ReadonlySet<JsonValue> = new Set(['reasoning.encrypted_content', 'message.output_text.logprobs']);

function readFormat(text: JsonObject): OutputFormat | undefined {
  const format = objectField(text, 'format', 'text');
  const type = format === undefined ? 'text' : stringField(format, 'type', 'text.format');
  if (format === undefined || type === 'text') return undefined;
  if (type === 'json_object') return { kind: 'json_object' };
  if (type !== 'json_schema') throw invalidField('text.format.type', 'must be one of text, json_object, json_schema');
  return jsonSchemaFormat(format, 'text.format');
}

/** Clients that want a summary of the reasoning want the model to reason, where it does not by itself. */
function readReasoningRequest(body: JsonObject): ReasoningRequest | undefined {
  const reasoning = objectField(body, 'reasoning', '');
  if (reasoning === undefined) return undefined;
  const effort = stringField(reasoning, 'effort', 'reasoning');
  const display =
    stringField(reasoning, 'summary', 'reasoning') ?? stringField(reasoning, 'generate_summary', 'reasoning');
  if (effort === undefined && display === undefined) return undefined;
  return {
    ...(display !== undefined && effort !== 'none' && { mode: 'adaptive' }),
    ...(effort !== undefined && { effort }),
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

/** The settings that a response repeats, with what they are where the request leaves them out. */
function echoOf(body: JsonObject): JsonObject {
  const text = objectField(body, 'text', '') ?? {};
  const reasoning = objectField(body, 'reasoning', '') ?? {};
  return present({
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: reasoning.effort ?? null, summary: reasoning.summary ?? null },
    // Nothing is kept: the next request brings the conversation along.
    store: false,
    background: false,
    temperature: body.temperature ?? 1,
    text: { ...text, format: text.format ?? { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    user: body.user ?? undefined,
    safety_identifier: body.safety_identifier ?? undefined,
    prompt_cache_key: body.prompt_cache_key ?? undefined,
    metadata: body.metadata ?? {},
  });
}
