/**
 * A way around most of the work of large bodies. Runs of plain messages are left out, and a few that stand for them go through
 * the translation in their place. What it wrote of those shows how it writes such messages, and all of them are put
 * there with their bytes. So no conversion knows of it, and a request that turns out otherwise is translated as a whole.
 */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { AssistantPart, ConversationRequest, UserPart } from './conversation.ts';
import { findPlainRuns, type PlainRun } from './plain-runs.ts';

export interface Shortened {
  readonly body: Buffer;
  /** Whether each stand-in is a text of the conversation, and not part of something whose text means something. */
  readonly isSaid: (request: ConversationRequest) => boolean;
  /** The whole body out of what was written of the short one. Errors: undefined where that cannot be told. */
  readonly restore: (written: Buffer) => Buffer | undefined;
}

/** Below it, the translation as a whole is as fast. */
const LEAST_BYTES = 600;
/** What the stand-ins of a run have to save. */
const LEAST_SAVED = 300;
const MAX_RUNS = 100;
/** Up to here, messages of a run are stood for one by one. */
const FEW = 5;
/** From here on a copy by the machine is faster than one by words. */
const LONG = 200;
/** Bytes of a word. The last one of a copy goes beyond its end. */
const WORD = 8;

/** Texts that no one else can have written. Shape: letters, then a number of fixed width. */
const MARK = randomBytes(16)
  .toString('base64')
  .replace(/[^a-z]/gi, 'x');
const FIRST_NUMBER = 1_000_000;
const MARK_BYTES = Buffer.from(MARK);
const STAND_IN_SIZE = MARK.length + String(FIRST_NUMBER).length;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Errors: undefined where there is nothing to gain. */
export function shorten(bytes: Uint8Array): Shortened | undefined {
  if (bytes.length < LEAST_BYTES || !isUtf8(bytes)) return undefined;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const runs = findPlainRuns(body).filter(isWorthIt).slice(0, MAX_RUNS);
  if (runs.length === 0) return undefined;
  const counts = runs.map(standInsOf);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    body: shortBody(body, runs),
    isSaid: (request) => saidStandIns(request) === total,
    restore: (written) => restore(written, body, runs, total),
  };
}

/** How many stand for a run: as many as show twice how it goes on, and end with the same role. */
function standInsOf({ texts }: PlainRun): number {
  const count = texts.length / 2;
  return count <= FEW ? count : FEW - ((count + FEW) % 2);
}

function isWorthIt(run: PlainRun): boolean {
  return run.end - run.start - 60 * standInsOf(run) > LEAST_SAVED;
}

function shortBody(body: Buffer, runs: readonly PlainRun[]): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  let number = FIRST_NUMBER;
  for (const run of runs) {
    const { style, first, start, end } = run;
    parts.push(body.subarray(at, start));
    for (let i = 0, count = standInsOf(run); i < count; i++) {
      const side = (first + i) % 2 === 0 ? 0 : 1;
      if (i > 0) parts.push(style.comma);
      parts.push(style.heads[side], Buffer.from(`${MARK}${number++}`), style.tails[side]);
    }
    at = end;
  }
  parts.push(body.subarray(at));
  return Buffer.concat(parts);
}

function saidStandIns({ system, messages }: ConversationRequest): number {
  let count = 0;
  for (const { parts } of messages) for (const part of parts) if (isStandIn(part)) count += 1;
  for (const part of system) if (isStandIn(part)) count += 1;
  return count;
}

function isStandIn(part: UserPart | AssistantPart): boolean {
  return part.kind === 'text' && part.text.length === STAND_IN_SIZE && part.text.startsWith(MARK);
}

/** A part of what was written, and what stands there instead: texts of the body, with joints between them. */
interface Piece {
  readonly start: number;
  readonly end: number;
  /** As those of a run. */
  readonly texts: readonly number[];
  /** Bounds in what was written, of what follows the first text, and of what follows the second. */
  readonly joints: readonly [Bounds, Bounds];
}

type Bounds = readonly [start: number, end: number];

const NOTHING: Bounds = [0, 0];

