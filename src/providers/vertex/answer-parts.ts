import type { FinishReason, JsonObject, JsonValue, Usage } from '../conversation.ts';
import { isJsonObject, listOf, numberOf, objectOf, present, textOf } from '../json.ts';

/** What whole answers and the pieces of streams have in common. */

const FINISH: Readonly<Record<string, FinishReason>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  MODEL_ARMOR: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
  IMAGE_PROHIBITED_CONTENT: 'content_filter',
  IMAGE_RECITATION: 'content_filter',
  CONTINUATION: 'pause',
};

/** Why the model stopped. Reasons that say that it failed (a malformed call, no image) and new ones are `error`. */
export function finishOf(reason: string, calledTools: boolean): FinishReason {
  if (reason === 'STOP' && calledTools) return 'tool_calls';
  return FINISH[reason] ?? 'error';
}

/** What Gemini says of a candidate beside its content, under the names that clients of its OpenAI-like API know. */
export function candidateExtra(candidate: JsonObject): JsonObject {
  const reason = textOf(candidate.finishReason);
  const plain = reason === undefined || reason === 'STOP' || reason === 'MAX_TOKENS';
  return present({
    safety_ratings: candidate.safetyRatings,
    grounding_metadata: candidate.groundingMetadata,
    citation_metadata: candidate.citationMetadata,
    url_context_metadata: candidate.urlContextMetadata,
    native_finish_reason: plain ? undefined : reason,
    finish_message: candidate.finishMessage,
  });
}

/** Undefined where it counts nothing yet, as in the first pieces of a stream. */
export function usageOf(value: JsonValue | undefined): Usage | undefined {
  const usage = objectOf(value);
  const prompt = numberOf(usage.promptTokenCount);
  if (prompt === undefined) return undefined;
  const reasoning = numberOf(usage.thoughtsTokenCount);
  const cached = numberOf(usage.cachedContentTokenCount);
  return {
    // The results of tools that Gemini runs itself are input that it counts apart.
    input: prompt + (numberOf(usage.toolUsePromptTokenCount) ?? 0),
    output: (numberOf(usage.candidatesTokenCount) ?? 0) + (reasoning ?? 0),
    ...(cached === undefined ? {} : { cachedInput: cached }),
    ...(reasoning === undefined ? {} : { reasoningOutput: reasoning }),
  };
}

/** Log probabilities in OpenAI's shape. */
export function logprobsOf(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  if (!isJsonObject(value)) return undefined;
  const tops = listOf(value.topCandidates);
  const chosen = listOf(value.chosenCandidates).map((one, i) => ({
    ...tokenOf(objectOf(one)),
    top_logprobs: listOf(objectOf(tops[i]).candidates).map((top) => tokenOf(objectOf(top))),
  }));
  return chosen.length === 0 ? undefined : chosen;
}

function tokenOf(candidate: JsonObject): JsonObject {
  const token = textOf(candidate.token) ?? '';
  return { token, logprob: numberOf(candidate.logProbability) ?? 0, bytes: [...Buffer.from(token, 'utf8')] };
}

/**
 * Id of a tool call: Gemini's own, else one made of the answer's and the call's place in it, at most 40 characters as
 * OpenAI's API wants. Empty where the answer has no id: clients are then given one of the exchange's.
 */
export function callId(call: JsonObject, responseId: string | undefined, index: number): string {
  const own = textOf(call.id);
  if (own !== undefined && own !== '') return own;
  if (responseId === undefined || responseId === '') return '';
  return `call_${responseId.replace(/[^A-Za-z0-9_-]/g, '').slice(-28)}_${index}`;
}

/** Text of a part that no client API has a form for: an image, code that Gemini wrote and ran, what it printed. */
export function textForPart(part: JsonObject): string | undefined {
  if (isJsonObject(part.inlineData)) {
    const mimeType = textOf(part.inlineData.mimeType) ?? 'application/octet-stream';
    return `![${mimeType.split('/')[0] ?? 'file'}](data:${mimeType};base64,${textOf(part.inlineData.data) ?? ''})`;
  }
  if (isJsonObject(part.fileData)) return textOf(part.fileData.fileUri);
  if (isJsonObject(part.executableCode)) {
    const language = textOf(part.executableCode.language)?.toLowerCase() ?? '';
    return `\n\`\`\`${language}\n${textOf(part.executableCode.code) ?? ''}\n\`\`\`\n`;
  }
  if (isJsonObject(part.codeExecutionResult))
    return `\n\`\`\`\n${textOf(part.codeExecutionResult.output) ?? ''}\n\`\`\`\n`;
  return undefined;
}

/** Seconds since 1970 of a timestamp such as `2026-03-10T14:54:45.066123Z`. */
export function secondsOf(value: JsonValue | undefined): number | undefined {
  const ms = Date.parse(textOf(value) ?? '');
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
