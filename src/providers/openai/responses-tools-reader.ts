import type { JsonObject, ToolChoice, ToolDefinition } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isJsonObject, isText } from '../json.ts';
import { asObject, invalidField, listField, required, stringField } from '../request-fields.ts';
import { choiceOf, readFunction } from './chat-tools-reader.ts';

/** Tools of a Responses request. Those that OpenAI runs itself go on as they are, for providers that have their like. */
export function readResponsesTools(body: JsonObject, unsupported: Unsupported): ToolDefinition[] {
  return (listField(body, 'tools', '') ?? []).map((item, i) => {
    const at = `tools[${i}]`;
    const tool = asObject(item, at);
    const type = required(stringField(tool, 'type', at), 'type', at);
    if (type === 'function') return readFunction(tool, at);
    if (type === 'custom') return readCustom(tool, at, unsupported);
    return { name: type, builtIn: { api: 'responses', definition: tool } };
  });
}

const TEXT_INPUT: JsonObject = {
  type: 'object',
  properties: { input: { type: 'string' } },
  required: ['input'],
  additionalProperties: false,
};

/** Other APIs know tools that take JSON alone: the text of a custom tool goes into it. */
function readCustom(tool: JsonObject, at: string, unsupported: Unsupported): ToolDefinition {
  const name = required(stringField(tool, 'name', at), 'name', at);
  const description = stringField(tool, 'description', at);
  const format = tool.format ?? undefined;
  if (isJsonObject(format) && format.type !== 'text') unsupported.add('tools[].format');
  return { name, ...(description !== undefined && { description }), parameters: TEXT_INPUT, takesText: true };
}

/** What the request says of the choice of tools. */
export function readResponsesToolChoice(body: JsonObject, unsupported: Unsupported): ToolChoice | undefined {
  const choice = body.tool_choice ?? undefined;
  if (choice === undefined) return undefined;
  if (isText(choice)) return choiceOf(choice, 'tool_choice');
  if (!isJsonObject(choice)) throw invalidField('tool_choice', 'must be a string or an object');
  const type = required(stringField(choice, 'type', 'tool_choice'), 'type', 'tool_choice');
  switch (type) {
    case 'function':
    case 'custom':
      return { kind: 'tool', name: required(stringField(choice, 'name', 'tool_choice'), 'name', 'tool_choice') };
    case 'allowed_tools':
      return readAllowed(choice, unsupported);
    default:
      unsupported.add('tool_choice');
      return undefined;
  }
}

function readAllowed(choice: JsonObject, unsupported: Unsupported): ToolChoice {
  const names = (listField(choice, 'tools', 'tool_choice') ?? []).flatMap((item, i) => {
    const at = `tool_choice.tools[${i}]`;
    const tool = asObject(item, at);
    const name = stringField(tool, 'name', at);
    if (name === undefined) unsupported.add('tool_choice.tools[]');
    return name === undefined ? [] : [name];
  });
  return {
    kind: 'allowed',
    mode: stringField(choice, 'mode', 'tool_choice') === 'required' ? 'required' : 'auto',
    names,
  };
}
