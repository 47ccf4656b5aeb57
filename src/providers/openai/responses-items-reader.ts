import type { AssistantPart, JsonObject, MediaPart, Message, TextPart, ToolResultPart } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isText } from '../json.ts';
import { asObject, fieldPath, invalidField, listField, required, stringField } from '../request-fields.ts';
import type { ChatMessages } from './chat-messages-reader.ts';
import { cacheMark, fileMedia, isErrorResult, readAudio } from './chat-parts.ts';
import { mediaSource } from './data-uri.ts';
import { openSealed } from './responses-sealed.ts';

interface Scope {
  readonly system: TextPart[];
  readonly messages: Message[];
  /** Names of tools by the ids of their calls. */
  readonly names: Map<string, string>;
  readonly unsupported: Unsupported;
}

/**
 * `instructions` and `input` of a Responses request. Items that follow each other and are the model's belong to one message,
 * and so do results of tools. Errors: GatewayError `invalid_input`.
 */
export function readResponsesInput(body: JsonObject, unsupported: Unsupported): ChatMessages {
  const scope: Scope = { system: [], messages: [], names: new Map(), unsupported };
  const instructions = stringField(body, 'instructions', '');
  if (instructions) scope.system.push({ kind: 'text', text: instructions });
  const input = body.input ?? undefined;
  if (input === undefined) throw invalidField('input', 'is required');
  if (isText(input)) scope.messages.push({ role: 'user', parts: [{ kind: 'text', text: input }] });
  else if (!Array.isArray(input)) throw invalidField('input', 'must be a string or an array');
  else for (const [i, item] of input.entries()) readItem(asObject(item, `input[${i}]`), i, scope);
  return { system: scope.system, messages: scope.messages };
}

function readItem(item: JsonObject, index: number, scope: Scope): void {
  const at = `input[${index}]`;
  const type = stringField(item, 'type', at) ?? 'message';
  switch (type) {
    case 'message':
      readMessage(item, at, scope);
      return;
    case 'reasoning':
      say(readReasoning(item, at), scope);
      return;
    case 'function_call':
    case 'custom_tool_call':
      say([readCall(item, type, at, scope)], scope);
      return;
    case 'function_call_output':
    case 'custom_tool_call_output':
      answer(readOutput(item, at, scope), scope);
      return;
    case 'item_reference':
      throw invalidField(at, 'names an item that the provider of this model does not keep; send the item itself');
    default:
      // Traces of tools that OpenAI ran: what they found is in the messages around them.
      if (!/^[a-z_]+_(call|call_output|list_tools|approval_request|approval_response|output)$|^compaction/.test(type)) {
        throw invalidField(`${at}.type`, 'is not a known type of item');
      }
      scope.unsupported.add(`input[].${type}`);
  }
}

function readMessage(message: JsonObject, at: string, scope: Scope): void {
  const role = required(stringField(message, 'role', at), 'role', at);
  switch (role) {
    case 'system':
    case 'developer':
      scope.system.push(...readContent(message, 'content', at, readText));
      return;
    case 'user': {
      scope.messages.push({ role, parts: readContent(message, 'content', at, readUserPart) });
      return;
    }
    case 'assistant':
      say(readContent(message, 'content', at, readAssistantPart), scope);
      return;
    default:
      throw invalidField(`${at}.role`, 'must be one of system, developer, user, assistant');
  }
}

/** A text, or a list of parts. */
function readContent<Part>(
  holder: JsonObject,
  key: string,
  at: string,
  readPart: (part: JsonObject, at: string) => Part,
): (Part | TextPart)[] {
  const content = holder[key] ?? undefined;
  const path = fieldPath(at, key);
  if (content === undefined) throw invalidField(path, 'is required');
  if (isText(content)) return [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) throw invalidField(path, 'must be a string or an array');
  return (listField(holder, key, at) ?? []).map((part, i) => {
    const place = `${path}[${i}]`;
    return readPart(asObject(part, place), place);
  });
}

function readText(part: JsonObject, at: string): TextPart {
  const type = stringField(part, 'type', at);
  if (type !== 'input_text' && type !== 'output_text' && type !== 'text') {
    throw invalidField(`${at}.type`, "must be 'input_text' here");
  }
  return { kind: 'text', text: required(stringField(part, 'text', at), 'text', at), ...cacheMark(part, at) };
}

