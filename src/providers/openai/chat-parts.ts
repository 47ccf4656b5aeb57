import type {
  AssistantPart,
  CacheMark,
  JsonObject,
  JsonValue,
  MediaPart,
  ReasoningPart,
  RedactedReasoningPart,
  TextPart,
  ToolCallPart,
} from '../conversation.ts';
import { isText, objectOf, textOf } from '../json.ts';
import { asObject, fieldPath, invalidField, listField, objectField, required, stringField } from '../request-fields.ts';
import { mediaSource } from './data-uri.ts';

/** The parts of which the messages of a chat request are made. Source: OpenAI, chat completions; vLLM; LiteLLM. */

/** Anthropic's `cache_control`, which clients of several providers set in chat requests. */
export function cacheMark(holder: JsonObject, at: string): { cache: CacheMark } | undefined {
  const mark = objectField(holder, 'cache_control', at);
  if (mark === undefined) return undefined;
  const ttl = stringField(mark, 'ttl', `${at}.cache_control`);
  return { cache: ttl === undefined ? {} : { ttl } };
}

/** Content of a message: a text, or a list of parts. Nothing where it is absent. */
export function readContent<Part>(
  message: JsonObject,
  at: string,
  readPart: (part: JsonObject, at: string) => Part,
): (Part | TextPart)[] {
  const content = message.content ?? undefined;
  if (content === undefined) return [];
  if (isText(content)) return [{ kind: 'text', text: content, ...cacheMark(message, at) }];
  if (!Array.isArray(content)) throw invalidField(`${at}.content`, 'must be a string or an array');
  return content.map((part: JsonValue, i) => {
    const path = `${at}.content[${i}]`;
    return readPart(asObject(part, path), path);
  });
}

/** A part of text. Errors: GatewayError `invalid_input` for another one. */
export function readTextPart(part: JsonObject, at: string): TextPart {
  const type = stringField(part, 'type', at);
  if (type !== 'text') throw invalidField(`${at}.type`, "must be 'text' here");
  return { kind: 'text', text: required(stringField(part, 'text', at), 'text', at), ...cacheMark(part, at) };
}

/** A part of what a user says or of what a tool answers. */
export function readUserPart(part: JsonObject, at: string): TextPart | MediaPart {
  const type = stringField(part, 'type', at);
  switch (type) {
    case 'text':
      return readTextPart(part, at);
    case 'image_url':
      return { ...readUrl(part, 'image_url', 'image', at), ...cacheMark(part, at) };
    case 'video_url':
      return { ...readUrl(part, 'video_url', 'video', at), ...cacheMark(part, at) };
    case 'audio_url':
      return { ...readUrl(part, 'audio_url', 'audio', at), ...cacheMark(part, at) };
    case 'input_audio':
      return { ...readAudio(part, at), ...cacheMark(part, at) };
    case 'file':
      return { ...readFile(part, at), ...cacheMark(part, at) };
    default:
      throw invalidField(`${at}.type`, 'is not a known type of content');
  }
}

function readUrl(part: JsonObject, key: string, kind: MediaPart['kind'], at: string): MediaPart {
  const held = part[key];
  const path = fieldPath(at, key);
  // A bare URL is no OpenAI, but widely accepted.
  const holder = isText(held) ? { url: held } : asObject(held, path);
  const url = required(stringField(holder, 'url', path), 'url', path);
  const detail = stringField(holder, 'detail', path);
  const source = mediaSource(url, `${path}.url`);
  return { kind: documentKind(source, kind), source, ...(detail !== undefined && { detail }) };
}