function restore(written: Buffer, body: Buffer, runs: readonly PlainRun[], total: number): Buffer | undefined {
  const places = placesOf(written, total);
  if (places === undefined) return undefined;
  const pieces: Piece[] = [];
  let first = 0;
  for (const run of runs) {
    const count = standInsOf(run);
    const own = piecesOf(run, places.slice(first, first + count), written);
    if (own === undefined) return undefined;
    pieces.push(...own);
    first += count;
  }
  pieces.sort((a, b) => a.start - b.start);
  if (pieces.some(({ start }, i) => start < (pieces[i - 1]?.end ?? 0))) return undefined;
  return filled(written, body, pieces);
}

/** Where each stand-in is, by its number. Errors: undefined where one is missing, there twice, or in a longer text. */
function placesOf(written: Buffer, total: number): readonly number[] | undefined {
  const places: number[] = [];
  let count = 0;
  for (let at = written.indexOf(MARK_BYTES); at !== -1; at = written.indexOf(MARK_BYTES, at + STAND_IN_SIZE)) {
    const isWhole = written[at - 1] === QUOTE && written[at - 2] !== BACKSLASH && written[at + STAND_IN_SIZE] === QUOTE;
    const number = Number(written.toString('latin1', at + MARK.length, at + STAND_IN_SIZE)) - FIRST_NUMBER;
    if (!isWhole || places[number] !== undefined) return undefined;
    places[number] = at;
    count += 1;
  }
  return count === total && places.length === total ? places : undefined;
}

function piecesOf(run: PlainRun, places: readonly number[], written: Buffer): Piece[] | undefined {
  const { texts } = run;
  if (texts.length === 2 * places.length) {
    return places.map((start, i) => ({
      start,
      end: start + STAND_IN_SIZE,
      texts: texts.slice(2 * i, 2 * i + 2),
      joints: [NOTHING, NOTHING],
    }));
  }
  const joints = places.slice(1).map((next, i): Bounds => [(places[i] ?? 0) + STAND_IN_SIZE, next]);
  const [one = NOTHING, other = NOTHING] = joints;
  const isRegular = joints.every((joint, i) => areSame(written, joint, i % 2 === 0 ? one : other));
  if (!isRegular) return undefined;
  return [{ start: places[0] ?? 0, end: (places.at(-1) ?? 0) + STAND_IN_SIZE, texts, joints: [one, other] }];
}

function areSame(written: Buffer, [start, end]: Bounds, [otherStart, otherEnd]: Bounds): boolean {
  return start < end && written.subarray(start, end).equals(written.subarray(otherStart, otherEnd));
}

function filled(written: Buffer, body: Buffer, pieces: readonly Piece[]): Buffer {
  const size = pieces.reduce((sum, piece) => sum + sizeOf(piece) - (piece.end - piece.start), written.length);
  const target = Buffer.allocUnsafe(size + WORD);
  const from = { body: viewOf(body), written: viewOf(written) };
  const to = viewOf(target);
  let at = 0;
  let read = 0;
  for (const { start, end, texts, joints } of pieces) {
    target.set(written.subarray(read, start), at);
    at += start - read;
    for (let i = 0; i < texts.length; i += 2) {
      if (i > 0) at = copyWords(from.written, joints[i % 4 === 2 ? 0 : 1], to, at);
      const [textStart = 0, textEnd = 0] = [texts[i], texts[i + 1]];
      if (textEnd - textStart < LONG && textEnd + WORD <= body.length) {
        at = copyWords(from.body, [textStart, textEnd], to, at);
      } else {
        target.set(body.subarray(textStart, textEnd), at);
        at += textEnd - textStart;
      }
    }
    read = end;
  }
  target.set(written.subarray(read), at);
  return target.subarray(0, size);
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

function sizeOf({ texts, joints: [one, other] }: Piece): number {
  let size = 0;
  for (let i = 0; i < texts.length; i += 2) size += (texts[i + 1] ?? 0) - (texts[i] ?? 0);
  const gaps = texts.length / 2 - 1;
  return size + Math.ceil(gaps / 2) * (one[1] - one[0]) + Math.floor(gaps / 2) * (other[1] - other[0]);
}

/**
 * Gives the offset behind what was copied; the rest of a word is written behind it. Words are copied as numbers, of which no
 * bits are lost: bytes that follow each other in UTF-8 never make what is not a number.
 */
function copyWords(source: DataView, [start, end]: Bounds, target: DataView, to: number): number {
  for (let from = start, at = to; from < end; from += WORD, at += WORD) {
    target.setFloat64(at, source.getFloat64(from, true), true);
  }
  return to + end - start;
}
