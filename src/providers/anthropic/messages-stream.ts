import { createSseReader, type SseEvent } from '../../lib/sse.ts';
import type { AnswerEvent, JsonObject, PartDelta, PartStart, ProviderError } from '../conversation.ts';
import type { StreamReader } from '../dialect.ts';
import { numberOf, objectOf, parseJsonObject, textOf } from '../json.ts';
import { createTextReader } from '../text-events.ts';
import { finishOf, readStreamError, readUsage } from './messages-answer.ts';

/** Reads the SSE stream of the Messages API. */
export function createMessagesStreamReader(): StreamReader {
  const sse = createSseReader();
  const messages = createMessagesEvents();
  const read = (found: readonly SseEvent[]): AnswerEvent[] => {
    const events: AnswerEvent[] = [];
    for (const { data } of found) messages.read(data, events);
    return events;
  };
  return { push: (bytes) => read(sse.push(bytes)), end: () => [...read(sse.end()), ...messages.end()] };
}

/** What is behind the framing, which is not the same everywhere: JSON texts in, events out. */
export interface MessagesEvents {
  /** Puts what an event says behind `events`. */
  readonly read: (json: string, events: AnswerEvent[]) => void;
  /** The framing told of a failure, or is one. */
  readonly fail: (error: ProviderError) => AnswerEvent[];
  readonly end: () => AnswerEvent[];
}

interface OpenPart {
  readonly part: number;
  readonly isCall: boolean;
  hasArguments: boolean;
}

interface StreamState {
  nextPart: number;
  /** By index of the block. Blocks that a conversation has no word for are not here. */
  readonly open: Map<number, OpenPart>;
  /** Later counts replace earlier ones, field by field. */
  usage: JsonObject;
  /** The answer is whole, whether or not the last event came. */
  isFinished: boolean;
  /** Nothing counts any more. */
  isOver: boolean;
}

const NOT_JSON = { status: 502, message: 'The provider sent an event that is not JSON' };

/** Reads what the events of a stream say. */
export function createMessagesEvents(): MessagesEvents {
  const state: StreamState = { nextPart: 0, open: new Map(), usage: {}, isFinished: false, isOver: false };
  const read = createTextReader((json, events) => {
    const event = parseJsonObject(json);
    events.push(...(event === undefined ? fail(NOT_JSON, state) : readEvent(event, state)));
  });
  return {
    read(json, events) {
      if (!state.isOver) read(json, events, '');
    },
    fail: (error) => (state.isOver ? [] : fail(error, state)),
    end: () => {
      if (state.isOver || state.isFinished) return [];
      return fail({ status: 502, message: 'The provider ended the stream before the answer was whole' }, state);
    },
  };
}

function readEvent(event: JsonObject, state: StreamState): AnswerEvent[] {
  switch (event.type) {
    case 'message_start':
      return readStart(objectOf(event.message), state);
    case 'content_block_start':
      return readBlockStart(numberOf(event.index) ?? 0, objectOf(event.content_block), state);
    case 'content_block_delta':
      return readBlockDelta(numberOf(event.index) ?? 0, objectOf(event.delta), state);
    case 'content_block_stop':
      return closePart(numberOf(event.index) ?? 0, state);
    case 'message_delta':
      return readMessageDelta(event, state);
    case 'message_stop':
      state.isOver = true;
      return closeParts(state);
    case 'error':
      return fail(readStreamError(event), state);
    default:
      return [];
  }
}

function readStart(message: JsonObject, state: StreamState): AnswerEvent[] {
  const [id, model] = [textOf(message.id), textOf(message.model)];
  state.usage = objectOf(message.usage);
  const start = {
    kind: 'start',
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
  } as const;
  return [start, { kind: 'usage', usage: readUsage(state.usage) }];
}

