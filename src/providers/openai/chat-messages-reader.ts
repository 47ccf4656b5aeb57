import type {
  AssistantPart,
  JsonObject,
  JsonValue,
  Message,
  TextPart,
  ToolResultPart,
  UserPart,
} from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isJsonObject, isText } from '../json.ts';
import { asObject, invalidField, objectField, required, stringField } from '../request-fields.ts';
import {
  cacheMark,
  isErrorResult,
  readAssistantPart,
  readContent,
  readReasoning,
  readTextPart,
  readToolCalls,
  readUserPart,
  thoughtSignature,
} from './chat-parts.ts';

export interface ChatMessages {
  readonly system: readonly TextPart[];
  readonly messages: readonly Message[];
}

/**
 * The messages of a chat request. What the system and the developer say comes first, wherever it stood: the other APIs
 * know one place for it. Errors: GatewayError `invalid_input`.
 */
export function readChatMessages(list: readonly JsonValue[], unsupported: Unsupported): ChatMessages {
  const system: TextPart[] = [];
  const messages: Message[] = [];
  const names = new Map<string, string>();
  list.forEach((item, i) => {
    const plain = plainMessage(item);
    if (plain !== undefined) {
      messages.push(plain);
      return;
    }
    const at = `messages[${i}]`;
    const message = asObject(item, at);
    const role = required(stringField(message, 'role', at), 'role', at);
    switch (role) {
      case 'system':
      case 'developer':
        if (message.name !== undefined) unsupported.add('messages[].name');
        system.push(...readContent(message, at, readTextPart));
        return;
      case 'user':
        messages.push({ role, parts: readContent(message, at, readUserPart), ...nameOf(message, at) });
        return;
      case 'assistant':
        messages.push({ role, parts: readAssistant(message, at, names, unsupported), ...nameOf(message, at) });
        return;
      case 'tool':
        addResult(messages, readToolResult(message, at, names));
        return;
      case 'function':
        addResult(messages, readFunctionResult(message, at, messages));
        return;
      default:
        throw invalidField(`${at}.role`, 'must be one of system, developer, user, assistant, tool, function');
    }
  });
  return { system, messages };
}

/** The most common message by far: a text of one of both sides, and nothing else. */
function plainMessage(item: JsonValue): Message | undefined {
  if (!isJsonObject(item)) return undefined;
  const { role, content } = item;
  if (!isText(content) || (role !== 'user' && role !== 'assistant')) return undefined;
  for (const key in item) if (key !== 'role' && key !== 'content') return undefined;
  return { role, parts: role === 'assistant' && content === '' ? [] : [{ kind: 'text', text: content }] };
}

function nameOf(message: JsonObject, at: string): { name: string } | undefined {
  const name = stringField(message, 'name', at);
  return name === undefined ? undefined : { name };
}

function readAssistant(
  message: JsonObject,
  at: string,
  names: Map<string, string>,
  unsupported: Unsupported,
): AssistantPart[] {
  if (message.audio !== undefined && message.audio !== null) unsupported.add('messages[].audio');
  const parts: AssistantPart[] = readReasoning(message, at);
  const content = readContent(message, at, readAssistantPart).filter(
    (part) => part.kind !== 'text' || part.text !== '',
  );
  const signature = thoughtSignature(message);
  const last = content.at(-1);
  if (signature !== undefined && last?.kind === 'text') content[content.length - 1] = { ...last, ...signature };
  parts.push(...content);
  const refusal = stringField(message, 'refusal', at);
  if (refusal) parts.push({ kind: 'refusal', text: refusal });
  const calls = readToolCalls(message, at);
  for (const call of calls) names.set(call.id, call.name);
  parts.push(...calls);
  const legacy = objectField(message, 'function_call', at);
  if (legacy !== undefined) {
    const path = `${at}.function_call`;
    const name = required(stringField(legacy, 'name', path), 'name', path);
    const id = `function_call_${names.size}`;
    names.set(id, name);
    parts.push({ kind: 'tool_call', id, name, arguments: stringField(legacy, 'arguments', path) || '{}' });
  }
  return parts;
}

function readToolResult(message: JsonObject, at: string, names: ReadonlyMap<string, string>): ToolResultPart {
  const id = required(stringField(message, 'tool_call_id', at), 'tool_call_id', at);
  const name = stringField(message, 'name', at) ?? names.get(id);
  // A mark on the message is that of the result, not of the text inside.
  const { cache_control: _, ...bare } = message;
  const content = readContent(bare, at, readUserPart);
  return {
    kind: 'tool_result',
    id,
    ...(name !== undefined && { name }),
    content,
    isError: isErrorResult(content),
    ...cacheMark(message, at),
  };
}

/** The older form: a function's answer names the function, and belongs to its last call. */
function readFunctionResult(message: JsonObject, at: string, before: readonly Message[]): ToolResultPart {
  const name = required(stringField(message, 'name', at), 'name', at);
  const content = readContent(message, at, readTextPart);
  const parts = before.flatMap((said): readonly (AssistantPart | UserPart)[] => said.parts);
  const call = parts.findLast((part) => part.kind === 'tool_call' && part.name === name);
  if (call?.kind !== 'tool_call') throw invalidField(`${at}.name`, 'must name a function that was called before');
  return { kind: 'tool_result', id: call.id, name, content, isError: isErrorResult(content) };
}

/** Results of the calls of one turn belong together. */
function addResult(messages: Message[], result: ToolResultPart): void {
  const last = messages.at(-1);
  if (last?.role === 'user' && last.parts.every((part) => part.kind === 'tool_result')) {
    messages[messages.length - 1] = { role: 'user', parts: [...last.parts, result] };
  } else {
    messages.push({ role: 'user', parts: [result] });
  }
}
