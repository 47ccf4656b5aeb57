import type { ConversationRequest, JsonObject, ToolDefinition } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import {
  asObject,
  booleanField,
  invalidField,
  listField,
  objectField,
  required,
  stringField,
} from '../request-fields.ts';
import { readCacheMark } from './messages-blocks-reader.ts';

/** What the common form has of a tool; the rest steers Anthropic's own ways of calling and is reported. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['type', 'name', 'description', 'input_schema', 'strict', 'cache_control'],
  // Only how soon a stream tells of arguments.
  'eager_input_streaming',
]);

/** Tools of a Messages request. Those that have a type are Anthropic's own. */
export function readTools(body: JsonObject, unsupported: Unsupported): ToolDefinition[] {
  return (listField(body, 'tools', '') ?? []).map((item, i) => {
    const at = `tools[${i}]`;
    const tool = asObject(item, at);
    const type = stringField(tool, 'type', at) ?? 'custom';
    if (type !== 'custom') return { name: type, builtIn: { api: 'messages', definition: tool } };
    for (const [key, value] of Object.entries(tool)) {
      if (!KNOWN.has(key) && value !== null && value !== false) unsupported.add(`tools[].${key}`);
    }
    return readTool(tool, at);
  });
}

function readTool(tool: JsonObject, at: string): ToolDefinition {
  const description = stringField(tool, 'description', at);
  const strict = booleanField(tool, 'strict', at);
  return {
    name: required(stringField(tool, 'name', at), 'name', at),
    ...(description !== undefined && { description }),
    parameters: required(objectField(tool, 'input_schema', at), 'input_schema', at),
    ...(strict !== undefined && { strict }),
    ...readCacheMark(tool, at),
  };
}

/** What the request says of the choice of tools. */
export function readToolUse(body: JsonObject): Pick<ConversationRequest, 'toolChoice' | 'parallelToolCalls'> {
  const choice = objectField(body, 'tool_choice', '');
  if (choice === undefined) return {};
  const isSerial = booleanField(choice, 'disable_parallel_tool_use', 'tool_choice');
  const parallel = isSerial === undefined ? {} : { parallelToolCalls: !isSerial };
  const type = required(stringField(choice, 'type', 'tool_choice'), 'type', 'tool_choice');
  switch (type) {
    case 'auto':
    case 'none':
      return { toolChoice: { kind: type }, ...parallel };
    case 'any':
      return { toolChoice: { kind: 'required' }, ...parallel };
    case 'tool': {
      const name = required(stringField(choice, 'name', 'tool_choice'), 'name', 'tool_choice');
      return { toolChoice: { kind: 'tool', name }, ...parallel };
    }
    default:
      throw invalidField('tool_choice.type', 'must be one of auto, any, tool, none');
  }
}