function readBlockStart(index: number, block: JsonObject, state: StreamState): AnswerEvent[] {
  const start = partStart(block);
  if (start === undefined) return [];
  const part = state.nextPart;
  state.nextPart += 1;
  const open: OpenPart = { part, isCall: start.kind === 'tool_call', hasArguments: false };
  state.open.set(index, open);
  const events: AnswerEvent[] = [{ kind: 'part_start', candidate: 0, part, start }];
  // Anthropic starts blocks empty; others that speak its API put the whole text or input here.
  const text = textOf(block.type === 'thinking' ? block.thinking : block.text) ?? '';
  const input = JSON.stringify(objectOf(block.input));
  if (open.isCall && input !== '{}') events.push(...delta(open, { kind: 'arguments', text: input }));
  else if (text !== '') events.push(...delta(open, { kind: 'text', text }));
  return events;
}

function partStart(block: JsonObject): PartStart | undefined {
  switch (block.type) {
    case 'text':
      return { kind: 'text' };
    case 'thinking':
      return { kind: 'reasoning' };
    case 'redacted_thinking':
      return { kind: 'redacted_reasoning', data: textOf(block.data) ?? '' };
    case 'tool_use':
      return { kind: 'tool_call', id: textOf(block.id) ?? '', name: textOf(block.name) ?? '' };
    default:
      return undefined;
  }
}

function readBlockDelta(index: number, change: JsonObject, state: StreamState): AnswerEvent[] {
  const open = state.open.get(index);
  if (open === undefined) return [];
  switch (change.type) {
    case 'text_delta':
      return delta(open, { kind: 'text', text: textOf(change.text) ?? '' });
    case 'thinking_delta':
      return delta(open, { kind: 'text', text: textOf(change.thinking) ?? '' });
    case 'input_json_delta':
      return delta(open, { kind: 'arguments', text: textOf(change.partial_json) ?? '' });
    case 'signature_delta':
      return delta(open, { kind: 'signature', signature: textOf(change.signature) ?? '' });
    case 'citations_delta':
      return delta(open, { kind: 'citation', citation: objectOf(change.citation) });
    default:
      return [];
  }
}

function delta(open: OpenPart, change: PartDelta): AnswerEvent[] {
  if ((change.kind === 'text' || change.kind === 'arguments') && change.text === '') return [];
  if (change.kind === 'arguments') open.hasArguments = true;
  return [{ kind: 'part_delta', candidate: 0, part: open.part, delta: change }];
}

function closePart(index: number, state: StreamState): AnswerEvent[] {
  const open = state.open.get(index);
  if (open === undefined) return [];
  state.open.delete(index);
  // A call without arguments sends no delta, but clients parse what they got.
  const empty = open.isCall && !open.hasArguments ? delta(open, { kind: 'arguments', text: '{}' }) : [];
  return [...empty, { kind: 'part_end', candidate: 0, part: open.part }];
}

function closeParts(state: StreamState): AnswerEvent[] {
  return [...state.open.keys()].flatMap((index) => closePart(index, state));
}

function readMessageDelta(event: JsonObject, state: StreamState): AnswerEvent[] {
  const change = objectOf(event.delta);
  const events: AnswerEvent[] = [];
  if (textOf(change.stop_reason) !== undefined) {
    const stopSequence = textOf(change.stop_sequence);
    state.isFinished = true;
    events.push(...closeParts(state), {
      kind: 'finish',
      candidate: 0,
      finish: finishOf(change.stop_reason),
      ...(stopSequence === undefined ? {} : { stopSequence }),
    });
  }
  const counts = Object.entries(objectOf(event.usage)).filter(([, count]) => count !== null);
  state.usage = { ...state.usage, ...Object.fromEntries(counts) };
  return [...events, { kind: 'usage', usage: readUsage(state.usage) }];
}

function fail(error: ProviderError, state: StreamState): AnswerEvent[] {
  state.isOver = true;
  const ends = [...state.open.values()].map(({ part }): AnswerEvent => ({ kind: 'part_end', candidate: 0, part }));
  return [...ends, { kind: 'error', error }];
}
