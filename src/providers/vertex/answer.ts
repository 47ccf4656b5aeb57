import { GatewayError } from '../../lib/errors.ts';
import type { AssistantPart, Candidate, ConversationAnswer, JsonObject } from '../conversation.ts';
import { isJsonObject, listOf, objectOf, textOf } from '../json.ts';
import { callId, candidateExtra, finishOf, logprobsOf, secondsOf, textForPart, usageOf } from './answer-parts.ts';
import { markSignature } from './signatures.ts';

/**
 * A whole answer of `generateContent`. A prompt that was blocked is an answer without content, stopped by the filter.
 * Errors: GatewayError `provider_failed` for a body without candidates.
 */
export function readAnswer(body: JsonObject): ConversationAnswer {
  const id = textOf(body.responseId);
  const model = textOf(body.modelVersion);
  const createdSeconds = secondsOf(body.createTime);
  const usage = usageOf(body.usageMetadata);
  const ids = { next: 0 };
  const candidates = listOf(body.candidates)
    .filter(isJsonObject)
    .toSorted((a, b) => indexOf(a) - indexOf(b))
    .map((candidate) => readCandidate(candidate, id, ids));
  if (candidates.length === 0) candidates.push(blocked(body));
  return {
    candidates,
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
    ...(createdSeconds === undefined ? {} : { createdSeconds }),
    ...(usage === undefined ? {} : { usage }),
  };
}

/** Number of a candidate among those of an answer. */
export function indexOf(candidate: JsonObject): number {
  return typeof candidate.index === 'number' ? candidate.index : 0;
}

function readCandidate(candidate: JsonObject, responseId: string | undefined, ids: { next: number }): Candidate {
  const parts: AssistantPart[] = [];
  for (const part of listOf(objectOf(candidate.content).parts).filter(isJsonObject)) {
    readPart(part, parts, (call) => {
      const id = callId(call, responseId, ids.next);
      ids.next += 1;
      return id;
    });
  }
  const called = parts.some(({ kind }) => kind === 'tool_call');
  const logprobs = logprobsOf(candidate.logprobsResult);
  const extra = candidateExtra(candidate);
  return {
    parts,
    finish: finishOf(textOf(candidate.finishReason) ?? 'STOP', called),
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Adds a part, or joins it to the one before it: Gemini cuts text anywhere. */
function readPart(part: JsonObject, parts: AssistantPart[], idOf: (call: JsonObject) => string): void {
  const signature = textOf(part.thoughtSignature);
  if (isJsonObject(part.functionCall)) {
    const { name, args } = part.functionCall;
    parts.push({
      kind: 'tool_call',
      id: idOf(part.functionCall),
      name: textOf(name) ?? '',
      arguments: JSON.stringify(objectOf(args)),
      ...(signature === undefined ? {} : { signature }),
    });
    return;
  }
  const text = textOf(part.text) ?? textForPart(part);
  if (text === undefined) return;
  const kind = part.thought === true ? 'reasoning' : 'text';
  const last = parts.at(-1);
  const joined = last?.kind === kind ? last : undefined;
  if (joined === undefined && text === '') return;
  if (joined !== undefined) parts.pop();
  const signed = signature === undefined || kind === 'text' ? signature : markSignature(signature);
  const kept = signed ?? joined?.signature;
  parts.push({ kind, text: (joined?.text ?? '') + text, ...(kept === undefined ? {} : { signature: kept }) });
}

function blocked(body: JsonObject): Candidate {
  if (!isJsonObject(body.promptFeedback)) {
    throw new GatewayError('provider_failed', 'the provider answered without a candidate');
  }
  return { parts: [], finish: 'content_filter', extra: { prompt_feedback: body.promptFeedback } };
}
