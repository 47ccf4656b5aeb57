import type { ConversationRequest, JsonObject, JsonValue, ToolDefinition } from '../conversation.ts';
import type { DialectContext } from '../dialect.ts';
import { isJsonObject, listOf, objectOf, present } from '../json.ts';
import { geminiModelFacts } from './models.ts';
import { toVertexSchema } from './schema.ts';

/**
 * Gemini's `tools` and `toolConfig`. Tools of a provider's own go on where Gemini has their like, whatever the client's
 * API calls them; the rest is reported.
 * Source: Vertex AI reference, Tool, FunctionCallingConfig.
 */
export function writeTools(request: ConversationRequest, context: DialectContext): JsonObject {
  const { toolChoice } = request;
  // Gemini takes a list of allowed tools only where one of them must be called.
  const isAllowed = (tool: ToolDefinition) =>
    toolChoice?.kind !== 'allowed' || toolChoice.mode !== 'auto' || toolChoice.names.includes(tool.name);
  const functions = request.tools.filter((tool) => tool.builtIn === undefined && isAllowed(tool));
  const tools = writeAllTools(request, functions, context);
  if (request.parallelToolCalls === false) context.unsupported.add('parallel_tool_calls');
  return present({ tools: tools.length === 0 ? undefined : tools, toolConfig: writeChoice(request) });
}

/** Gemini takes functions or tools of its own, not both: the functions are the client's, so they stay. */
function writeAllTools(
  { tools }: ConversationRequest,
  functions: readonly ToolDefinition[],
  context: DialectContext,
): JsonObject[] {
  if (functions.length === 0) return tools.flatMap((tool) => writeBuiltIn(tool, context));
  for (const { builtIn, name } of tools) if (builtIn !== undefined) context.unsupported.add(`tools[].${name}`);
  return [{ functionDeclarations: functions.map((tool) => declare(tool, context)) }];
}

function declare({ name, description, parameters, strict }: ToolDefinition, context: DialectContext): JsonObject {
  if (strict === true) context.unsupported.add('tools[].strict');
  const schema = parameters === undefined || Object.keys(parameters).length === 0 ? undefined : parameters;
  if (schema === undefined || geminiModelFacts(context.model, context.provider).jsonSchema) {
    return present({ name, description, parametersJsonSchema: schema });
  }
  const leftOut = (keyword: string) => context.unsupported.add(`tools[].parameters.${keyword}`);
  const converted = toVertexSchema(schema, leftOut);
  // The older models refuse an object that has no properties.
  const empty = Object.keys(objectOf(converted.properties)).length === 0;
  return present({ name, description, parameters: empty ? undefined : converted });
}

function writeChoice({ toolChoice, tools }: ConversationRequest): JsonValue | undefined {
  if (toolChoice === undefined || tools.every(({ builtIn }) => builtIn !== undefined)) return undefined;
  const config = (mode: string, allowedFunctionNames?: readonly string[]) => ({
    functionCallingConfig: present({ mode, allowedFunctionNames }),
  });
  switch (toolChoice.kind) {
    case 'auto':
      return config('AUTO');
    case 'none':
      return config('NONE');
    case 'required':
      return config('ANY');
    case 'tool':
      return config('ANY', [toolChoice.name]);
    case 'allowed':
      return toolChoice.mode === 'required' ? config('ANY', toolChoice.names) : config('AUTO');
  }
}

interface BuiltIn {
  /** Start of the type, or the whole. */
  readonly type: string;
  readonly tool: string;
  /** The provider's names of settings by the client's. */
  readonly settings: Readonly<Record<string, string>>;
}

const SEARCH_SETTINGS = {
  exclude_domains: 'excludeDomains',
  excludeDomains: 'excludeDomains',
  blocked_domains: 'excludeDomains',
  blocking_confidence: 'blockingConfidence',
  blockingConfidence: 'blockingConfidence',
  time_range_filter: 'timeRangeFilter',
  timeRangeFilter: 'timeRangeFilter',
};

/** Tools that Gemini runs itself, by the types that clients give them in any API. */
const BUILT_IN: readonly BuiltIn[] = [
  { type: 'google_search', tool: 'googleSearch', settings: SEARCH_SETTINGS },
  { type: 'web_search', tool: 'googleSearch', settings: SEARCH_SETTINGS },
  { type: 'enterprise', tool: 'enterpriseWebSearch', settings: SEARCH_SETTINGS },
  { type: 'url_context', tool: 'urlContext', settings: {} },
  { type: 'web_fetch', tool: 'urlContext', settings: {} },
  { type: 'code_execution', tool: 'codeExecution', settings: {} },
  { type: 'code_interpreter', tool: 'codeExecution', settings: {} },
  { type: 'google_maps', tool: 'googleMaps', settings: {} },
];

/** What names a tool and says nothing of what it does. */
const NAMING = new Set(['type', 'name', 'container']);

function writeBuiltIn({ builtIn, name }: ToolDefinition, { unsupported }: DialectContext): JsonObject[] {
  if (builtIn === undefined) return [];
  const known = BUILT_IN.find(({ type }) => name.startsWith(type));
  if (known === undefined) {
    unsupported.add(`tools[].${name}`);
    return [];
  }
  // Settings stand in the tool itself or below its type (`{type: google_search, google_search: {...}}`).
  const { [name]: below, ...flat } = builtIn.definition;
  const given = { ...flat, ...objectOf(below) };
  const settings: { [key: string]: JsonValue } = {};
  for (const [key, value] of Object.entries(given)) {
    const target = known.settings[key];
    if (target !== undefined) settings[target] = key.startsWith('time') ? interval(value) : value;
    else if (!NAMING.has(key) && !isEmpty(value)) unsupported.add(`tools[].${name}.${key}`);
  }
  return [{ [known.tool]: settings }];
}

/** Google's OpenAI-like clients write times in snake case. */
function interval(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  return present({
    startTime: value.startTime ?? value.start_time,
    endTime: value.endTime ?? value.end_time,
  });
}

function isEmpty(value: JsonValue): boolean {
  return value === null || (Array.isArray(value) && listOf(value).length === 0);
}
