import type { JsonObject, JsonValue } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isJsonObject, listOf, objectOf, textOf } from '../json.ts';
import { plainSignature } from '../vertex/signatures.ts';

/**
 * A request of the Messages API without thoughts that another provider had: Claude refuses what it did not sign, and a
 * conversation may have begun elsewhere. Where such a thought led to the call of a tool that is answered now, nothing is
 * thought of this turn, since a budget asks for the thoughts behind the call. The same object where there are none.
 */
export function withoutForeignThoughts(body: JsonObject, unsupported: Unsupported): JsonObject {
  const messages = listOf(body.messages);
  if (!messages.some((message) => contentOf(message).some(isForeign))) return body;
  unsupported.add('messages[].content[].thinking');
  const kept = messages.map(withoutThoughts).filter((message) => !isEmpty(message));
  if (objectOf(body.thinking).type !== 'enabled' || !answersUnsigned(kept)) return { ...body, messages: kept };
  unsupported.add('thinking');
  const { thinking: _, ...rest } = body;
  return { ...rest, messages: kept };
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
