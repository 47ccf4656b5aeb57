import type { ConversationRequest, JsonObject, JsonValue, OutputFormat, ToolDefinition } from '../conversation.ts';
import type { DialectContext, Unsupported } from '../dialect.ts';
import { writeChatMessages } from './chat-messages-writer.ts';
import { type ChatModelFacts, chatModelFacts, nearestEffort } from './model-facts.ts';
import { fitsStrict } from './strict-schema.ts';

/** Fields of the API that the common form does not have. */
const OWN: ReadonlySet<string> = new Set([
  ...['audio', 'modalities', 'prediction', 'prompt_cache_key', 'prompt_cache_retention', 'store', 'verbosity'],
  ...['web_search_options'],
]);

/** Fields of servers that are wider than OpenAI's API: vLLM, SGLang, OpenRouter, Mistral. */
const WIDER: ReadonlySet<string> = new Set([
  ...['min_p', 'top_a', 'repetition_penalty', 'length_penalty', 'min_tokens', 'ignore_eos', 'stop_token_ids'],
  ...['bad_words', 'include_stop_str_in_output', 'skip_special_tokens', 'guided_json', 'guided_regex'],
  ...['guided_choice', 'guided_grammar', 'structured_outputs', 'chat_template_kwargs', 'chat_template'],
  ...['add_generation_prompt', 'continue_final_message', 'include_reasoning', 'enable_thinking', 'thinking_budget'],
  ...['reasoning', 'provider', 'models', 'route', 'transforms', 'safe_prompt', 'priority'],
]);

/**
 * A conversation as a chat completions request.
 * Errors: GatewayError `invalid_input`. Source: OpenAI API reference, create chat completion.
 */
export function writeChatRequest(request: ConversationRequest, context: DialectContext): JsonObject {
  const { model, provider, unsupported } = context;
  const facts = chatModelFacts(model, provider);
  return {
    model,
    messages: writeChatMessages(request, { isStrict: facts.isStrict, unsupported }),
    ...(request.stream && { stream: true, stream_options: { include_usage: true } }),
    ...writeTools(request, facts, unsupported),
    ...writeSampling(request, facts, unsupported),
    ...(request.outputFormat !== undefined && {
      response_format: writeFormat(request.outputFormat, facts, unsupported),
    }),
    ...writeReasoning(request, facts, unsupported),
    ...writeEnvelope(request, unsupported),
    ...writeExtra(request.extra, facts, unsupported),
  };
}

function writeTools(request: ConversationRequest, facts: ChatModelFacts, unsupported: Unsupported): JsonObject {
  const tools = request.tools.flatMap((tool) => writeTool(tool, facts, unsupported));
  if (tools.length === 0) return {};
  const { toolChoice: choice, parallelToolCalls } = request;
  const parallel = parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls };
  if (choice === undefined) return { tools, ...parallel };
  if (choice.kind === 'tool') return { tools, tool_choice: namedTool(choice.name), ...parallel };
  if (choice.kind !== 'allowed') return { tools, tool_choice: choice.kind, ...parallel };
  if (!facts.isStrict) {
    // Others do not know the word; they get only the tools that may be called.
    const allowed = request.tools.filter(({ name, builtIn }) => builtIn === undefined && choice.names.includes(name));
    return {
      tools: allowed.flatMap((tool) => writeTool(tool, facts, unsupported)),
      tool_choice: choice.mode,
      ...parallel,
    };
  }
  const allowed = { mode: choice.mode, tools: choice.names.map(namedTool) };
  return { tools, tool_choice: { type: 'allowed_tools', allowed_tools: allowed }, ...parallel };
}

function namedTool(name: string): JsonObject {
  return { type: 'function', function: { name } };
}

function writeTool(tool: ToolDefinition, facts: ChatModelFacts, unsupported: Unsupported): JsonObject[] {
  const { name, description, parameters, builtIn } = tool;
  if (builtIn !== undefined) {
    if (builtIn.api === 'chat') return [builtIn.definition];
    unsupported.add(`tools[].${name}`);
    return [];
  }
  const strict = writeStrict(tool.strict, parameters, facts);
  if (strict !== tool.strict) unsupported.add('tools[].strict');
  const definition = {
    name,
    ...(description !== undefined && { description }),
    ...(parameters !== undefined && { parameters }),
    ...(strict !== undefined && { strict }),
  };
  return [{ type: 'function', function: definition }];
}

