/** Counts the tokens of a Messages request by OpenAI's Responses API. Source: OpenAI API reference, Get input token counts. */
import { GatewayError } from '../../lib/errors.ts';
import { readMessagesRequest } from '../anthropic/messages-request-reader.ts';
import type {
  AssistantPart,
  ConversationRequest,
  JsonObject,
  JsonValue,
  MediaPart,
  Message,
  TextPart,
  ToolChoice,
  ToolDefinition,
  ToolResultPart,
  UserPart,
} from '../conversation.ts';
import type { Unsupported, WholeConversion } from '../dialect.ts';
import { numberOf } from '../json.ts';
import { invalidField } from '../request-fields.ts';
import { dataUri } from './data-uri.ts';
import { readOpenAiError } from './errors.ts';

/** Counts of tokens, as Anthropic's API asks for them. */
export const openAiTokens: WholeConversion = {
  writeRequest(body, { model, unsupported }) {
    const request = readMessagesRequest({ max_tokens: 1, ...body }, unsupported);
    const instructions = request.system.map(({ text }) => text).join('\n\n');
    const tools = request.tools.flatMap((tool) => writeTool(tool, unsupported));
    return {
      model,
      ...(instructions !== '' && { instructions }),
      input: writeInput(request, unsupported),
      ...(tools.length > 0 && { tools, ...writeChoice(request.toolChoice) }),
      ...writeFormat(request),
    };
  },
  readAnswer(answer) {
    const count = numberOf(answer.input_tokens);
    if (count === undefined) throw new GatewayError('provider_failed', 'the provider told no number of tokens');
    return { input_tokens: count };
  },
  readError: (status, _headers, body) => readOpenAiError(status, body),
};

function writeTool(
  { name, description, parameters, strict, builtIn }: ToolDefinition,
  unsupported: Unsupported,
): JsonObject[] {
  if (builtIn !== undefined) {
    unsupported.add(`tools[].${name}`);
    return [];
  }
  const about = description === undefined ? {} : { description };
  // Strict is what the API does by itself, and it refuses schemas that do not fit.
  return [{ type: 'function', name, ...about, parameters: parameters ?? {}, strict: strict === true }];
}

function writeChoice(choice: ToolChoice | undefined): JsonObject {
  if (choice === undefined || choice.kind === 'allowed') return {};
  return { tool_choice: choice.kind === 'tool' ? { type: 'function', name: choice.name } : choice.kind };
}

function writeFormat({ outputFormat }: ConversationRequest): JsonObject {
  if (outputFormat?.kind !== 'json_schema') return {};
  const { name = 'answer', schema } = outputFormat;
  return { text: { format: { type: 'json_schema', name, schema, strict: false } } };
}

/** Where nothing is said, nothing is counted but what the API adds by itself. */
function writeInput({ messages }: ConversationRequest, unsupported: Unsupported): JsonObject[] {
  return messages.flatMap((message) => writeMessage(message, unsupported));
}

function writeMessage({ role, parts }: Message, unsupported: Unsupported): JsonObject[] {
  const items: JsonObject[] = [];
  let said: (TextPart | MediaPart)[] = [];
  const close = () => {
    if (said.length > 0) items.push({ type: 'message', role, content: writeContent(said, role) });
    said = [];
  };
  for (const part of parts as readonly (UserPart | AssistantPart)[]) {
    const item = writeItem(part, unsupported);
    if (Array.isArray(item)) {
      close();
      items.push(...item);
    } else said.push(item);
  }
  close();
  return items;
}

/** What the model said is a text: its parts would need the ids they had. */
function writeContent(said: readonly (TextPart | MediaPart)[], role: Message['role']): JsonValue {
  if (role === 'user') return said.map(writeShown);
  return said.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** A part as items of their own, or what of it stands in a message. */
function writeItem(part: UserPart | AssistantPart, unsupported: Unsupported): JsonObject[] | TextPart | MediaPart {
  switch (part.kind) {
    case 'tool_call':
      return [{ type: 'function_call', call_id: part.id, name: part.name, arguments: part.arguments }];
    case 'tool_result':
      return [writeResult(part)];
    case 'reasoning':
    case 'redacted_reasoning':
      unsupported.add('messages[].content[].thinking');
      return [];
    case 'refusal':
      return { kind: 'text', text: part.text };
    default:
      return part;
  }
}

function writeResult({ id, content }: ToolResultPart): JsonObject {
  return { type: 'function_call_output', call_id: id, output: content.map(writeShown) };
}

function writeShown(part: TextPart | MediaPart): JsonObject {
  if (part.kind === 'text') return { type: 'input_text', text: part.text };
  const { kind, source, name } = part;
  if (source.kind === 'text')
    return { type: 'input_text', text: name === undefined ? source.text : `${name}\n\n${source.text}` };
  if (kind !== 'image' && kind !== 'document')
    throw invalidField('messages', `holds ${kind}, which is not counted here`);
  if (source.kind === 'file') return { type: kind === 'image' ? 'input_image' : 'input_file', file_id: source.id };
  const url = source.kind === 'url' ? source.url : dataUri(source.mediaType, source.data);
  if (kind === 'image') return { type: 'input_image', image_url: url, detail: part.detail ?? 'auto' };
  if (source.kind === 'url') return { type: 'input_file', file_url: url };
  return { type: 'input_file', filename: name ?? 'document.pdf', file_data: url };
}
