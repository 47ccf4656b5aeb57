import { GatewayError } from '../../lib/errors.ts';
import type {
  AssistantPart,
  ConversationRequest,
  JsonObject,
  MediaPart,
  TextPart,
  ToolResultPart,
  UserPart,
} from '../conversation.ts';
import type { DialectContext } from '../dialect.ts';
import { parseJsonObject, present } from '../json.ts';
import { joinTurns } from '../turns.ts';
import { mediaTypeOf } from './media-types.ts';
import { type GeminiModelFacts, geminiModelFacts } from './models.ts';
import { plainSignature } from './signatures.ts';

/** Google's own stand-in for the signature of a call that another provider made. */
const NO_SIGNATURE = 'skip_thought_signature_validator';

interface Scope {
  readonly facts: GeminiModelFacts;
  readonly unsupported: DialectContext['unsupported'];
  /** Calls of tools by id, in the order they were made. */
  readonly calls: ReadonlyMap<string, { readonly name: string; readonly order: number }>;
}

/**
 * Gemini's `contents`: turns that alternate between `user` and `model`. The results of tools come first in a turn and in
 * the order of their calls, since Gemini joins them by position where calls have no ids.
 * Errors: GatewayError `invalid_input` for a part that it cannot carry.
 */
export function writeContents(request: ConversationRequest, context: DialectContext): JsonObject[] {
  const { unsupported } = context;
  const scope = { facts: geminiModelFacts(context.model, context.provider), unsupported, calls: callsOf(request) };
  if (request.messages.some(({ name }) => name !== undefined)) unsupported.add('messages[].name');
  if (hasCacheMarks(request)) unsupported.add('cache_control');
  return joinTurns(request.messages, (part) => isSaid(part, unsupported)).flatMap((turn) => {
    const parts = turn.role === 'user' ? writeUser(turn.parts, scope) : writeAssistant(turn.parts, scope);
    return parts.length === 0 ? [] : [{ role: turn.role === 'user' ? 'user' : 'model', parts }];
  });
}

/** Reasoning without a signature of Gemini's says nothing to it (other providers' least of all) and stays behind. */
function isSaid(part: UserPart | AssistantPart, unsupported: DialectContext['unsupported']): boolean {
  const isOthers = part.kind === 'reasoning' ? plainSignature(part.signature) === undefined : isRedacted(part);
  if (isOthers) unsupported.add('messages[].reasoning_content');
  return !isOthers;
}

function isRedacted({ kind }: UserPart | AssistantPart): boolean {
  return kind === 'redacted_reasoning';
}

function callsOf({ messages }: ConversationRequest): Scope['calls'] {
  const calls = new Map<string, { name: string; order: number }>();
  for (const { parts } of messages) {
    for (const part of parts) {
      if (part.kind === 'tool_call') calls.set(part.id, { name: part.name, order: calls.size });
    }
  }
  return calls;
}

/** Gemini caches what repeats by itself; what is marked elsewhere needs a resource made beforehand (`cachedContent`). */
function hasCacheMarks({ system, tools, messages }: ConversationRequest): boolean {
  const marked = (part: object) => 'cache' in part && part.cache !== undefined;
  return system.some(marked) || tools.some(marked) || messages.some(({ parts }) => parts.some(marked));
}

function writeUser(parts: readonly UserPart[], scope: Scope): JsonObject[] {
  const results = parts.filter((part) => part.kind === 'tool_result');
  const orderOf = ({ id }: ToolResultPart) => scope.calls.get(id)?.order ?? Number.MAX_SAFE_INTEGER;
  const written = results.toSorted((a, b) => orderOf(a) - orderOf(b)).map((result) => writeResult(result, scope));
  return [
    ...written.map(({ part }) => part),
    ...written.flatMap(({ beside }) => beside),
    ...parts.flatMap((part) => (part.kind === 'tool_result' ? [] : [writeShown(part, scope)])),
  ];
}

