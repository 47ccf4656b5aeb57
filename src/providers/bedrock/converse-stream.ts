import type { AnswerEvent, JsonObject, PartDelta, PartStart, ProviderError } from '../conversation.ts';
import type { StreamReader } from '../dialect.ts';
import { isJsonObject, numberOf, objectOf, parseJsonObject, textOf } from '../json.ts';
import { createTextReader } from '../text-events.ts';
import { finishOf, readStopSequence, readUsage } from './converse-answer.ts';
import { createEventStreamReader, type EventStreamMessage } from './event-stream.ts';
import { brokenStream, readStreamFailure } from './stream-errors.ts';

interface OpenPart {
  readonly part: number;
  readonly kind: 'text' | 'reasoning' | 'tool_call';
  hasArguments: boolean;
}

interface StreamState {
  readonly id: string | undefined;
  nextPart: number;
  /** By index of the block. */
  readonly open: Map<number, OpenPart>;
  /** Base64 pieces of a block of reasoning that only the provider can read. */
  readonly redacted: Map<number, string[]>;
  isFinished: boolean;
  isOver: boolean;
}

/** Reads the event stream of ConverseStream. Source: Amazon Bedrock API reference, ConverseStream. */
export function createConverseStreamReader(headers: ReadonlyMap<string, string>): StreamReader {
  const messages = createEventStreamReader();
  const state: StreamState = {
    id: headers.get('x-amzn-requestid'),
    nextPart: 0,
    open: new Map(),
    redacted: new Map(),
    isFinished: false,
    isOver: false,
  };
  const read = createTextReader((json, events, type) => void events.push(...readEvent(type, json, state)));

  function readMessage(message: EventStreamMessage, events: AnswerEvent[]): void {
    if (state.isOver) return;
    const failure = readStreamFailure(message);
    if (failure === undefined) read(message.payload.toString(), events, message.headers.get(':event-type') ?? '');
    else events.push(...fail(failure, state));
  }

  return {
    push(bytes) {
      const events: AnswerEvent[] = [];
      if (state.isOver) return events;
      try {
        messages.push(bytes, (message) => readMessage(message, events));
      } catch (caught) {
        events.push(...fail(brokenStream(caught), state));
      }
      return events;
    },
    end() {
      if (state.isOver || (state.isFinished && messages.isComplete())) return [];
      return fail({ status: 502, message: 'The provider ended the stream before the answer was whole' }, state);
    },
  };
}

function readEvent(type: string, json: string, state: StreamState): AnswerEvent[] {
  const event = parseJsonObject(json);
  if (event === undefined) return fail({ status: 502, message: 'The provider sent an event that is not JSON' }, state);
  const index = numberOf(event.contentBlockIndex) ?? 0;
  switch (type) {
    case 'messageStart':
      return [{ kind: 'start', ...(state.id === undefined ? {} : { id: state.id }) }];
    case 'contentBlockStart':
      return readBlockStart(index, objectOf(event.start), state);
    case 'contentBlockDelta':
      return readBlockDelta(index, objectOf(event.delta), state);
    case 'contentBlockStop':
      return closePart(index, state);
    case 'messageStop':
      return readStop(event, state);
    case 'metadata':
      return isJsonObject(event.usage) ? [{ kind: 'usage', usage: readUsage(event.usage) }] : [];
    default:
      return [];
  }
}

function readBlockStart(index: number, { toolUse }: JsonObject, state: StreamState): AnswerEvent[] {
  if (!isJsonObject(toolUse)) return [];
  const start = { kind: 'tool_call', id: textOf(toolUse.toolUseId) ?? '', name: textOf(toolUse.name) ?? '' } as const;
  return openPart(index, 'tool_call', start, state).events;
}

function openPart(
  index: number,
  kind: OpenPart['kind'],
  start: PartStart,
  state: StreamState,
): { readonly open: OpenPart; readonly events: AnswerEvent[] } {
  const open: OpenPart = { part: state.nextPart, kind, hasArguments: false };
  state.nextPart += 1;
  state.open.set(index, open);
  return { open, events: [{ kind: 'part_start', candidate: 0, part: open.part, start }] };
}

function readBlockDelta(index: number, delta: JsonObject, state: StreamState): AnswerEvent[] {
  const text = textOf(delta.text);
  if (text !== undefined) return change(index, 'text', { kind: 'text', text }, state);
  if (isJsonObject(delta.toolUse)) {
    return change(index, 'tool_call', { kind: 'arguments', text: textOf(delta.toolUse.input) ?? '' }, state);
  }
  if (isJsonObject(delta.citation)) {
    return change(index, 'text', { kind: 'citation', citation: delta.citation }, state);
  }
  if (!isJsonObject(delta.reasoningContent)) return [];
  const { text: thought, signature, redactedContent } = delta.reasoningContent;
  if (typeof redactedContent === 'string') {
    state.redacted.set(index, [...(state.redacted.get(index) ?? []), redactedContent]);
    return [];
  }
  if (typeof thought === 'string') return change(index, 'reasoning', { kind: 'text', text: thought }, state);
  if (typeof signature !== 'string') return [];
  return change(index, 'reasoning', { kind: 'signature', signature }, state);
}

/** More of a part. Text and reasoning are not announced: their first delta opens the part. */
function change(index: number, kind: OpenPart['kind'], delta: PartDelta, state: StreamState): AnswerEvent[] {
  const known = state.open.get(index);
  if (known === undefined && kind === 'tool_call') return [];
  const { open, events } =
    known?.kind === kind ? { open: known, events: [] } : { ...openPart(index, kind, { kind } as PartStart, state) };
  if ((delta.kind === 'text' || delta.kind === 'arguments') && delta.text === '') return events;
  if (delta.kind === 'arguments') open.hasArguments = true;
  return [...events, { kind: 'part_delta', candidate: 0, part: open.part, delta }];
}

function closePart(index: number, state: StreamState): AnswerEvent[] {
  const sealed = closeRedacted(index, state);
  const open = state.open.get(index);
  if (open === undefined) return sealed;
  state.open.delete(index);
  const { part } = open;
  const end: AnswerEvent = { kind: 'part_end', candidate: 0, part };
  if (open.kind !== 'tool_call' || open.hasArguments) return [...sealed, end];
  // A call without arguments sends no delta, but clients parse what they got.
  return [{ kind: 'part_delta', candidate: 0, part, delta: { kind: 'arguments', text: '{}' } }, end];
}

function closeRedacted(index: number, state: StreamState): AnswerEvent[] {
  const pieces = state.redacted.get(index);
  if (pieces === undefined) return [];
  state.redacted.delete(index);
  const data =
    pieces.length === 1
      ? (pieces[0] ?? '')
      : Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))).toString('base64');
  const part = state.nextPart;
  state.nextPart += 1;
  return [
    { kind: 'part_start', candidate: 0, part, start: { kind: 'redacted_reasoning', data } },
    { kind: 'part_end', candidate: 0, part },
  ];
}

function readStop(event: JsonObject, state: StreamState): AnswerEvent[] {
  state.isFinished = true;
  const ends = [...new Set([...state.redacted.keys(), ...state.open.keys()])].flatMap((index) =>
    closePart(index, state),
  );
  return [...ends, { kind: 'finish', candidate: 0, finish: finishOf(event.stopReason), ...readStopSequence(event) }];
}

function fail(error: ProviderError, state: StreamState): AnswerEvent[] {
  state.isOver = true;
  const ends = [...state.open.values()].map(({ part }): AnswerEvent => ({ kind: 'part_end', candidate: 0, part }));
  return [...ends, { kind: 'error', error }];
}
