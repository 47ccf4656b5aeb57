import type {
  AssistantPart,
  ConversationRequest,
  JsonObject,
  JsonValue,
  ToolDefinition,
  UserPart,
} from '../conversation.ts';
import type { DialectContext, Unsupported } from '../dialect.ts';
import { present } from '../json.ts';
import { ownFields } from '../own-fields.ts';
import { joinTurns } from '../turns.ts';
import { plainSignature } from '../vertex/signatures.ts';
import { cacheControl, writeText, writeTurns } from './messages-content.ts';
import { writeReasoning } from './messages-thinking.ts';
import { type ClaudeFacts, claudeFacts } from './model-facts.ts';

/** Anthropic's own fields that a client of another API may send along. */
const OWN_FIELDS = new Set([
  ...['cache_control', 'container', 'context_management', 'diagnostics', 'inference_geo', 'mcp_servers', 'speed'],
  'user_profile_id',
]);

/** A conversation as a request of the Messages API. Source: Anthropic API reference, Messages. */
export function writeMessagesRequest(request: ConversationRequest, context: DialectContext): JsonObject {
  const { model, unsupported } = context;
  const facts = claudeFacts(model, context.provider);
  const system = request.system.filter(({ text }) => text.trim() !== '').map(writeText);
  const turns = joinTurns(request.messages, (part) => isSigned(part, unsupported));
  const reasoning = writeReasoning(request, turns, facts, unsupported);
  const messages = writeTurns(turns);
  const onlySystem = messages.length === 0;
  reportRest(request, unsupported);
  return present({
    model,
    max_tokens: reasoning.maxTokens,
    // The API wants a message; a conversation of instructions alone is asked as one.
    system: onlySystem || system.length === 0 ? undefined : system,
    messages: onlySystem ? [{ role: 'user', content: system }] : messages,
    ...writeTools(request, facts, unsupported),
    thinking: reasoning.thinking,
    output_config: writeOutputConfig(request, reasoning.effort, facts, unsupported),
    ...writeSampling(request, facts, unsupported),
    stop_sequences: writeStops(request.stop, unsupported),
    metadata: request.user === undefined ? undefined : { user_id: request.user },
    service_tier: writeServiceTier(request.serviceTier, unsupported),
    ...ownFields(request.extra, OWN_FIELDS, unsupported),
    stream: request.stream ? true : undefined,
  });
}

/** Without a signature, or with Gemini's, the reasoning is another provider's, and Claude refuses it. */
export function isSigned(part: UserPart | AssistantPart, unsupported: Unsupported): boolean {
  if (part.kind !== 'reasoning') return true;
  if (part.signature !== undefined && plainSignature(part.signature) === undefined) return true;
  // A signature without words is a call's, and nothing that the client said.
  if (part.text === '') return false;
  unsupported.add('messages[].reasoning_content');
  return false;
}

function writeTools(
  request: ConversationRequest,
  facts: ClaudeFacts,
  unsupported: Unsupported,
): { readonly [key: string]: JsonValue | undefined } {
  const choice = request.toolChoice;
  const allowed = choice?.kind === 'allowed' ? new Set(choice.names) : undefined;
  const tools = request.tools
    .filter(({ name }) => allowed?.has(name) !== false)
    .flatMap((tool) => writeTool(tool, facts, unsupported) ?? []);
  if (tools.length === 0) return {};
  const serial = request.parallelToolCalls === false ? true : undefined;
  return { tools, tool_choice: writeToolChoice(choice, serial) };
}

function writeTool(tool: ToolDefinition, facts: ClaudeFacts, unsupported: Unsupported): JsonObject | undefined {
  if (tool.builtIn !== undefined) {
    if (tool.builtIn.api === 'messages') return tool.builtIn.definition;
    unsupported.add(`tools[].${tool.name}`);
    return undefined;
  }
  if (tool.strict === true && !facts.structuredOutput) unsupported.add('tools[].strict');
  return present({
    name: tool.name,
    description: tool.description,
    input_schema: { type: 'object', ...tool.parameters },
    strict: tool.strict === true && facts.structuredOutput ? true : undefined,
    cache_control: cacheControl(tool.cache),
  });
}

function writeToolChoice(choice: ConversationRequest['toolChoice'], serial: true | undefined): JsonObject | undefined {
  if (choice === undefined) return serial && { type: 'auto', disable_parallel_tool_use: true };
  if (choice.kind === 'none') return { type: 'none' };
  if (choice.kind === 'tool') return present({ type: 'tool', name: choice.name, disable_parallel_tool_use: serial });
  const kind = choice.kind === 'allowed' ? choice.mode : choice.kind;
  return present({ type: kind === 'required' ? 'any' : 'auto', disable_parallel_tool_use: serial });
}

function writeOutputConfig(
  { outputFormat }: ConversationRequest,
  effort: string | undefined,
  facts: ClaudeFacts,
  unsupported: Unsupported,
): JsonObject | undefined {
  const carried = outputFormat?.kind === 'json_schema' && facts.structuredOutput;
  if (outputFormat !== undefined && !carried) unsupported.add('response_format');
  const format = carried ? { type: 'json_schema', schema: outputFormat.schema } : undefined;
  return effort === undefined && format === undefined ? undefined : present({ effort, format });
}

function writeSampling(
  { temperature, topP, topK }: ConversationRequest,
  facts: ClaudeFacts,
  unsupported: Unsupported,
): { readonly [key: string]: JsonValue | undefined } {
  if (facts.sampling === 'none') {
    // 1 is what these models do anyway.
    if (temperature !== undefined && temperature !== 1) unsupported.add('temperature');
    if (topP !== undefined && topP !== 1) unsupported.add('top_p');
    if (topK !== undefined) unsupported.add('top_k');
    return {};
  }
  const onlyTemperature = facts.sampling === 'one' && temperature !== undefined && topP !== undefined;
  if (onlyTemperature && topP !== 1) unsupported.add('top_p');
  return { temperature, top_p: onlyTemperature ? undefined : topP, top_k: topK };
}

function writeStops(stops: readonly string[] | undefined, unsupported: Unsupported): readonly string[] | undefined {
  if (stops === undefined) return undefined;
  // The API refuses sequences of white space alone.
  const kept = stops.filter((stop) => stop.trim() !== '');
  if (kept.length < stops.length) unsupported.add('stop');
  return kept.length === 0 ? undefined : kept;
}

function writeServiceTier(tier: string | undefined, unsupported: Unsupported): string | undefined {
  if (tier === undefined || tier === 'auto' || tier === 'standard_only') return tier;
  if (tier === 'default') return 'standard_only';
  unsupported.add('service_tier');
  return undefined;
}

/** What the API has no word for at all. Values that change nothing are not worth a word. */
function reportRest(request: ConversationRequest, unsupported: Unsupported): void {
  if (request.messages.some(({ name }) => name !== undefined)) unsupported.add('messages[].name');
  if (request.seed !== undefined) unsupported.add('seed');
  if (request.frequencyPenalty) unsupported.add('frequency_penalty');
  if (request.presencePenalty) unsupported.add('presence_penalty');
  if (request.logitBias !== undefined && Object.keys(request.logitBias).length > 0) unsupported.add('logit_bias');
  if (request.candidates !== undefined && request.candidates > 1) unsupported.add('n');
  if (request.logprobs !== undefined) unsupported.add('logprobs');
  if (request.metadata !== undefined && Object.keys(request.metadata).length > 0) unsupported.add('metadata');
}
