/** Puts what was left out of a body into what was written of the rest. */
import { type Left, standInsOf } from './left-out.ts';
import type { Bounds } from './long-texts.ts';
import { placesOf, STAND_IN_SIZE } from './stand-in-texts.ts';

/** From here on a copy by the machine is faster than one by words. */
const LONG = 200;
/** Bytes of a word. The last one of a copy goes beyond its end. */
const WORD = 8;

/** A part of what was written, and what stands there instead: texts of the body, with joints between them. */
interface Piece {
  readonly start: number;
  readonly end: number;
  /** As those of a run. */
  readonly texts: readonly number[];
  /** Bounds in what was written, of what follows the first text, and of what follows the second. */
  readonly joints: readonly [Bounds, Bounds];
}

const NONE: Bounds = [0, 0];

/** The whole body out of what was written of the short one. Errors: undefined where that cannot be told. */
export function restore(written: Buffer, body: Buffer, left: readonly Left[], total: number): Buffer | undefined {
  const places = placesOf(written, total);
  if (places === undefined) return undefined;
  const pieces: Piece[] = [];
  let first = 0;
  for (const run of left) {
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

function piecesOf(run: Left, places: readonly number[], written: Buffer): Piece[] | undefined {
  const { texts } = run;
  if (texts.length === 2 * places.length) {
    return places.map((start, i) => ({
      start,
      end: start + STAND_IN_SIZE,
      texts: texts.slice(2 * i, 2 * i + 2),
      joints: [NONE, NONE],
    }));
  }
  const joints = places.slice(1).map((next, i): Bounds => [(places[i] ?? 0) + STAND_IN_SIZE, next]);
  const [one = NONE, other = NONE] = joints;
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