/** Clients send documents in the place of images to providers that take both. */
function documentKind(source: MediaPart['source'], kind: MediaPart['kind']): MediaPart['kind'] {
  if (source.kind === 'base64') return source.mediaType === 'application/pdf' ? 'document' : kind;
  return source.kind === 'url' && /\.pdf($|[?#])/i.test(source.url) ? 'document' : kind;
}

/** Audio of a user. */
export function readAudio(part: JsonObject, at: string): MediaPart {
  const path = `${at}.input_audio`;
  const audio = required(objectField(part, 'input_audio', at), 'input_audio', at);
  const format = required(stringField(audio, 'format', path), 'format', path);
  const data = required(stringField(audio, 'data', path), 'data', path);
  const mediaType = format === 'mp3' ? 'audio/mpeg' : `audio/${format}`;
  return { kind: 'audio', source: { kind: 'base64', mediaType, data } };
}

const TYPES_BY_EXTENSION: ReadonlyMap<string, string> = new Map([
  ['pdf', 'application/pdf'],
  ['txt', 'text/plain'],
  ['md', 'text/markdown'],
  ['csv', 'text/csv'],
  ['html', 'text/html'],
  ['json', 'application/json'],
  ['doc', 'application/msword'],
  ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['xls', 'application/vnd.ms-excel'],
  ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
]);

/** A file of a chat request or of a Responses request: both name its data and its name alike. */
export function fileMedia(file: JsonObject, path: string): MediaPart {
  const name = stringField(file, 'filename', path);
  const named = name === undefined ? {} : { name };
  const id = stringField(file, 'file_id', path);
  if (id !== undefined) return { kind: 'document', source: { kind: 'file', id }, ...named };
  const data = required(stringField(file, 'file_data', path), 'file_data', path);
  const extension = name?.split('.').at(-1)?.toLowerCase() ?? '';
  const mediaType = TYPES_BY_EXTENSION.get(extension) ?? 'application/pdf';
  if (!data.startsWith('data:')) return { kind: 'document', source: { kind: 'base64', mediaType, data }, ...named };
  const source = mediaSource(data, `${path}.file_data`, mediaType);
  const isImage = source.kind === 'base64' && source.mediaType.startsWith('image/');
  return { kind: isImage ? 'image' : 'document', source, ...named };
}

function readFile(part: JsonObject, at: string): MediaPart {
  return fileMedia(required(objectField(part, 'file', at), 'file', at), `${at}.file`);
}

/** A part of what the model said before. Reasoning stands here in the form that several gateways write. */
export function readAssistantPart(part: JsonObject, at: string): AssistantPart {
  const type = stringField(part, 'type', at);
  if (type === 'refusal') {
    return { kind: 'refusal', text: required(stringField(part, 'refusal', at), 'refusal', at) };
  }
  if (type === 'thinking' || type === 'redacted_thinking') return readThinkingBlock(part, at);
  return readTextPart(part, at);
}

/** A block of thinking, by any of the names that gateways give its text and its sealed form. */
export function readThinkingBlock(block: JsonObject, at: string): ReasoningPart | RedactedReasoningPart {
  if (stringField(block, 'type', at) === 'redacted_thinking') {
    const data = textOf(block.data) ?? stringField(block, 'redactedContent', at);
    return { kind: 'redacted_reasoning', data: required(data, 'data', at) };
  }
  const signature = stringField(block, 'signature', at);
  const text = textOf(block.thinking) ?? stringField(block, 'text', at) ?? '';
  return { kind: 'reasoning', text, ...(signature !== undefined && { signature }) };
}

/** What the model thought before its words, from the fields beside the content. */
export function readReasoning(message: JsonObject, at: string): (ReasoningPart | RedactedReasoningPart)[] {
  const told = textOf(message.reasoning_content) ?? textOf(message.reasoning);
  const blocks = (listField(message, 'thinking_blocks', at) ?? []).map((block, i) => {
    const path = `${at}.thinking_blocks[${i}]`;
    return readThinkingBlock(asObject(block, path), path);
  });
  if (blocks.length === 0) return told ? [{ kind: 'reasoning', text: told }] : [];
  // A stream may have told the text apart from its signature.
  const thoughts = blocks.filter((block) => block.kind === 'reasoning');
  if (told === undefined || thoughts.length !== 1 || thoughts[0]?.text !== '') return blocks;
  return blocks.map((block) => (block.kind === 'reasoning' ? { ...block, text: told } : block));
}

/** The signature that Google's own chat API puts beside what it signs. */
export function thoughtSignature(holder: JsonObject): { signature: string } | undefined {
  const signature = textOf(objectOf(objectOf(holder.extra_content).google).thought_signature);
  return signature === undefined ? undefined : { signature };
}

/** Calls of tools in a message of the model. */
export function readToolCalls(message: JsonObject, at: string): ToolCallPart[] {
  return (listField(message, 'tool_calls', at) ?? []).map((item, i) => {
    const path = `${at}.tool_calls[${i}]`;
    const call = asObject(item, path);
    const type = stringField(call, 'type', path) ?? 'function';
    if (type !== 'function') throw invalidField(`${path}.type`, "must be 'function' for this provider");
    const called = required(objectField(call, 'function', path), 'function', path);
    return {
      kind: 'tool_call',
      id: required(stringField(call, 'id', path), 'id', path),
      name: required(stringField(called, 'name', `${path}.function`), 'name', `${path}.function`),
      arguments: stringField(called, 'arguments', `${path}.function`) || '{}',
      ...thoughtSignature(call),
      ...cacheMark(call, path),
    };
  });
}

/** Whether an answer of a tool tells of its failure: a JSON object with `error`, as the reference has it. */
export function isErrorResult(content: readonly (TextPart | MediaPart)[]): boolean {
  const [only, ...more] = content;
  if (only?.kind !== 'text' || more.length > 0 || !only.text.includes('"error"')) return false;
  try {
    return objectOf(JSON.parse(only.text) as JsonValue).error !== undefined;
  } catch {
    return false;
  }
}
