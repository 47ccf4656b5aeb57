import type { AssistantPart, ConversationAnswer, FinishReason, JsonObject, JsonValue, Usage } from '../conversation.ts';
import type { AnswerContext } from '../dialect.ts';
import { markSignature } from '../vertex/signatures.ts';
import { callId } from './chat-answer-writer.ts';
import {
  annotation,
  callItem,
  itemId,
  messageItem,
  reasoningItem,
  redactedItem,
  takesText,
  textPart,
} from './responses-output.ts';
import { writeResponsesUsage } from './responses-usage.ts';

/** How a response ended. */
export interface Ending {
  readonly status: 'completed' | 'incomplete' | 'failed' | 'in_progress';
  readonly error: JsonObject | null;
  readonly incomplete_details: JsonObject | null;
}

/** The ending that a reason to finish stands for. `refused`: the model said in words that it refuses. */
export function endingOf(finish: FinishReason, refused: boolean): Ending {
  const incomplete = (reason: string): Ending => ({
    status: 'incomplete',
    error: null,
    incomplete_details: { reason },
  });
  switch (finish) {
    case 'length':
      return incomplete('max_output_tokens');
    case 'content_filter':
      return incomplete('content_filter');
    case 'refusal':
      return refused ? COMPLETED : incomplete('content_filter');
    case 'error':
      return failedBy('server_error', 'the model failed');
    default:
      return COMPLETED;
  }
}

const COMPLETED: Ending = { status: 'completed', error: null, incomplete_details: null };
export const IN_PROGRESS: Ending = { status: 'in_progress', error: null, incomplete_details: null };

/** The ending of a response that failed. */
export function failedBy(code: string, message: string): Ending {
  return { status: 'failed', error: { code, message }, incomplete_details: null };
}

/** What a response says beside its output. */
export interface ResponseHead {
  readonly model?: string | undefined;
  readonly createdSeconds?: number | undefined;
  readonly serviceTier?: string | undefined;
}

/** The response object. */
export function responseObject(
  context: AnswerContext,
  head: ResponseHead,
  ending: Ending,
  output: readonly JsonValue[],
  usage: Usage | undefined,
): JsonObject {
  return {
    id: `resp_${context.requestId}`,
    object: 'response',
    created_at: head.createdSeconds ?? context.nowSeconds,
    ...ending,
    model: head.model ?? context.model,
    output,
    ...context.request.echo,
    ...(head.serviceTier !== undefined && { service_tier: head.serviceTier }),
    usage: usage === undefined ? null : writeResponsesUsage(usage),
  };
}

/** A whole answer as a response. The API knows one candidate. */
export function writeResponsesAnswer(answer: ConversationAnswer, context: AnswerContext): JsonObject {
  const { candidates, usage, extra } = answer;
  const candidate = candidates[0] ?? { parts: [], finish: 'error' };
  const refused = candidate.parts.some(({ kind }) => kind === 'refusal');
  const ending = endingOf(candidate.finish, refused);
  const output = writeOutput(candidate.parts, candidate.logprobs ?? [], ending.status, context);
  return { ...responseObject(context, answer, ending, output, usage), ...extra };
}

function writeOutput(
  parts: readonly AssistantPart[],
  logprobs: readonly JsonValue[],
  status: string,
  context: AnswerContext,
): JsonObject[] {
  const output: JsonObject[] = [];
  let content: JsonObject[] = [];
  let calls = 0;
  const idOf = (prefix: string): string => itemId(prefix, context, output.length);
  const close = (): void => {
    if (content.length > 0)
      output.push(messageItem(idOf('msg'), content, status === 'incomplete' ? status : 'completed'));
    content = [];
  };
  for (const part of parts) {
    if (part.kind === 'text') {
      const told = content.length === 0 ? logprobs : [];
      content.push(
        textPart(
          part.text,
          (part.citations ?? []).map((one) => annotation(one, part.text.length)),
          told,
        ),
      );
      continue;
    }
    if (part.kind === 'refusal') {
      content.push({ type: 'refusal', refusal: part.text });
      continue;
    }
    close();
    switch (part.kind) {
      case 'reasoning':
        output.push(reasoningItem(idOf('rs'), part.text, part.signature));
        break;
      case 'redacted_reasoning':
        output.push(redactedItem(idOf('rs'), part.data));
        break;
      case 'tool_call': {
        // A call has no room for a signature: it goes before, as reasoning without words.
        if (part.signature !== undefined) output.push(reasoningItem(idOf('rs'), '', markSignature(part.signature)));
        const id = part.id || callId(context, 0, calls);
        calls += 1;
        output.push(callItem(idOf('fc'), { ...part, id }, takesText(context, part.name), 'completed'));
      }
    }
  }
  close();
  return output;
}
