import { createSseReader, type SseEvent } from '../../lib/sse.ts';
import type { AnswerEvent, JsonObject, JsonValue, PartDelta, PartStart, ProviderError } from '../conversation.ts';
import type { StreamReader } from '../dialect.ts';
import { isJsonObject, listOf, objectOf, parseJsonObject, textOf } from '../json.ts';
import { createTextReader } from '../text-events.ts';
import { indexOf } from './answer.ts';
import { callId, candidateExtra, finishOf, logprobsOf, secondsOf, textForPart, usageOf } from './answer-parts.ts';
import { googleErrorOf } from './google-error.ts';
import { markSignature } from './signatures.ts';

interface CandidateState {
  /** Kind of the part that is open. */
  open: 'text' | 'reasoning' | 'tool_call' | undefined;
  part: number;
  called: boolean;
  finished: boolean;
  /** Said at any time, told at the end. */
  extra: JsonObject;
}

interface StreamState {
  readonly candidates: Map<number, CandidateState>;
  /** What the bytes at hand say. */
  events: AnswerEvent[];
  responseId: string | undefined;
  started: boolean;
  calls: number;
  failed: boolean;
}

/**
 * The stream of `streamGenerateContent?alt=sse`: each event is an answer that holds what is new. It has no last event of
 * its own, so the stream is whole when every candidate has a reason to have stopped.
 */
export function createGeminiStreamReader(): StreamReader {
  const sse = createSseReader();
  const state: StreamState = {
    candidates: new Map(),
    events: [],
    responseId: undefined,
    started: false,
    calls: 0,
    failed: false,
  };
  const readNext = createTextReader((json) => readEvent(json, state));

  function read(found: readonly SseEvent[]): void {
    for (const { data, event } of found) if (!state.failed) readNext(data, state.events, event);
  }

  function taken(): AnswerEvent[] {
    const { events } = state;
    state.events = [];
    return events;
  }

  return {
    push(bytes) {
      read(sse.push(bytes));
      return taken();
    },
    end() {
      read(sse.end());
      if (state.failed) return taken();
      for (const [index, one] of state.candidates) closePart(index, one, state);
      const whole = state.candidates.size > 0 && [...state.candidates.values()].every(({ finished }) => finished);
      if (!whole) fail({ status: 502, message: 'the stream of the provider ended early' }, state);
      return taken();
    },
  };
}

function fail(error: ProviderError, state: StreamState): void {
  state.failed = true;
  state.events.push({ kind: 'error', error });
}

function readEvent(data: string, state: StreamState): void {
  const answer = parseJsonObject(data);
  const error = googleErrorOf(answer ?? parseList(data));
  if (error !== undefined) fail(error, state);
  else if (answer === undefined) fail({ status: 502, message: 'the provider sent an event that is not JSON' }, state);
  else readAnswerPiece(answer, state);
}

/** An error in the middle of a stream may come in a list. */
function parseList(data: string): JsonObject | undefined {
  return data.startsWith('[') ? objectOf(listOf(parseJsonObject(`{"list":${data}}`)?.list)[0]) : undefined;
}

function readAnswerPiece(answer: JsonObject, state: StreamState): void {
  start(answer, state);
  const candidates = listOf(answer.candidates).filter(isJsonObject);
  for (const candidate of candidates) readCandidate(candidate, state);
  if (candidates.length === 0 && textOf(objectOf(answer.promptFeedback).blockReason) !== undefined) {
    const extra = { prompt_feedback: objectOf(answer.promptFeedback) };
    finish(0, stateOf(0, state), { finish: 'content_filter', extra }, state);
  }
  const usage = usageOf(answer.usageMetadata);
  if (usage !== undefined) state.events.push({ kind: 'usage', usage });
}

function start(answer: JsonObject, state: StreamState): void {
  if (state.started) return;
  state.started = true;
  state.responseId = textOf(answer.responseId);
  const model = textOf(answer.modelVersion);
  const createdSeconds = secondsOf(answer.createTime);
  state.events.push({
    kind: 'start',
    ...(state.responseId === undefined ? {} : { id: state.responseId }),
    ...(model === undefined ? {} : { model }),
    ...(createdSeconds === undefined ? {} : { createdSeconds }),
  });
}

