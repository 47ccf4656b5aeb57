import { GatewayError } from '../../lib/errors.ts';
import type {
  AssistantPart,
  CacheMark,
  JsonObject,
  MediaPart,
  TextPart,
  ToolResultPart,
  UserPart,
} from '../conversation.ts';
import { parseJsonObject, present } from '../json.ts';
import type { Turn } from '../turns.ts';
import { plainId } from './tool-ids.ts';

/** Turns as Anthropic's `messages`. Errors: GatewayError `invalid_input` for content that Claude cannot be given. */
export function writeTurns(turns: readonly Turn[]): JsonObject[] {
  return turns.map(({ role, parts }) => ({ role, content: parts.map(writePart) }));
}

function writePart(part: UserPart | AssistantPart): JsonObject {
  switch (part.kind) {
    case 'text':
      return writeText(part);
    case 'refusal':
      return { type: 'text', text: part.text };
    case 'tool_result':
      return writeToolResult(part);
    case 'tool_call': {
      const input = parseJsonObject(part.arguments.trim() === '' ? '{}' : part.arguments);
      if (input === undefined) throw refuse(`the arguments of the call ${part.id} are not a JSON object`);
      return present({
        type: 'tool_use',
        id: plainId(part.id),
        name: part.name,
        input,
        cache_control: cacheControl(part.cache),
      });
    }
    case 'reasoning':
      return present({ type: 'thinking', thinking: part.text, signature: part.signature });
    case 'redacted_reasoning':
      return { type: 'redacted_thinking', data: part.data };
    default:
      return writeMedia(part);
  }
}

/** A text block. */
export function writeText({ text, cache }: TextPart): JsonObject {
  return cache === undefined
    ? { type: 'text', text }
    : present({ type: 'text', text, cache_control: cacheControl(cache) });
}

function writeToolResult(part: ToolResultPart): JsonObject {
  // The API refuses blank text.
  const kept = part.content.filter((item) => item.kind !== 'text' || item.text.trim() !== '');
  const content = kept.map((item) => (item.kind === 'text' ? writeText(item) : writeMedia(item)));
  return present({
    type: 'tool_result',
    tool_use_id: plainId(part.id),
    content: content.length === 0 ? undefined : content,
    is_error: part.isError ? true : undefined,
    cache_control: cacheControl(part.cache),
  });
}

function writeMedia(part: MediaPart): JsonObject {
  const cache_control = cacheControl(part.cache);
  if (part.kind === 'image') return present({ type: 'image', source: imageSource(part), cache_control });
  if (part.kind !== 'document') throw refuse(`Claude takes no ${part.kind}`);
  return present({ type: 'document', source: documentSource(part), title: part.name, cache_control });
}

function imageSource({ source }: MediaPart): JsonObject {
  switch (source.kind) {
    case 'base64':
      return { type: 'base64', media_type: source.mediaType, data: source.data };
    case 'url':
      return { type: 'url', url: source.url };
    case 'file':
      return { type: 'file', file_id: source.id };
    case 'text':
      throw refuse('an image cannot be text');
  }
}

function documentSource({ source }: MediaPart): JsonObject {
  switch (source.kind) {
    case 'base64':
      if (source.mediaType === 'application/pdf') {
        return { type: 'base64', media_type: source.mediaType, data: source.data };
      }
      if (!source.mediaType.startsWith('text/')) throw refuse(`Claude takes no document of type ${source.mediaType}`);
      return { type: 'text', media_type: 'text/plain', data: Buffer.from(source.data, 'base64').toString('utf8') };
    case 'text':
      return { type: 'text', media_type: 'text/plain', data: source.text };
    case 'url':
      return { type: 'url', url: source.url };
    case 'file':
      return { type: 'file', file_id: source.id };
  }
}

/** The mark as the API writes it. */
export function cacheControl(cache: CacheMark | undefined): JsonObject | undefined {
  return cache === undefined ? undefined : present({ type: 'ephemeral', ttl: cache.ttl });
}

function refuse(message: string): GatewayError {
  return new GatewayError('invalid_input', `messages: ${message}`);
}
