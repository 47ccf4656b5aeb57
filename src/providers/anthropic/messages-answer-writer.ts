import { GatewayError } from '../../lib/errors.ts';
import type {
  AssistantPart,
  Candidate,
  ConversationAnswer,
  FinishReason,
  JsonObject,
  ToolCallPart,
  Usage,
} from '../conversation.ts';
import type { AnswerContext } from '../dialect.ts';
import { parseJsonObject } from '../json.ts';
import { markSignature } from '../vertex/signatures.ts';
import { writeCitation } from './messages-citations.ts';
import { plainId } from './tool-ids.ts';

const STOP_REASONS: Readonly<Record<Exclude<FinishReason, 'error'>, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
};

/** Why the model stopped. Errors: undefined where it broke: the API knows that only as a failure. */
export function stopReason(finish: FinishReason, stopSequence: string | undefined): string | undefined {
  if (finish === 'error') return undefined;
  return finish === 'stop' && stopSequence !== undefined ? 'stop_sequence' : STOP_REASONS[finish];
}

export const BROKEN_MODEL = 'The model broke off with output that cannot be used';

/** A whole answer as a message. Errors: GatewayError `provider_failed` for a model that broke. */
export function writeMessagesAnswer(answer: ConversationAnswer, context: AnswerContext): JsonObject {
  const candidate = answer.candidates[0];
  if (candidate === undefined) throw new GatewayError('provider_failed', 'the answer of the provider is empty');
  const reason = stopReason(candidate.finish, candidate.stopSequence);
  if (reason === undefined) throw new GatewayError('provider_failed', BROKEN_MODEL);
  return {
    id: answer.id ?? messageId(context),
    type: 'message',
    role: 'assistant',
    model: answer.model ?? context.model,
    content: writeContent(candidate, context),
    stop_reason: reason,
    stop_sequence: reason === 'stop_sequence' ? (candidate.stopSequence ?? null) : null,
    usage: { ...writeUsage(answer.usage), ...writeTier(answer.serviceTier) },
    ...answer.extra,
    ...candidate.extra,
  };
}

/** A message's id where the provider gives none. */
export function messageId({ requestId }: AnswerContext): string {
  return `msg_${requestId}`;
}

/** A call's id, which may go on to Anthropic with the rest of the conversation. */
export function toolUseId(given: string, { requestId }: AnswerContext, call: number): string {
  return given === '' ? `toolu_${requestId}n${call}` : plainId(given);
}

function writeContent({ parts, finish }: Candidate, context: AnswerContext): JsonObject[] {
  let calls = 0;
  return parts.flatMap((part): JsonObject[] => {
    if (part.kind !== 'tool_call') return writePart(part);
    calls += 1;
    return writeCall(part, finish, toolUseId(part.id, context, calls - 1));
  });
}

function writePart(part: Exclude<AssistantPart, ToolCallPart>): JsonObject[] {
  switch (part.kind) {
    case 'text': {
      // Empty ones would be refused when they come back.
      if (part.text === '') return [];
      const citations = (part.citations ?? []).flatMap((citation) => writeCitation(citation) ?? []);
      return [{ type: 'text', text: part.text, ...(citations.length > 0 && { citations }) }];
    }
    case 'refusal':
      return part.text === '' ? [] : [{ type: 'text', text: part.text }];
    case 'reasoning':
      return [{ type: 'thinking', thinking: part.text, signature: part.signature ?? '' }];
    case 'redacted_reasoning':
      return [{ type: 'redacted_thinking', data: part.data }];
  }
}

function writeCall(part: ToolCallPart, finish: FinishReason, id: string): JsonObject[] {
  const input = parseJsonObject(part.arguments.trim() === '' ? '{}' : part.arguments);
  if (input === undefined) {
    // A call that the limit cut off cannot be made.
    if (finish === 'length') return [];
    throw new GatewayError(
      'provider_failed',
      `the model called ${part.name} with arguments that are not a JSON object`,
    );
  }
  return [...signatureBlock(part.signature), { type: 'tool_use', id, name: part.name, input }];
}

/**
 * Gemini's signature of a call, as thoughts without words before it: a call has no room for it here, and clients send
 * back thoughts as they came.
 */
export function signatureBlock(signature: string | undefined): JsonObject[] {
  return signature === undefined ? [] : [{ type: 'thinking', thinking: '', signature: markSignature(signature) }];
}

/** Usage as the API tells it: what came from a cache, or went into one, is counted apart. */
export function writeUsage(usage: Usage | undefined): JsonObject {
  const { input = 0, output = 0, cachedInput = 0, cacheCreationInput = 0, reasoningOutput } = usage ?? {};
  return {
    input_tokens: Math.max(0, input - cachedInput - cacheCreationInput),
    cache_creation_input_tokens: cacheCreationInput,
    cache_read_input_tokens: cachedInput,
    output_tokens: output,
    ...(reasoningOutput !== undefined && { output_tokens_details: { thinking_tokens: reasoningOutput } }),
  };
}

function writeTier(tier: string | undefined): JsonObject {
  if (tier === 'priority') return { service_tier: tier };
  return tier === 'default' || tier === 'standard' ? { service_tier: 'standard' } : {};
}
