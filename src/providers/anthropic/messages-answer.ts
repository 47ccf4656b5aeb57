import { GatewayError } from '../../lib/errors.ts';
import type {
  AssistantPart,
  Candidate,
  ConversationAnswer,
  FinishReason,
  JsonObject,
  JsonValue,
  ProviderError,
  Usage,
} from '../conversation.ts';
import { isJsonObject, listOf, numberOf, objectOf, textOf } from '../json.ts';

/**
 * An answer of the Messages API. Blocks of tools that the provider ran itself have no word in a conversation.
 * Errors: GatewayError `provider_failed` for JSON that is no answer.
 */
export function readMessagesAnswer(body: JsonObject): ConversationAnswer {
  if (!Array.isArray(body.content))
    throw new GatewayError('provider_failed', 'the answer of the provider has no content');
  const [id, model, tier] = [textOf(body.id), textOf(body.model), textOf(objectOf(body.usage).service_tier)];
  const stopSequence = textOf(body.stop_sequence);
  const candidate: Candidate = {
    parts: listOf(body.content).flatMap((block) => readBlock(objectOf(block)) ?? []),
    finish: finishOf(body.stop_reason),
    ...(stopSequence === undefined ? {} : { stopSequence }),
  };
  return {
    candidates: [candidate],
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
    ...(isJsonObject(body.usage) ? { usage: readUsage(body.usage) } : {}),
    ...(tier === undefined ? {} : { serviceTier: tier }),
  };
}

function readBlock(block: JsonObject): AssistantPart | undefined {
  switch (block.type) {
    case 'text': {
      const citations = listOf(block.citations);
      return { kind: 'text', text: textOf(block.text) ?? '', ...(citations.length === 0 ? {} : { citations }) };
    }
    case 'thinking': {
      const signature = textOf(block.signature);
      return { kind: 'reasoning', text: textOf(block.thinking) ?? '', ...(signature ? { signature } : {}) };
    }
    case 'redacted_thinking':
      return { kind: 'redacted_reasoning', data: textOf(block.data) ?? '' };
    case 'tool_use':
      return {
        kind: 'tool_call',
        id: textOf(block.id) ?? '',
        name: textOf(block.name) ?? '',
        arguments: JSON.stringify(block.input ?? {}),
      };
    default:
      return undefined;
  }
}

const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  pause_turn: 'pause',
  refusal: 'refusal',
};

/** Why the model stopped. Reasons that are newer than this table count as a plain stop. */
export function finishOf(reason: JsonValue | undefined): FinishReason {
  return FINISH[textOf(reason) ?? ''] ?? 'stop';
}

/** Anthropic counts cached input apart: the sum is all of the input. */
export function readUsage(usage: JsonObject): Usage {
  const cachedInput = numberOf(usage.cache_read_input_tokens);
  const cacheCreationInput = numberOf(usage.cache_creation_input_tokens);
  const reasoningOutput = numberOf(objectOf(usage.output_tokens_details).thinking_tokens);
  return {
    input: (numberOf(usage.input_tokens) ?? 0) + (cachedInput ?? 0) + (cacheCreationInput ?? 0),
    output: numberOf(usage.output_tokens) ?? 0,
    ...(cachedInput === undefined ? {} : { cachedInput }),
    ...(cacheCreationInput === undefined ? {} : { cacheCreationInput }),
    ...(reasoningOutput === undefined ? {} : { reasoningOutput }),
  };
}

/** Longer texts in place of an error (a proxy's page) help no client. */
const MAX_MESSAGE_CHARS = 2000;

/** A refusal of the API, or of something before it that speaks no JSON. */
export function readMessagesError(status: number, body: JsonObject | string): ProviderError {
  if (typeof body === 'string') {
    return { status, message: body.trim().slice(0, MAX_MESSAGE_CHARS) || `The provider answered ${status}` };
  }
  // On AWS and GCP the cloud's own errors come in the cloud's shape.
  const error = isJsonObject(body.error) ? body.error : body;
  const type = textOf(error.type) ?? textOf(error.status) ?? textOf(error.__type);
  const message = textOf(error.message) ?? textOf(body.Message) ?? `The provider answered ${status}`;
  return { status, message, ...(type === undefined ? {} : { type }) };
}

const STATUS: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** An `error` event in the middle of a stream. */
export function readStreamError(event: JsonObject): ProviderError {
  const type = textOf(objectOf(event.error).type) ?? 'api_error';
  return readMessagesError(STATUS[type] ?? 500, event);
}