/** `beside`: what the model's results cannot hold and goes behind all of them. */
function writeResult(result: ToolResultPart, scope: Scope): { part: JsonObject; beside: JsonObject[] } {
  const name = result.name ?? scope.calls.get(result.id)?.name;
  if (name === undefined) {
    throw new GatewayError(
      'invalid_input',
      `the tool result '${result.id}' belongs to no tool call of the conversation`,
    );
  }
  const texts = result.content.flatMap((part) => (part.kind === 'text' ? [part.text] : []));
  const media = result.content.flatMap((part) => (part.kind === 'text' ? [] : [writeShown(part, scope)]));
  const inside = scope.facts.mediaInResults && media.length > 0;
  return {
    part: {
      functionResponse: present({
        name,
        response: { [result.isError ? 'error' : 'output']: texts.join('\n') },
        parts: inside ? media : undefined,
      }),
    },
    beside: inside ? [] : media,
  };
}

function writeShown(part: TextPart | MediaPart, { facts, unsupported }: Scope): JsonObject {
  if (part.kind === 'text') return { text: part.text };
  const { source } = part;
  if (source.kind === 'text') return { text: part.name === undefined ? source.text : `${part.name}\n\n${source.text}` };
  const mediaResolution = resolutionOf(part, facts, unsupported);
  if (source.kind === 'base64') {
    return present({ inlineData: { mimeType: source.mediaType, data: source.data }, mediaResolution });
  }
  const uri = source.kind === 'url' ? source.url : source.id;
  if (source.kind === 'file' && !/^(gs|https):\/\//.test(uri)) {
    throw new GatewayError(
      'invalid_input',
      `the file '${uri}' was uploaded to another provider; give its URI or its data`,
    );
  }
  const mimeType = (source.kind === 'url' ? source.mediaType : undefined) ?? mediaTypeOf(uri, part.kind);
  return present({ fileData: { mimeType, fileUri: uri }, mediaResolution });
}

const RESOLUTIONS: Readonly<Record<string, string>> = {
  low: 'MEDIA_RESOLUTION_LOW',
  medium: 'MEDIA_RESOLUTION_MEDIUM',
  high: 'MEDIA_RESOLUTION_HIGH',
};

function resolutionOf(
  { detail }: MediaPart,
  facts: GeminiModelFacts,
  unsupported: DialectContext['unsupported'],
): JsonObject | undefined {
  if (detail === undefined || detail === 'auto') return undefined;
  const level = facts.mediaResolution ? RESOLUTIONS[detail] : undefined;
  if (level !== undefined) return { level };
  unsupported.add('messages[].content[].image_url.detail');
  return undefined;
}

/** What the model said before. Its signatures go back where they came. */
function writeAssistant(parts: readonly AssistantPart[], { facts }: Scope): JsonObject[] {
  const written: JsonObject[] = [];
  // A signature that came with reasoning: clients whose tool calls have no room for one carry it so.
  let held: string | undefined;
  let called = false;
  for (const [i, part] of parts.entries()) {
    if (part.kind === 'reasoning') {
      const signature = plainSignature(part.signature);
      if (part.text === '' || parts.slice(i + 1).some(takesSignature)) held = signature;
      else written.push(present({ thought: true, text: part.text, thoughtSignature: signature }));
    } else if (part.kind === 'tool_call') {
      // Only the first of the calls that are made at once is signed.
      const standIn = facts.needsSignatures && !called ? NO_SIGNATURE : undefined;
      const thoughtSignature = part.signature ?? held ?? standIn;
      written.push(present({ functionCall: writeCall(part), thoughtSignature }));
      called = true;
      held = undefined;
    } else if (part.kind === 'text') {
      written.push(present({ text: part.text, thoughtSignature: part.signature ?? held }));
      held = undefined;
    } else if (part.kind === 'refusal') {
      written.push({ text: part.text });
    }
  }
  return written;
}

function takesSignature(part: AssistantPart): boolean {
  return part.kind === 'tool_call' && part.signature === undefined;
}

function writeCall({ name, id, arguments: text }: { name: string; id: string; arguments: string }): JsonObject {
  const args = text.trim() === '' ? {} : parseJsonObject(text);
  if (args === undefined) {
    throw new GatewayError('invalid_input', `the arguments of the tool call '${id}' are not a JSON object`);
  }
  return { name, args };
}
