import type { JsonObject, JsonValue } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isJsonObject, listOf, objectOf, textOf } from '../json.ts';
import { plainSignature } from '../vertex/signatures.ts';

/**
 * A request of the Messages API as Claude takes it after a conversation that began elsewhere: without thoughts that it did
 * not sign, and, where the results of tools answer a turn without any, with no budget for thinking, since that asks for
 * the thoughts behind the calls. The same object where nothing is to be changed.
 */
export function withoutForeignThoughts(body: JsonObject, unsupported: Unsupported): JsonObject {
  const messages = listOf(body.messages);
  const hasForeign = messages.some((message) => contentOf(message).some(isForeign));
  const kept = hasForeign ? messages.map(withoutThoughts).filter((message) => !isEmpty(message)) : messages;
  const isAsked = objectOf(body.thinking).type === 'enabled' && answersUnsigned(kept);
  if (hasForeign) unsupported.add('messages[].content[].thinking');
  if (!isAsked) return hasForeign ? { ...body, messages: kept } : body;
  unsupported.add('thinking');
  const { thinking: _, ...rest } = body;
  return hasForeign ? { ...rest, messages: kept } : rest;
}

function contentOf(message: JsonValue | undefined): readonly JsonValue[] {
  return listOf(objectOf(message).content);
}

function isForeign(block: JsonValue): boolean {
  if (!isJsonObject(block) || block.type !== 'thinking') return false;
  const signature = textOf(block.signature) ?? '';
  return signature === '' || plainSignature(signature) !== undefined;
}

function withoutThoughts(message: JsonValue): JsonValue {
  if (!isJsonObject(message) || !contentOf(message).some(isForeign)) return message;
  return { ...message, content: contentOf(message).filter((block) => !isForeign(block)) };
}

function isEmpty(message: JsonValue): boolean {
  const { content } = objectOf(message);
  return Array.isArray(content) && content.length === 0;
}

function answersUnsigned(messages: readonly JsonValue[]): boolean {
  const [before, last] = messages.slice(-2);
  if (!contentOf(last).some((block) => objectOf(block).type === 'tool_result')) return false;
  const first = objectOf(contentOf(before)[0]).type;
  return first !== 'thinking' && first !== 'redacted_thinking';
}