function stateOf(index: number, { candidates }: StreamState): CandidateState {
  const known = candidates.get(index);
  if (known !== undefined) return known;
  const fresh = { open: undefined, part: 0, called: false, finished: false, extra: {} };
  candidates.set(index, fresh);
  return fresh;
}

function readCandidate(candidate: JsonObject, state: StreamState): void {
  const index = indexOf(candidate);
  const one = stateOf(index, state);
  let logprobs = logprobsOf(candidate.logprobsResult);
  for (const part of listOf(objectOf(candidate.content).parts).filter(isJsonObject)) {
    if (one.finished) return;
    if (isJsonObject(part.functionCall)) readCall(index, one, { part, call: part.functionCall }, state);
    else if (readText(index, one, { part, logprobs }, state)) logprobs = undefined;
  }
  one.extra = { ...one.extra, ...candidateExtra(candidate) };
  const reason = textOf(candidate.finishReason);
  if (reason === undefined) return;
  const extra = Object.keys(one.extra).length === 0 ? {} : { extra: one.extra };
  const rest = { ...(logprobs === undefined ? {} : { logprobs }), ...extra };
  finish(index, one, { finish: finishOf(reason, one.called), ...rest }, state);
}

function finish(
  index: number,
  one: CandidateState,
  said: Omit<Extract<AnswerEvent, { kind: 'finish' }>, 'kind' | 'candidate'>,
  state: StreamState,
): void {
  if (one.finished) return;
  closePart(index, one, state);
  one.finished = true;
  state.events.push({ kind: 'finish', candidate: index, ...said });
}

function openPart(index: number, one: CandidateState, begin: PartStart, { events }: StreamState): void {
  events.push({ kind: 'part_start', candidate: index, part: one.part, start: begin });
}

function say(index: number, one: CandidateState, delta: PartDelta, { events }: StreamState): void {
  events.push({ kind: 'part_delta', candidate: index, part: one.part, delta });
}

function closePart(index: number, one: CandidateState, { events }: StreamState): void {
  if (one.open === undefined) return;
  events.push({ kind: 'part_end', candidate: index, part: one.part });
  one.open = undefined;
  one.part += 1;
}

function readCall(
  index: number,
  one: CandidateState,
  { part, call }: { part: JsonObject; call: JsonObject },
  state: StreamState,
): void {
  closePart(index, one, state);
  const signature = textOf(part.thoughtSignature);
  const id = callId(call, state.responseId, state.calls);
  state.calls += 1;
  one.called = true;
  one.open = 'tool_call';
  const name = textOf(call.name) ?? '';
  openPart(index, one, { kind: 'tool_call', id, name, ...(signature === undefined ? {} : { signature }) }, state);
  say(index, one, { kind: 'arguments', text: JSON.stringify(objectOf(call.args)) }, state);
  closePart(index, one, state);
}

/** Whether the log probabilities went with the text. */
function readText(
  index: number,
  one: CandidateState,
  { part, logprobs }: { part: JsonObject; logprobs: readonly JsonValue[] | undefined },
  state: StreamState,
): boolean {
  const text = textOf(part.text) ?? textForPart(part);
  if (text === undefined) return false;
  const kind = part.thought === true ? 'reasoning' : 'text';
  const takesLogprobs = text !== '' && kind === 'text' && logprobs !== undefined;
  if (text !== '') {
    if (one.open !== kind) {
      closePart(index, one, state);
      openPart(index, one, { kind }, state);
      one.open = kind;
    }
    say(index, one, { kind: 'text', text, ...(takesLogprobs ? { logprobs } : {}) }, state);
  }
  // The signature of an answer without calls comes last, in a part without text.
  const signature = textOf(part.thoughtSignature);
  if (signature !== undefined && one.open === kind) {
    const signed = kind === 'text' ? signature : markSignature(signature);
    say(index, one, { kind: 'signature', signature: signed }, state);
  }
  return takesLogprobs;
}
