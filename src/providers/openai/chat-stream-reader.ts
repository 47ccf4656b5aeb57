/** One piece, since every event is read against the one state of its stream: what is open, and what has been said. */
import { createSseReader, type SseEvent } from '../../lib/sse.ts';
import type { AnswerEvent, JsonObject, JsonValue, PartStart, ProviderError } from '../conversation.ts';
import type { StreamReader } from '../dialect.ts';
import { isJsonObject, listOf, numberOf, objectOf, parseJsonObject, textOf } from '../json.ts';
import { createTextReader } from '../text-events.ts';
import { readFinish, reasoningText, thinkingText, thoughts } from './chat-answer-reader.ts';
import { thoughtSignature } from './chat-parts.ts';
import { readChatUsage } from './chat-usage.ts';
import { readStreamError } from './errors.ts';

/** Where a candidate's stream stands. */
interface Progress {
  /** Of the part that is open, or was last. */
  part: number;
  open: PartStart['kind'] | undefined;
  /** Index of the open call of a tool, as the provider counts. */
  call: number;
  /** Indexes of calls begun. */
  readonly calls: Set<number>;
  isFinished: boolean;
}

/** A stream of chat completion chunks. Errors: GatewayError `provider_failed` for an event that is too large. */
export function createChatStreamReader(): StreamReader {
  const sse = createSseReader();
  const readNext = createTextReader(readEvent);
  const candidates = new Map<number, Progress>();
  let hasStarted = false;
  let isOver = false;
  let isBroken = false;

  function fail(events: AnswerEvent[], error: ProviderError): void {
    isBroken = true;
    events.push({ kind: 'error', error });
  }

  function read(found: readonly SseEvent[]): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    for (const { event, data } of found) if (!isBroken && !isOver) readNext(data, events, event);
    return events;
  }

  function readEvent(data: string, events: AnswerEvent[], event: string): void {
    if (data === '[DONE]') {
      isOver = true;
      return;
    }
    const body = parseJsonObject(data);
    if (body === undefined) {
      fail(events, broken('an event of the provider is not valid JSON'));
      return;
    }
    if ((body.error !== undefined && body.error !== null) || event === 'error') {
      fail(events, readStreamError(isJsonObject(body.error) ? body : { error: body.error ?? body }));
      return;
    }
    if (!hasStarted) {
      hasStarted = true;
      events.push(startEvent(body));
    }
    for (const item of listOf(body.choices)) {
      const choice = objectOf(item);
      const candidate = candidateOf(choice);
      const progress = candidates.get(candidate) ?? newProgress();
      candidates.set(candidate, progress);
      const error = readChoice(choice, candidate, progress, events);
      if (error !== undefined) {
        fail(events, error);
        return;
      }
    }
    const usage = readChatUsage(body.usage);
    if (usage !== undefined) events.push({ kind: 'usage', usage });
  }

  function finishAll(events: AnswerEvent[]): void {
    if (isBroken) return;
    const all = [...candidates.values()];
    // `[DONE]` without a reason to finish is an end; a stream that just stops is none.
    if (!isOver && (all.length === 0 || all.some(({ isFinished }) => !isFinished))) {
      fail(events, broken('the stream of the provider ended in the middle of an answer'));
      return;
    }
    for (const [candidate, progress] of candidates) {
      if (!progress.isFinished) finish(undefined, candidate, progress, events, {});
    }
  }

  return {
    push: (bytes) => read(sse.push(bytes)),
    end() {
      const events = read(sse.end());
      finishAll(events);
      return events;
    },
  };
}

/** Providers answer with a few candidates at most. */
const MAX_CANDIDATES = 128;

function candidateOf({ index }: JsonObject): number {
  const candidate = numberOf(index) ?? 0;
  return Number.isInteger(candidate) && candidate >= 0 && candidate < MAX_CANDIDATES ? candidate : 0;
}

function broken(message: string): ProviderError {
  return { status: 502, message };
}

function newProgress(): Progress {
  return { part: -1, open: undefined, call: -1, calls: new Set(), isFinished: false };
}

function startEvent(body: JsonObject): AnswerEvent {
  // Azure's first chunk tells of filters alone, and names nothing.
  const id = textOf(body.id) || undefined;
  const model = textOf(body.model) || undefined;
  const createdSeconds = numberOf(body.created) || undefined;
  return {
    kind: 'start',
    ...(id !== undefined && { id }),
    ...(model !== undefined && { model }),
    ...(createdSeconds !== undefined && { createdSeconds }),
  };
}

