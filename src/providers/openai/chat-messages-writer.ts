import type {
  AssistantPart,
  ConversationRequest,
  JsonObject,
  JsonValue,
  MediaPart,
  Message,
  TextPart,
  ToolResultPart,
  UserPart,
} from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { invalidField } from '../request-fields.ts';
import { googleContent, thinkingBlock } from './chat-answer-writer.ts';
import { isErrorResult } from './chat-parts.ts';
import { dataUri } from './data-uri.ts';

/** What decides how messages are written, beside themselves. */
export interface MessageRules {
  readonly isStrict: boolean;
  readonly unsupported: Unsupported;
}

/** The messages of a chat request. Errors: GatewayError `invalid_input` for content that the API has no part for. */
export function writeChatMessages(request: ConversationRequest, rules: MessageRules): JsonObject[] {
  const { system, messages } = request;
  const first = system.length === 0 ? [] : [{ role: 'system', content: textContent(system) }];
  return [...first, ...messages.flatMap((message) => writeMessage(message, rules))];
}

function writeMessage(message: Message, rules: MessageRules): JsonObject[] {
  const named = message.name === undefined ? {} : { name: message.name };
  if (message.role === 'assistant') return writeAssistant(message.parts, named, rules);
  const results = message.parts.filter((part) => part.kind === 'tool_result');
  const content: (TextPart | MediaPart)[] = message.parts.filter((part) => part.kind !== 'tool_result');
  // Answers of tools are text here: what else a tool gave follows them, said by the user.
  const shown = [...results.flatMap(mediaOfResult), ...content];
  return [
    ...results.map((result) => writeResult(result)),
    ...(shown.length > 0 || results.length === 0 ? [{ role: 'user', content: writeContent(shown), ...named }] : []),
  ];
}

function mediaOfResult({ id, content }: ToolResultPart): (TextPart | MediaPart)[] {
  const media = content.filter((part) => part.kind !== 'text');
  return media.length === 0 ? [] : [{ kind: 'text', text: `Given by the tool call ${id}:` }, ...media];
}

function writeResult(result: ToolResultPart): JsonObject {
  const parts = result.content.filter((part) => part.kind === 'text');
  const isTold = !result.isError || isErrorResult(result.content);
  const text = parts.map((part) => part.text).join('');
  return {
    role: 'tool',
    tool_call_id: result.id,
    // The API has no flag for it; clients of several gateways tell a failure so.
    content: isTold ? textContent(parts) : JSON.stringify({ error: text }),
  };
}

/** One text as it is, more of them as parts. */
function textContent(parts: readonly TextPart[]): JsonValue {
  if (parts.length <= 1) return parts[0]?.text ?? '';
  return parts.map(({ text }) => ({ type: 'text', text }));
}

function writeContent(parts: readonly Exclude<UserPart, ToolResultPart>[]): JsonValue {
  const [only] = parts;
  if (parts.length <= 1 && only?.kind !== undefined && only.kind === 'text') return only.text;
  return parts.length === 0 ? '' : parts.map(writeUserPart);
}

function writeUserPart(part: TextPart | MediaPart): JsonObject {
  if (part.kind === 'text') return { type: 'text', text: part.text };
  const { source } = part;
  if (source.kind === 'text') return { type: 'text', text: titled(part.name, source.text) };
  switch (part.kind) {
    case 'image':
      if (source.kind === 'file')
        throw invalidField('messages', 'holds an image by file id, which chat completions do not take');
      return {
        type: 'image_url',
        image_url: { url: mediaUrl(source), ...(part.detail !== undefined && { detail: part.detail }) },
      };
    case 'video':
      if (source.kind === 'file')
        throw invalidField('messages', 'holds a video by file id, which chat completions do not take');
      return { type: 'video_url', video_url: { url: mediaUrl(source) } };
    case 'audio':
      return writeAudio(source);
    case 'document':
      return writeDocument(part, source);
  }
}

type Source = Exclude<MediaPart['source'], { kind: 'text' }>;

function mediaUrl(source: Exclude<Source, { kind: 'file' }>): string {
  return source.kind === 'url' ? source.url : dataUri(source.mediaType, source.data);
}

function titled(name: string | undefined, text: string): string {
  return name === undefined ? text : `${name}\n\n${text}`;
}

const AUDIO_FORMATS: ReadonlyMap<string, string> = new Map([
  ['mpeg', 'mp3'],
  ['x-wav', 'wav'],
  ['wave', 'wav'],
]);

function writeAudio(source: Source): JsonObject {
  if (source.kind === 'url') return { type: 'audio_url', audio_url: { url: source.url } };
  if (source.kind === 'file')
    throw invalidField('messages', 'holds audio by file id, which chat completions do not take');
  const subtype = source.mediaType.split('/')[1] ?? 'wav';
  const format = AUDIO_FORMATS.get(subtype) ?? subtype;
  return { type: 'input_audio', input_audio: { data: source.data, format } };
}

function writeDocument(part: MediaPart, source: Source): JsonObject {
  switch (source.kind) {
    case 'file':
      return { type: 'file', file: { file_id: source.id } };
    case 'url':
      throw invalidField('messages', 'holds a document by URL, which chat completions do not take');
    case 'base64': {
      if (source.mediaType === 'text/plain') {
        return { type: 'text', text: titled(part.name, Buffer.from(source.data, 'base64').toString('utf8')) };
      }
      const filename = part.name ?? `document.${source.mediaType.split('/')[1] ?? 'bin'}`;
      return { type: 'file', file: { filename, file_data: dataUri(source.mediaType, source.data) } };
    }
  }
}

function writeAssistant(parts: readonly AssistantPart[], named: JsonObject, rules: MessageRules): JsonObject[] {
  const texts = parts.filter((part) => part.kind === 'text');
  const refusals = parts.filter((part) => part.kind === 'refusal');
  const calls = parts.filter((part) => part.kind === 'tool_call');
  if (texts.length + refusals.length + calls.length === 0) return [];
  const hasThoughts = parts.some(({ kind }) => kind === 'reasoning' || kind === 'redacted_reasoning');
  if (hasThoughts && rules.isStrict) rules.unsupported.add('messages[].reasoning_content');
  const text = texts.map((part) => part.text).join('');
  return [
    {
      role: 'assistant',
      content: texts.length === 0 ? null : text,
      ...(refusals.length > 0 && { refusal: refusals.map((part) => part.text).join('') }),
      ...(calls.length > 0 && !rules.isStrict && writeThoughts(parts)),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call) => ({
          id: call.id,
          type: 'function',
          function: { name: call.name, arguments: call.arguments },
          ...(!rules.isStrict && googleContent(call.signature)),
        })),
      }),
      ...named,
    },
  ];
}

/**
 * What the model thought before it called tools: DeepSeek and others want it back then, and only then. OpenAI's own API
 * has no place for it.
 */
function writeThoughts(parts: readonly AssistantPart[]): JsonObject {
  const text = parts.map((part) => (part.kind === 'reasoning' ? part.text : '')).join('');
  const blocks = parts.flatMap((part): JsonObject[] => {
    if (part.kind === 'redacted_reasoning') return [{ type: 'redacted_thinking', data: part.data }];
    if (part.kind === 'reasoning' && part.signature !== undefined) return [thinkingBlock(part.text, part.signature)];
    return [];
  });
  return { ...(text !== '' && { reasoning_content: text }), ...(blocks.length > 0 && { thinking_blocks: blocks }) };
}
