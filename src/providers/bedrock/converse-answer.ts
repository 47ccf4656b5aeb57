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

type Headers = ReadonlyMap<string, string>;

/** An answer of Converse. Errors: GatewayError `provider_failed` for JSON that is no answer. */
export function readConverseAnswer(body: JsonObject, headers: Headers): ConversationAnswer {
  const { content } = objectOf(objectOf(body.output).message);
  if (!Array.isArray(content)) throw new GatewayError('provider_failed', 'the answer of the provider has no content');
  const id = headers.get('x-amzn-requestid');
  const tier = textOf(objectOf(body.serviceTier).type);
  const candidate: Candidate = {
    parts: content.flatMap((block) => readBlock(objectOf(block))),
    finish: finishOf(body.stopReason),
    ...readStopSequence(body),
  };
  return {
    candidates: [candidate],
    ...(id === undefined ? {} : { id }),
    ...(isJsonObject(body.usage) ? { usage: readUsage(body.usage) } : {}),
    ...(tier === undefined ? {} : { serviceTier: tier }),
  };
}

/** The sequence that ended the answer, where the model was asked to tell it. */
export function readStopSequence(body: JsonObject): { readonly stopSequence?: string } {
  const stopSequence = textOf(objectOf(body.additionalModelResponseFields).stop_sequence);
  return stopSequence === undefined ? {} : { stopSequence };
}

function readBlock(block: JsonObject): AssistantPart[] {
  const text = textOf(block.text);
  if (text !== undefined) return [{ kind: 'text', text }];
  if (isJsonObject(block.toolUse)) {
    const { toolUseId, name, input } = block.toolUse;
    const id = textOf(toolUseId) ?? '';
    return [{ kind: 'tool_call', id, name: textOf(name) ?? '', arguments: JSON.stringify(input ?? {}) }];
  }
  if (isJsonObject(block.reasoningContent)) return readReasoning(block.reasoningContent);
  if (isJsonObject(block.citationsContent)) {
    const { content, citations } = block.citationsContent;
    const cited = listOf(content).map((part) => textOf(objectOf(part).text) ?? '');
    return [{ kind: 'text', text: cited.join(''), citations: listOf(citations) }];
  }
  return [];
}

function readReasoning(content: JsonObject): AssistantPart[] {
  const data = textOf(content.redactedContent);
  if (data !== undefined) return [{ kind: 'redacted_reasoning', data }];
  const { text, signature } = objectOf(content.reasoningText);
  const signed = textOf(signature);
  return [{ kind: 'reasoning', text: textOf(text) ?? '', ...(signed ? { signature: signed } : {}) }];
}

const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  content_filtered: 'content_filter',
  guardrail_intervened: 'content_filter',
  malformed_model_output: 'error',
  malformed_tool_use: 'error',
};

/** Why the model stopped. Reasons that are newer than this table count as a plain stop. */
export function finishOf(reason: JsonValue | undefined): FinishReason {
  return FINISH[textOf(reason) ?? ''] ?? 'stop';
}

/** Converse counts cached input apart: the sum is all of the input. */
export function readUsage(usage: JsonObject): Usage {
  const cachedInput = numberOf(usage.cacheReadInputTokens);
  const cacheCreationInput = numberOf(usage.cacheWriteInputTokens);
  return {
    input: (numberOf(usage.inputTokens) ?? 0) + (cachedInput ?? 0) + (cacheCreationInput ?? 0),
    output: numberOf(usage.outputTokens) ?? 0,
    ...(cachedInput === undefined ? {} : { cachedInput }),
    ...(cacheCreationInput === undefined ? {} : { cacheCreationInput }),
  };
}

/** Longer texts in place of an error (a proxy's page) help no client. */
const MAX_MESSAGE_CHARS = 2000;

/** A refusal of AWS: the type stands in a header, in some services with an address behind a colon. */
export function readAwsError(status: number, headers: Headers, body: JsonObject | string): ProviderError {
  const named = headers.get('x-amzn-errortype') ?? (typeof body === 'string' ? undefined : textOf(body.__type));
  const type = named?.split(':')[0]?.split('#').at(-1);
  const message = typeof body === 'string' ? body.trim().slice(0, MAX_MESSAGE_CHARS) : errorMessage(body);
  return { status, message: message || `The provider answered ${status}`, ...(type ? { type } : {}) };
}

/** AWS spells the field in two ways. */
export function errorMessage(body: JsonObject): string | undefined {
  return textOf(body.message) ?? textOf(body.Message);
}