function readChoice(
  choice: JsonObject,
  candidate: number,
  progress: Progress,
  events: AnswerEvent[],
): ProviderError | undefined {
  const delta = objectOf(choice.delta);
  const logprobs = objectOf(choice.logprobs).content;
  readThoughts(delta, candidate, progress, events);
  readText(delta, Array.isArray(logprobs) ? logprobs : undefined, candidate, progress, events);
  const legacy = objectOf(delta.function_call);
  const calls = Object.keys(legacy).length > 0 ? [{ index: 0, function: legacy }] : listOf(delta.tool_calls);
  for (const item of calls) {
    const error = readCall(objectOf(item), candidate, progress, events);
    if (error !== undefined) return error;
  }
  const signature = thoughtSignature(delta);
  if (signature !== undefined && progress.open === 'text') {
    events.push({ kind: 'part_delta', candidate, part: progress.part, delta: { kind: 'signature', ...signature } });
  }
  const reason = textOf(choice.finish_reason);
  if (reason !== undefined && !progress.isFinished) finish(reason, candidate, progress, events, choice);
  return undefined;
}

function readThoughts(delta: JsonObject, candidate: number, progress: Progress, events: AnswerEvent[]): void {
  const text = reasoningText(delta);
  if (text) addText('reasoning', text, candidate, progress, events);
  if (delta.thinking_blocks === undefined) return;
  for (const thought of thoughts({ thinking_blocks: delta.thinking_blocks })) {
    if (thought.kind === 'redacted_reasoning') {
      openPart({ kind: thought.kind, data: thought.data }, candidate, progress, events);
      closePart(candidate, progress, events);
    } else if (thought.signature !== undefined) {
      // The text came before, as reasoning_content, unless the block is the first to tell it.
      if (progress.open !== 'reasoning') addText('reasoning', thought.text, candidate, progress, events);
      const signed = { kind: 'signature', signature: thought.signature } as const;
      events.push({ kind: 'part_delta', candidate, part: progress.part, delta: signed });
      closePart(candidate, progress, events);
    } else if (!text && thought.text !== '') {
      addText('reasoning', thought.text, candidate, progress, events);
    }
  }
}

function readText(
  delta: JsonObject,
  logprobs: readonly JsonValue[] | undefined,
  candidate: number,
  progress: Progress,
  events: AnswerEvent[],
): void {
  const { content } = delta;
  if (typeof content === 'string' && (content !== '' || logprobs !== undefined)) {
    addText('text', content, candidate, progress, events, logprobs);
  }
  if (Array.isArray(content)) {
    for (const item of content as readonly JsonValue[]) {
      const part = objectOf(item);
      const thinking = thinkingText(part.thinking);
      if (thinking !== '') addText('reasoning', thinking, candidate, progress, events);
      const text = textOf(part.text);
      if (text) addText('text', text, candidate, progress, events);
    }
  }
  const refusal = textOf(delta.refusal);
  if (refusal) addText('refusal', refusal, candidate, progress, events);
}

function addText(
  kind: 'text' | 'reasoning' | 'refusal',
  text: string,
  candidate: number,
  progress: Progress,
  events: AnswerEvent[],
  logprobs?: readonly JsonValue[],
): void {
  if (progress.open !== kind) openPart({ kind }, candidate, progress, events);
  const delta = { kind: 'text', text, ...(logprobs !== undefined && { logprobs }) } as const;
  events.push({ kind: 'part_delta', candidate, part: progress.part, delta });
}

function readCall(
  call: JsonObject,
  candidate: number,
  progress: Progress,
  events: AnswerEvent[],
): ProviderError | undefined {
  const called = objectOf(call.function);
  const id = textOf(call.id);
  const name = textOf(called.name);
  // Servers that send each call at once often leave its index out.
  const index = numberOf(call.index) ?? (name !== undefined ? progress.calls.size : progress.call);
  if (progress.open !== 'tool_call' || progress.call !== index) {
    if (progress.calls.has(index)) return broken('the provider went back to a tool call that it had ended');
    if (name === undefined) return broken('the provider sent arguments of a tool call that it did not name');
    progress.calls.add(index);
    progress.call = index;
    openPart({ kind: 'tool_call', id: id ?? '', name, ...thoughtSignature(call) }, candidate, progress, events);
  }
  const { arguments: given } = called;
  const text = isJsonObject(given) ? JSON.stringify(given) : textOf(given);
  if (text) events.push({ kind: 'part_delta', candidate, part: progress.part, delta: { kind: 'arguments', text } });
  return undefined;
}

function openPart(start: PartStart, candidate: number, progress: Progress, events: AnswerEvent[]): void {
  closePart(candidate, progress, events);
  progress.part += 1;
  progress.open = start.kind;
  events.push({ kind: 'part_start', candidate, part: progress.part, start });
}

function closePart(candidate: number, progress: Progress, events: AnswerEvent[]): void {
  if (progress.open === undefined) return;
  progress.open = undefined;
  events.push({ kind: 'part_end', candidate, part: progress.part });
}

function finish(
  reason: string | undefined,
  candidate: number,
  progress: Progress,
  events: AnswerEvent[],
  choice: JsonObject,
): void {
  closePart(candidate, progress, events);
  progress.isFinished = true;
  const stopSequence = textOf(choice.stop_reason);
  events.push({
    kind: 'finish',
    candidate,
    finish: readFinish(reason, progress.calls.size > 0),
    ...(stopSequence !== undefined && { stopSequence }),
  });
}
