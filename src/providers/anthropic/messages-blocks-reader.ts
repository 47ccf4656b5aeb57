import type { AssistantPart, CacheMark, JsonObject, JsonValue, MediaPart, TextPart } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isText } from '../json.ts';
import { asObject, invalidField, listField, objectField, required, stringField } from '../request-fields.ts';

/** The blocks of which Anthropic's messages are made. Source: Anthropic API reference, Create a Message. */

/** A mark of what is to be cached. */
export function readCacheMark(holder: JsonObject, at: string): { cache: CacheMark } | undefined {
  const mark = objectField(holder, 'cache_control', at);
  if (mark === undefined) return undefined;
  const ttl = stringField(mark, 'ttl', at === '' ? 'cache_control' : `${at}.cache_control`);
  return { cache: ttl === undefined ? {} : { ttl } };
}

/** The blocks of some content, which may be a text too. Errors: GatewayError `invalid_input` where it is neither. */
export function readBlocks<Part>(
  content: JsonValue | undefined,
  at: string,
  readBlock: (block: JsonObject, at: string) => readonly Part[],
): (Part | TextPart)[] {
  if (isText(content)) return [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) throw invalidField(at, 'must be a string or an array');
  return content.flatMap((item: JsonValue, i): readonly (Part | TextPart)[] => {
    const path = `${at}[${i}]`;
    return readBlock(asObject(item, path), path);
  });
}

/** A block of text. */
export function readText(block: JsonObject, at: string): TextPart {
  return { kind: 'text', text: required(stringField(block, 'text', at), 'text', at), ...readCacheMark(block, at) };
}

/** A block that a user says, or a tool: no other API has a word for a reference to a tool. */
export function readShown(block: JsonObject, at: string, unsupported: Unsupported): (TextPart | MediaPart)[] {
  const type = required(stringField(block, 'type', at), 'type', at);
  switch (type) {
    case 'text':
      return [readText(block, at)];
    case 'image':
      return [{ kind: 'image', source: readSource(sourceOf(block, at), `${at}.source`), ...readCacheMark(block, at) }];
    case 'document':
      return readDocument(block, at, unsupported);
    case 'search_result':
      return [readSearchResult(block, at, unsupported)];
    case 'tool_reference':
    case 'container_upload':
      unsupported.add(`messages[].content[].${type}`);
      return [];
    default:
      throw invalidField(`${at}.type`, 'is not a known type of content');
  }
}

function sourceOf(block: JsonObject, at: string): JsonObject {
  return required(objectField(block, 'source', at), 'source', at);
}

function readSource(source: JsonObject, at: string): MediaPart['source'] {
  const type = required(stringField(source, 'type', at), 'type', at);
  switch (type) {
    case 'base64': {
      const mediaType = required(stringField(source, 'media_type', at), 'media_type', at);
      return { kind: 'base64', mediaType, data: required(stringField(source, 'data', at), 'data', at) };
    }
    case 'text':
      return { kind: 'text', text: required(stringField(source, 'data', at), 'data', at) };
    case 'url':
      return { kind: 'url', url: required(stringField(source, 'url', at), 'url', at) };
    case 'file':
      return { kind: 'file', id: required(stringField(source, 'file_id', at), 'file_id', at) };
    default:
      throw invalidField(`${at}.type`, 'must be one of base64, text, url, file, content');
  }
}

/** A document, behind what the client says of it. One that is made of blocks becomes those. */
function readDocument(block: JsonObject, at: string, unsupported: Unsupported): (TextPart | MediaPart)[] {
  reportCitations(block, at, unsupported);
  const name = stringField(block, 'title', at);
  const context = stringField(block, 'context', at);
  const before: TextPart[] = context ? [{ kind: 'text', text: context }] : [];
  const source = sourceOf(block, at);
  const mark = readCacheMark(block, at);
  if (source.type === 'content') {
    const parts = readBlocks(source.content, `${at}.source.content`, (part, path) =>
      readShown(part, path, unsupported),
    );
    return [...before, ...markLast(parts, mark?.cache)];
  }
  const read = readSource(source, `${at}.source`);
  return [...before, { kind: 'document', source: read, ...(name !== undefined && { name }), ...mark }];
}

function readSearchResult(block: JsonObject, at: string, unsupported: Unsupported): MediaPart {
  reportCitations(block, at, unsupported);
  const title = required(stringField(block, 'title', at), 'title', at);
  const from = required(stringField(block, 'source', at), 'source', at);
  const texts = (listField(block, 'content', at) ?? []).map((item, i) => {
    const path = `${at}.content[${i}]`;
    return readText(asObject(item, path), path).text;
  });
  const text = [from, ...texts].join('\n\n');
  return { kind: 'document', name: title, source: { kind: 'text', text }, ...readCacheMark(block, at) };
}

function reportCitations(block: JsonObject, at: string, unsupported: Unsupported): void {
  if (objectField(block, 'citations', at)?.enabled === true) unsupported.add('messages[].content[].citations');
}

/** Parts with a mark on the last that can have one, unless it has its own. */
export function markLast<Part extends TextPart | MediaPart | AssistantPart | { readonly kind: 'tool_result' }>(
  parts: readonly Part[],
  cache: CacheMark | undefined,
): Part[] {
  const at = parts.findLastIndex(({ kind }) => kind !== 'reasoning' && kind !== 'redacted_reasoning');
  if (cache === undefined || at < 0) return [...parts];
  return parts.map((part, i) => (i === at ? { cache, ...part } : part));
}
