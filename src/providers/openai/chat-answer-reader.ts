import { GatewayError } from '../../lib/errors.ts';
import type {
  AssistantPart,
  Candidate,
  ConversationAnswer,
  FinishReason,
  JsonObject,
  JsonValue,
  ReasoningPart,
  RedactedReasoningPart,
} from '../conversation.ts';
import { listOf, numberOf, objectOf, textOf } from '../json.ts';
import { thoughtSignature } from './chat-parts.ts';
import { readChatUsage } from './chat-usage.ts';

const FINISH: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['function_call', 'tool_calls'],
  ['content_filter', 'content_filter'],
  ['error', 'error'],
]);

/** A reason to finish in the common form. Some servers say `stop` where tools were called. */
export function readFinish(value: JsonValue | undefined, hasCalls: boolean): FinishReason {
  const finish = FINISH.get(textOf(value) ?? '') ?? 'stop';
  return finish === 'stop' && hasCalls ? 'tool_calls' : finish;
}

/** Errors: GatewayError `provider_failed` for an answer without choices. */
export function readChatAnswer(body: JsonObject): ConversationAnswer {
  const choices = listOf(body.choices);
  if (choices.length === 0) {
    throw new GatewayError('provider_failed', 'the answer of the provider has no choices');
  }
  const id = textOf(body.id);
  const model = textOf(body.model);
  const createdSeconds = numberOf(body.created);
  const usage = readChatUsage(body.usage);
  const serviceTier = textOf(body.service_tier);
  return {
    candidates: choices.map((choice) => readChoice(objectOf(choice))),
    ...(id !== undefined && { id }),
    ...(model !== undefined && { model }),
    ...(createdSeconds !== undefined && { createdSeconds }),
    ...(usage !== undefined && { usage }),
    ...(serviceTier !== undefined && { serviceTier }),
  };
}

function readChoice(choice: JsonObject): Candidate {
  const parts = readParts(objectOf(choice.message));
  const stopSequence = textOf(choice.stop_reason);
  const logprobs = objectOf(choice.logprobs).content;
  return {
    parts,
    finish: readFinish(
      choice.finish_reason,
      parts.some(({ kind }) => kind === 'tool_call'),
    ),
    ...(stopSequence !== undefined && { stopSequence }),
    ...(Array.isArray(logprobs) && { logprobs }),
  };
}

function readParts(message: JsonObject): AssistantPart[] {
  const parts: AssistantPart[] = thoughts(message);
  const { content } = message;
  const signature = thoughtSignature(message);
  if (typeof content === 'string' && content !== '') parts.push({ kind: 'text', text: content, ...signature });
  for (const item of listOf(content)) parts.push(...contentPart(objectOf(item)));
  const refusal = textOf(message.refusal);
  if (refusal) parts.push({ kind: 'refusal', text: refusal });
  for (const item of listOf(message.tool_calls)) parts.push(toolCall(objectOf(item)));
  const legacy = objectOf(message.function_call);
  if (textOf(legacy.name) !== undefined) parts.push(toolCall({ function: legacy }));
  return parts;
}

function toolCall(call: JsonObject): AssistantPart {
  // A custom tool takes a text instead of JSON.
  const custom = objectOf(call.custom);
  const called = objectOf(call.function);
  const input = textOf(custom.input);
  return {
    kind: 'tool_call',
    id: textOf(call.id) ?? '',
    name: textOf(called.name) ?? textOf(custom.name) ?? '',
    arguments: input === undefined ? argumentsOf(called.arguments) : JSON.stringify({ input }),
    ...thoughtSignature(call),
  };
}

/** Some servers give the arguments as an object. */
function argumentsOf(value: JsonValue | undefined): string {
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return textOf(value) || '{}';
}

/** Reasoning under the names that servers give it: `reasoning_content` (DeepSeek, vLLM), `reasoning` (newer vLLM, OpenRouter). */
export function thoughts(message: JsonObject): (ReasoningPart | RedactedReasoningPart)[] {
  const blocks = listOf(message.thinking_blocks).map((item) => objectOf(item));
  const signed = blocks.flatMap((block): (ReasoningPart | RedactedReasoningPart)[] => {
    const data = textOf(block.data);
    if (data !== undefined) return [{ kind: 'redacted_reasoning', data }];
    const signature = textOf(block.signature);
    return [{ kind: 'reasoning', text: textOf(block.thinking) ?? '', ...(signature !== undefined && { signature }) }];
  });
  if (signed.length > 0) return signed;
  const text = reasoningText(message);
  return text ? [{ kind: 'reasoning', text }] : [];
}

/** The text of reasoning in a message or in a delta. */
export function reasoningText(message: JsonObject): string | undefined {
  return textOf(message.reasoning_content) ?? textOf(message.reasoning);
}

/** A part of content that is a list: Mistral's reasoning models answer so. */
function contentPart(part: JsonObject): AssistantPart[] {
  const text = textOf(part.text);
  if (text !== undefined) return [{ kind: 'text', text }];
  const refusal = textOf(part.refusal);
  if (refusal !== undefined) return [{ kind: 'refusal', text: refusal }];
  const thinking = thinkingText(part.thinking);
  return thinking === '' ? [] : [{ kind: 'reasoning', text: thinking }];
}

/** Shape: a text, or a list of parts of text. */
export function thinkingText(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  return listOf(value)
    .map((item) => textOf(objectOf(item).text) ?? '')
    .join('');
}
