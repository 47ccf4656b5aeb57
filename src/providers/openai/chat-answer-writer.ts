import type {
  AssistantPart,
  Candidate,
  ConversationAnswer,
  FinishReason,
  JsonObject,
  JsonValue,
} from '../conversation.ts';
import type { AnswerContext } from '../dialect.ts';
import { writeChatUsage } from './chat-usage.ts';

const FINISH: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  content_filter: 'content_filter',
  refusal: 'content_filter',
  pause: 'stop',
  error: 'error',
};

/** A reason to finish in the words of chat completions. */
export function chatFinish(finish: FinishReason): string {
  return FINISH[finish];
}

/** Tiers by the words that this API has for them. */
const TIERS: Readonly<Record<string, string>> = { standard: 'default' };

/** A whole answer as a chat completion. */
export function writeChatAnswer(answer: ConversationAnswer, context: AnswerContext): JsonObject {
  return {
    id: answer.id ?? `chatcmpl-${context.requestId}`,
    object: 'chat.completion',
    created: answer.createdSeconds ?? context.nowSeconds,
    model: answer.model ?? context.model,
    choices: answer.candidates.map((candidate, index) => writeChoice(candidate, index, context)),
    ...(answer.usage !== undefined && { usage: writeChatUsage(answer.usage) }),
    ...(answer.serviceTier !== undefined && { service_tier: TIERS[answer.serviceTier] ?? answer.serviceTier }),
    ...answer.extra,
  };
}

function writeChoice(candidate: Candidate, index: number, context: AnswerContext): JsonObject {
  const { parts, finish, logprobs, stopSequence, extra } = candidate;
  return {
    index,
    message: writeMessage(parts, index, context),
    logprobs: logprobs === undefined ? null : { content: logprobs, refusal: null },
    finish_reason: chatFinish(finish),
    ...(stopSequence !== undefined && { stop_reason: stopSequence }),
    ...extra,
  };
}

function writeMessage(parts: readonly AssistantPart[], candidate: number, context: AnswerContext): JsonObject {
  let text: string | null = null;
  let refusal: string | null = null;
  let reasoning = '';
  let signature: string | undefined;
  const blocks: JsonValue[] = [];
  const calls: JsonValue[] = [];
  const citations: JsonValue[] = [];
  for (const part of parts) {
    switch (part.kind) {
      case 'text':
        text = (text ?? '') + part.text;
        signature = part.signature ?? signature;
        citations.push(...(part.citations ?? []));
        break;
      case 'refusal':
        refusal = (refusal ?? '') + part.text;
        break;
      case 'reasoning':
        reasoning += part.text;
        if (part.signature !== undefined) blocks.push(thinkingBlock(part.text, part.signature));
        break;
      case 'redacted_reasoning':
        blocks.push({ type: 'redacted_thinking', data: part.data });
        break;
      case 'tool_call': {
        const id = part.id || callId(context, candidate, calls.length);
        const called = { name: part.name, arguments: part.arguments };
        calls.push({ id, type: 'function', function: called, ...googleContent(part.signature) });
        break;
      }
    }
  }
  return {
    role: 'assistant',
    content: text ?? (calls.length > 0 || refusal !== null ? null : ''),
    refusal,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(blocks.length > 0 && { thinking_blocks: blocks }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(citations.length > 0 && { citations }),
    ...googleContent(signature),
  };
}

/** A call's id where the provider gives none. */
export function callId({ requestId }: AnswerContext, candidate: number, call: number): string {
  return `call_${requestId}${candidate === 0 ? '' : `c${candidate}`}n${call}`;
}

/** Reasoning with its signature, in the form that clients of several providers send back. Source: LiteLLM. */
export function thinkingBlock(thinking: string, signature: string): JsonObject {
  return { type: 'thinking', thinking, signature };
}

/** Where Google's own chat API puts the signature of what was said. */
export function googleContent(signature: string | undefined): JsonObject {
  return signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } };
}
