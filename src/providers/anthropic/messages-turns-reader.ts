import type {
  AssistantPart,
  CacheMark,
  JsonObject,
  Message,
  TextPart,
  ToolResultPart,
  UserPart,
} from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import {
  asObject,
  booleanField,
  invalidField,
  listField,
  objectField,
  required,
  stringField,
} from '../request-fields.ts';
import { markLast, readBlocks, readCacheMark, readShown, readText } from './messages-blocks-reader.ts';

/** What a reader knows beside the message at hand. */
interface Scope {
  readonly unsupported: Unsupported;
  /** Names of the tools that were called, by the id of the call. */
  readonly names: Map<string, string>;
}

/**
 * Instructions and messages of a request. What the system says among the messages comes first: other APIs know one place
 * for it. Shape: `cache` marks the end of the conversation. Errors: GatewayError `invalid_input`.
 */
export function readMessages(
  body: JsonObject,
  cache: CacheMark | undefined,
  unsupported: Unsupported,
): { readonly system: readonly TextPart[]; readonly messages: readonly Message[] } {
  const list = required(listField(body, 'messages', ''), 'messages', '');
  const scope: Scope = { unsupported, names: new Map() };
  const system = body.system === undefined || body.system === null ? [] : readSystem(body.system, 'system');
  const messages: Message[] = [];
  list.forEach((item, i) => {
    const at = `messages[${i}]`;
    const message = asObject(item, at);
    const role = required(stringField(message, 'role', at), 'role', at);
    if (role === 'system') system.push(...readSystem(message.content, `${at}.content`));
    else messages.push(readMessage(role, message, at, scope));
  });
  return { system, messages: markEnd(messages, cache) };
}

function readSystem(content: JsonObject[string] | undefined, at: string): TextPart[] {
  return readBlocks<TextPart>(content, at, (block, path) => [readText(block, path)]);
}

function markEnd(messages: readonly Message[], cache: CacheMark | undefined): readonly Message[] {
  const last = messages.at(-1);
  if (cache === undefined || last === undefined) return messages;
  return [
    ...messages.slice(0, -1),
    { ...last, parts: markLast<UserPart | AssistantPart>(last.parts, cache) } as Message,
  ];
}

function readMessage(role: string, message: JsonObject, at: string, scope: Scope): Message {
  const content = message.content ?? undefined;
  if (role === 'user') {
    return {
      role,
      parts: readBlocks<UserPart>(content, `${at}.content`, (block, path) => readUserBlock(block, path, scope)),
    };
  }
  if (role === 'assistant') {
    const parts = readBlocks<AssistantPart>(content, `${at}.content`, (block, path) => readSaid(block, path, scope));
    return { role, parts };
  }
  throw invalidField(`${at}.role`, 'must be one of user, assistant');
}

function readUserBlock(block: JsonObject, at: string, scope: Scope): readonly UserPart[] {
  if (block.type !== 'tool_result') return readShown(block, at, scope.unsupported);
  const id = required(stringField(block, 'tool_use_id', at), 'tool_use_id', at);
  const name = scope.names.get(id);
  const { content } = block;
  const result: ToolResultPart = {
    kind: 'tool_result',
    id,
    ...(name !== undefined && { name }),
    content:
      content === undefined || content === null
        ? []
        : readBlocks(content, `${at}.content`, (part, path) => readShown(part, path, scope.unsupported)),
    isError: booleanField(block, 'is_error', at) ?? false,
    ...readCacheMark(block, at),
  };
  return [result];
}

/** A block of what the model said before. What Anthropic's own tools did has no word elsewhere. */
function readSaid(block: JsonObject, at: string, { names, unsupported }: Scope): readonly AssistantPart[] {
  const type = required(stringField(block, 'type', at), 'type', at);
  switch (type) {
    case 'text':
      return [readText(block, at)];
    case 'thinking': {
      // Where nobody signed, the gateway gives an empty signature, since the API's clients want one.
      const signature = stringField(block, 'signature', at) || undefined;
      const text = required(stringField(block, 'thinking', at), 'thinking', at);
      return [{ kind: 'reasoning', text, ...(signature !== undefined && { signature }) }];
    }
    case 'redacted_thinking':
      return [{ kind: 'redacted_reasoning', data: required(stringField(block, 'data', at), 'data', at) }];
    case 'tool_use': {
      const id = required(stringField(block, 'id', at), 'id', at);
      const name = required(stringField(block, 'name', at), 'name', at);
      const input = JSON.stringify(objectField(block, 'input', at) ?? {});
      names.set(id, name);
      return [{ kind: 'tool_call', id, name, arguments: input, ...readCacheMark(block, at) }];
    }
    default:
      if (!/(?:_tool_use|_tool_result|^container_upload|^compaction)$/.test(type)) {
        throw invalidField(`${at}.type`, 'is not a known type of content');
      }
      unsupported.add(`messages[].content[].${type}`);
      return [];
  }
}