function readUserPart(part: JsonObject, at: string): TextPart | MediaPart {
  const type = required(stringField(part, 'type', at), 'type', at);
  switch (type) {
    case 'input_image':
      return readImage(part, at);
    case 'input_file':
      return readFile(part, at);
    case 'input_audio':
      return readAudio(part, at);
    case 'input_text':
    case 'output_text':
    case 'text':
      return readText(part, at);
    default:
      throw invalidField(`${at}.type`, 'is not a known type of content');
  }
}

function readImage(part: JsonObject, at: string): MediaPart {
  const detail = stringField(part, 'detail', at);
  const rest = { ...(detail !== undefined && { detail }), ...cacheMark(part, at) };
  const id = stringField(part, 'file_id', at);
  if (id !== undefined) return { kind: 'image', source: { kind: 'file', id }, ...rest };
  const url = required(stringField(part, 'image_url', at), 'image_url', at);
  return { kind: 'image', source: mediaSource(url, `${at}.image_url`), ...rest };
}

function readFile(part: JsonObject, at: string): MediaPart {
  const url = stringField(part, 'file_url', at);
  if (url === undefined) return { ...fileMedia(part, at), ...cacheMark(part, at) };
  const name = stringField(part, 'filename', at);
  const source = mediaSource(url, `${at}.file_url`, 'application/pdf');
  return { kind: 'document', source, ...(name !== undefined && { name }), ...cacheMark(part, at) };
}

function readAssistantPart(part: JsonObject, at: string): AssistantPart {
  if (stringField(part, 'type', at) === 'refusal') {
    return { kind: 'refusal', text: required(stringField(part, 'refusal', at), 'refusal', at) };
  }
  return readText(part, at);
}

/** What the model thought: the summary that clients see, and what only the provider reads. */
function readReasoning(item: JsonObject, at: string): AssistantPart[] {
  const sealed = openSealed(stringField(item, 'encrypted_content', at));
  if (sealed.redacted !== undefined) return [{ kind: 'redacted_reasoning', data: sealed.redacted }];
  const text = [...textsOf(item, 'summary', at), ...textsOf(item, 'content', at)].join('\n');
  if (text === '' && sealed.signature === undefined) return [];
  return [{ kind: 'reasoning', text, ...(sealed.signature !== undefined && { signature: sealed.signature }) }];
}

function textsOf(item: JsonObject, key: string, at: string): string[] {
  return (listField(item, key, at) ?? []).map((part, i) => {
    const path = `${at}.${key}[${i}]`;
    return stringField(asObject(part, path), 'text', path) ?? '';
  });
}

function readCall(item: JsonObject, type: string, at: string, { names }: Scope): AssistantPart {
  const id = required(stringField(item, 'call_id', at), 'call_id', at);
  const name = required(stringField(item, 'name', at), 'name', at);
  names.set(id, name);
  if (type === 'function_call') {
    return { kind: 'tool_call', id, name, arguments: stringField(item, 'arguments', at) || '{}' };
  }
  const input = required(stringField(item, 'input', at), 'input', at);
  return { kind: 'tool_call', id, name, arguments: JSON.stringify({ input }) };
}

function readOutput(item: JsonObject, at: string, { names }: Scope): ToolResultPart {
  const id = required(stringField(item, 'call_id', at), 'call_id', at);
  const name = names.get(id);
  const content = readContent(item, 'output', at, readUserPart);
  const isError = isErrorResult(content);
  return { kind: 'tool_result', id, ...(name !== undefined && { name }), content, isError };
}

/** Adds to what the model says at this place. */
function say(parts: readonly AssistantPart[], { messages }: Scope): void {
  const last = messages.at(-1);
  if (last?.role === 'assistant') messages[messages.length - 1] = { ...last, parts: [...last.parts, ...parts] };
  else if (parts.length > 0) messages.push({ role: 'assistant', parts });
}

/** Results of the calls of one turn belong together. */
function answer(result: ToolResultPart, { messages }: Scope): void {
  const last = messages.at(-1);
  if (last?.role === 'user' && last.parts.every(({ kind }) => kind === 'tool_result')) {
    messages[messages.length - 1] = { role: 'user', parts: [...last.parts, result] };
  } else {
    messages.push({ role: 'user', parts: [result] });
  }
}
