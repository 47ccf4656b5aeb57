/**
 * The events that most of a stream is: a piece of text, in the same JSON as the piece before. Once one has been read, those
 * that follow are known by what is around the text, and only the text is taken out of them: parsing them, and reading what was
 * parsed, costs ten times as much.
 *
 * Why it says the same: a JSON without a backslash has its texts as they are, so that one that stands in it once, between
 * quotes, is the one that was read. What a reader makes of a piece of text may depend on what is around it and on what was
 * said before, and must not change what the reader keeps.
 */
import type { AnswerEvent } from './conversation.ts';

/** Reads an event, and puts what it says behind `events`. Shape: `name` is what the framing calls the event. */
export type EventReader = (json: string, events: AnswerEvent[], name: string) => void;

/** What stands around the text of an event. */
interface Frame {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** Behind it comes a text of any length, so that the length of the event tells nothing. */
  readonly isPadded: boolean;
  /** Brackets, at the end. Anthropic pads with spaces between them. */
  readonly closing: string;
}

interface TextDelta {
  readonly candidate: number;
  readonly part: number;
  readonly kind: 'text' | 'arguments';
}

const CLOSING = ' ]}';
/** Bedrock's and OpenAI's. */
const PADDING = /"(?:p|obfuscation)":\s*("[^"\\]*")$/;
/** Events that differ in more than their text each time are not looked at forever. */
const MAX_IN_VAIN = 16;
/** Of what is kept for a stream; usual events have some hundreds of characters around their text. */
const MAX_AROUND = 4096;

const QUOTE = 34;
const BACKSLASH = 92;
const SPACE = 32;

/** Creates a reader of the events of one stream that leaves to `readInFull` those that it does not know. */
export function createTextReader(readInFull: EventReader): EventReader {
  let frame: Frame | undefined;
  /** The last event that was read in full, where it has the frame: else it may be another part that is open. */
  let last: TextDelta | undefined;
  /** Frames found since one was of use. */
  let inVain = 0;

  function learn(json: string, said: AnswerEvent | undefined, name: string): void {
    last = undefined;
    if (said?.kind !== 'part_delta' || inVain > MAX_IN_VAIN) return;
    const { candidate, part, delta } = said;
    if ((delta.kind !== 'text' && delta.kind !== 'arguments') || 'logprobs' in delta) return;
    frame = frameOf(json, delta.text, name);
    if (frame === undefined) return;
    last = { candidate, part, kind: delta.kind };
    inVain += 1;
  }

  return (json, events, name) => {
    const text = last && frame?.name === name ? textIn(frame, json) : undefined;
    if (text !== undefined && last !== undefined) {
      const { candidate, part, kind } = last;
      events.push({ kind: 'part_delta', candidate, part, delta: { kind, text } });
      inVain = 0;
      return;
    }
    const from = events.length;
    readInFull(json, events, name);
    learn(json, events.length === from + 1 ? events[from] : undefined, name);
  };
}

/** Errors: undefined for an event that differs in more than its text, or has none. */
function textIn(frame: Frame, json: string): string | undefined {
  const { before } = frame;
  if (!hasAt(json, 0, before)) return undefined;
  let end = before.length;
  let isPlain = true;
  for (let code = json.charCodeAt(end); code !== QUOTE; code = json.charCodeAt(end)) {
    // There is no code behind the end.
    if (!(code >= SPACE)) return undefined;
    if (code === BACKSLASH) isPlain = false;
    end += code === BACKSLASH ? 2 : 1;
  }
  if (end === before.length || !endsAs(frame, json, end + 1)) return undefined;
  return isPlain ? json.slice(before.length, end) : unescaped(json.slice(before.length - 1, end + 1));
}

/** Errors: undefined where it is not certain where the text stands. */
function frameOf(json: string, text: string, name: string): Frame | undefined {
  if (json.length - text.length > MAX_AROUND) return undefined;
  const token = `"${text}"`;
  const at = json.indexOf(token);
  if (at === -1 || json.includes(token, at + 1) || json.includes('\\')) return undefined;
  let end = json.length;
  while (CLOSING.includes(json.charAt(end - 1))) end -= 1;
  const rest = json.slice(at + token.length, end);
  const padding = PADDING.exec(rest)?.[1];
  return {
    name,
    before: json.slice(0, at + 1),
    after: padding === undefined ? rest : rest.slice(0, -padding.length),
    isPadded: padding !== undefined,
    closing: json.slice(end).replaceAll(' ', ''),
  };
}

/** Whether what follows the text is as it was, but for padding. */
function endsAs({ after, isPadded, closing }: Frame, json: string, from: number): boolean {
  if (!hasAt(json, from, after)) return false;
  let at = from + after.length;
  if (isPadded) {
    if (json.charCodeAt(at) !== QUOTE) return false;
    at += 1;
    for (let code = json.charCodeAt(at); code !== QUOTE; code = json.charCodeAt(at)) {
      if (!(code >= SPACE) || code === BACKSLASH) return false;
      at += 1;
    }
    at += 1;
  }
  let closed = 0;
  for (; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === closing.charCodeAt(closed)) closed += 1;
    else if (code !== SPACE) return false;
  }
  return closed === closing.length;
}

/** What `startsWith` tells, which compares one character at a time. */
function hasAt(json: string, at: number, part: string): boolean {
  return json.slice(at, at + part.length) === part;
}

/** Errors: undefined for what is no JSON. */
function unescaped(token: string): string | undefined {
  try {
    return JSON.parse(token) as string;
  } catch {
    return undefined;
  }
}