function writeSampling(request: ConversationRequest, facts: ChatModelFacts, unsupported: Unsupported): JsonObject {
  const { maxTokens, temperature, topP, topK, stop, seed, frequencyPenalty, presencePenalty } = request;
  const { logitBias, candidates, logprobs } = request;
  const takesTopK = topK !== undefined && !facts.isStrict;
  if (topK !== undefined && facts.isStrict) unsupported.add('top_k');
  return {
    // Servers beside OpenAI's know the older name, and OpenAI's newer models only the newer one.
    ...(maxTokens !== undefined && { [facts.isStrict ? 'max_completion_tokens' : 'max_tokens']: maxTokens }),
    ...sampled('temperature', temperature, request, facts, unsupported),
    ...sampled('top_p', topP, request, facts, unsupported),
    ...(takesTopK && { top_k: topK }),
    ...(stop !== undefined && { stop }),
    ...(seed !== undefined && { seed }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(logitBias !== undefined && { logit_bias: logitBias }),
    ...(candidates !== undefined && { n: candidates }),
    ...(logprobs !== undefined && { logprobs: true, ...(logprobs.top > 0 && { top_logprobs: logprobs.top }) }),
  };
}

/** Models that reason refuse to be told how to sample, but for the default. */
function sampled(
  field: string,
  value: number | undefined,
  request: ConversationRequest,
  { efforts = [] }: ChatModelFacts,
  unsupported: Unsupported,
): JsonObject {
  if (value === undefined) return {};
  if (efforts.length === 0 || request.reasoning?.effort === 'none') return { [field]: value };
  if (value !== 1) unsupported.add(field);
  return {};
}

function writeFormat(format: OutputFormat, facts: ChatModelFacts, unsupported: Unsupported): JsonObject {
  if (format.kind === 'json_object') return { type: 'json_object' };
  const { name = 'answer', description, schema } = format;
  const strict = writeStrict(format.strict, schema, facts);
  if (strict !== format.strict) unsupported.add('response_format');
  return {
    type: 'json_schema',
    json_schema: {
      name,
      ...(description !== undefined && { description }),
      schema,
      ...(strict !== undefined && { strict }),
    },
  };
}

/** OpenAI refuses to keep to schemas that others keep to: then it is only asked for one. */
function writeStrict(
  strict: boolean | undefined,
  schema: JsonObject | undefined,
  facts: ChatModelFacts,
): boolean | undefined {
  return strict === true && facts.isStrict && !fitsStrict(schema) ? false : strict;
}

/** Budgets below these are low and medium efforts. */
const LOW_BUDGET = 4096;
const MEDIUM_BUDGET = 16_384;

function writeReasoning(request: ConversationRequest, facts: ChatModelFacts, unsupported: Unsupported): JsonObject {
  const { reasoning } = request;
  if (reasoning === undefined) return {};
  const { mode, budgetTokens, effort } = reasoning;
  if (facts.efforts === undefined) {
    if (facts.isStrict) {
      if (mode === 'on' || mode === 'adaptive') unsupported.add('thinking');
      return effort === undefined ? {} : { reasoning_effort: effort };
    }
    // Most servers beside OpenAI's know Anthropic's word, and pass over what they do not know.
    const type = mode === undefined ? undefined : { off: 'disabled', on: 'enabled', adaptive: 'adaptive' }[mode];
    const budget = budgetTokens === undefined ? {} : { budget_tokens: budgetTokens };
    return {
      ...(type !== undefined && { thinking: { type, ...budget } }),
      ...(effort !== undefined && { reasoning_effort: effort }),
    };
  }
  const wanted = effort ?? wantedEffort(mode, budgetTokens);
  if (wanted === undefined) return {};
  const nearest = nearestEffort(wanted, facts.efforts);
  if (nearest !== undefined) return { reasoning_effort: nearest };
  if (wanted !== 'none') unsupported.add(effort === undefined ? 'thinking' : 'reasoning_effort');
  return {};
}

/** Budgets are efforts here. Without one, a model that may think does as it does by itself. */
function wantedEffort(mode: 'off' | 'on' | 'adaptive' | undefined, budget: number | undefined): string | undefined {
  if (mode === 'off') return 'none';
  if (mode === undefined || budget === undefined) return undefined;
  if (budget < LOW_BUDGET) return 'low';
  return budget < MEDIUM_BUDGET ? 'medium' : 'high';
}

const TIERS: ReadonlyMap<string, string> = new Map([
  ['auto', 'auto'],
  ['default', 'default'],
  ['flex', 'flex'],
  ['priority', 'priority'],
  ['scale', 'scale'],
  ['standard_only', 'default'],
]);

function writeEnvelope({ user, serviceTier, metadata }: ConversationRequest, unsupported: Unsupported): JsonObject {
  const tier = serviceTier === undefined ? undefined : TIERS.get(serviceTier);
  if (serviceTier !== undefined && tier === undefined) unsupported.add('service_tier');
  // It is taken only of requests that the provider is to store.
  if (metadata !== undefined) unsupported.add('metadata');
  return { ...(tier !== undefined && { service_tier: tier }), ...(user !== undefined && { user }) };
}

function writeExtra(extra: JsonObject, facts: ChatModelFacts, unsupported: Unsupported): JsonObject {
  const taken: [string, JsonValue][] = [];
  for (const [field, value] of Object.entries(extra)) {
    if (OWN.has(field) || (!facts.isStrict && WIDER.has(field))) taken.push([field, value]);
    else unsupported.add(field);
  }
  return Object.fromEntries(taken);
}
