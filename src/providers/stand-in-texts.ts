/** Texts that stand for others, and that nobody else can have written. Shape: letters, then a number of fixed width. */
import { randomBytes } from 'node:crypto';
import { QUOTE } from './json-bytes.ts';

const MARK = randomBytes(16)
  .toString('base64')
  .replace(/[^a-z]/gi, 'x');
const MARK_BYTES = Buffer.from(MARK);
const FIRST_NUMBER = 1_000_000;
export const STAND_IN_SIZE = MARK.length + String(FIRST_NUMBER).length;

export function standInText(number: number): string {
  return `${MARK}${FIRST_NUMBER + number}`;
}

/** The number of the stand-in that a text is; undefined for any other text. */
export function standInNumber(text: string): number | undefined {
  if (text.length !== STAND_IN_SIZE || !text.startsWith(MARK)) return undefined;
  return Number(text.slice(MARK.length)) - FIRST_NUMBER;
}

/**
 * Where each stand-in is in JSON, by its number. Errors: undefined where one is missing, or there twice, or not at the end of a
 * text; there the quote behind it shows that it is in no JSON inside of a text, whose escapes are others.
 */
export function placesOf(written: Buffer, total: number): readonly number[] | undefined {
  const places: number[] = [];
  let count = 0;
  for (let at = written.indexOf(MARK_BYTES); at !== -1; at = written.indexOf(MARK_BYTES, at + STAND_IN_SIZE)) {
    const number = Number(written.toString('latin1', at + MARK.length, at + STAND_IN_SIZE)) - FIRST_NUMBER;
    if (written[at + STAND_IN_SIZE] !== QUOTE || places[number] !== undefined) return undefined;
    places[number] = at;
    count += 1;
  }
  return count === total && places.length === total ? places : undefined;
}
