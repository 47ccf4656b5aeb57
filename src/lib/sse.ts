import { isAscii } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { GatewayError } from './errors.ts';

/** One server-sent event. */
export interface SseEvent {
  /** Empty where the event has no name. */
  readonly event: string;
  /** Lines of data joined by line feeds. */
  readonly data: string;
}

export interface SseReader {
  /** Errors: GatewayError `provider_failed` for an event above the limit. */
  readonly push: (bytes: Uint8Array) => SseEvent[];
  /** What the stream ended with, where its last blank line is missing. */
  readonly end: () => SseEvent[];
}

/** Above any event that providers send: the largest hold an image. */
const DEFAULT_MAX_EVENT_BYTES = 32 * 1024 * 1024;

/**
 * Reads an event stream whose bytes are cut anywhere: inside of a character, a line end or an event. Comments and events
 * without data are left out; `id` and `retry` are of no use here.
 * Source: WHATWG HTML, server-sent events, 9.2.6; the last event counts without its blank line too, which some
 * providers forget.
 */
export function createSseReader({ maxEventBytes = DEFAULT_MAX_EVENT_BYTES } = {}): SseReader {
  const text = createTextDecoder();
  // The line that has not ended. Pieces are joined once it has: a line of many pieces is not scanned again for each.
  let pieces: string[] = [];
  let event = '';
  let data: string | undefined;
  let held = 0;
  let hadReturn = false;

  /** Shape: the line is what of the text is between `from` and `end`. */
  function readLine(chunk: string, from: number, end: number, events: SseEvent[]): void {
    if (from === end) {
      if (data !== undefined) events.push({ event, data });
      event = '';
      data = undefined;
      held = 0;
      return;
    }
    if (chunk.startsWith('data:', from)) {
      const value = chunk.slice(chunk.charCodeAt(from + 5) === 32 ? from + 6 : from + 5, end);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (chunk.startsWith('event:', from)) {
      event = chunk.slice(chunk.charCodeAt(from + 6) === 32 ? from + 7 : from + 6, end);
    } else if (end - from === 4 && chunk.startsWith('data', from)) {
      data = data === undefined ? '' : `${data}\n`;
    }
  }

  function readText(chunk: string, events: SseEvent[]): void {
    // The line feed of a CR LF that was cut between two chunks.
    let from = hadReturn && chunk.charCodeAt(0) === 10 ? 1 : 0;
    if (chunk !== '') hadReturn = false;
    const hasReturns = chunk.includes('\r');
    while (from < chunk.length) {
      const end = hasReturns ? lineEnd(chunk, from) : chunk.indexOf('\n', from);
      if (end === -1) {
        pieces.push(from === 0 ? chunk : chunk.slice(from));
        return;
      }
      if (pieces.length > 0) {
        const line = pieces.join('') + chunk.slice(from, end);
        pieces = [];
        readLine(line, 0, line.length, events);
      } else readLine(chunk, from, end, events);
      from = end + 1;
      if (chunk.charCodeAt(end) !== 13) continue;
      if (from === chunk.length) hadReturn = true;
      else if (chunk.charCodeAt(from) === 10) from += 1;
    }
  }

  return {
    push(bytes) {
      const events: SseEvent[] = [];
      held += bytes.length;
      readText(text.decode(bytes), events);
      if (held > maxEventBytes && events.length === 0) {
        throw new GatewayError('provider_failed', `the provider sent an event above ${maxEventBytes} bytes`);
      }
      return events;
    },
    end() {
      const events: SseEvent[] = [];
      readText(text.end(), events);
      if (pieces.length > 0) {
        const line = pieces.join('');
        readLine(line, 0, line.length, events);
      }
      pieces = [];
      readLine('', 0, 0, events);
      return events;
    },
  };
}

/**
 * Decodes UTF-8 that is cut anywhere. Most of what providers send is ASCII, which costs a TextDecoder ten times as much as
 * it has to.
 */
function createTextDecoder(): { readonly decode: (bytes: Uint8Array) => string; readonly end: () => string } {
  let decoder: TextDecoder | undefined;
  let hasBegun = false;
  /** The decoder may hold the beginning of a character. */
  let isWithin = false;
  return {
    decode(bytes) {
      if (!isWithin && isAscii(bytes)) {
        hasBegun ||= bytes.length > 0;
        return (bytes instanceof Buffer ? bytes : Buffer.from(bytes)).toString('latin1');
      }
      // Only the first character of a stream can be a mark of its byte order.
      decoder ??= new TextDecoder('utf-8', { ignoreBOM: hasBegun });
      isWithin = bytes.length === 0 || (bytes[bytes.length - 1] ?? 0) >= 0x80;
      return decoder.decode(bytes, { stream: true });
    },
    end: () => decoder?.decode() ?? '',
  };
}

function lineEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || code === 13) return i;
  }
  return -1;
}

/** The text of one event. Shape: `data` is one line. */
export function sseEvent(data: string, event?: string): string {
  return event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
}
