/**
 * JSON whose integers keep their digits: Node makes numbers above 2^53 of another value, and clients send such ids to their
 * tools. Where a text has one, it is read as a text that no one else can have written, and written as the number again,
 * even inside of the text of a tool call's arguments.
 */
import { randomBytes } from 'node:crypto';
import type { JsonValue } from './conversation.ts';

/** Starts with a character that plain texts do not hold, so that most are not searched for it. */
const MARK = `\uE000${randomBytes(12).toString('hex')}:`;
const MARKED = new RegExp(String.raw`\\*"${MARK}(-?\d+)\\*"`, 'g');
/** A text, or an integer of many digits. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\w.+-])-?\d{16,}(?![\d.eE])/gs;
const LEAST_DIGITS = 16;

/** Errors: SyntaxError. */
export function parseExact(text: string): JsonValue {
  return JSON.parse(hasManyDigits(text) ? text.replace(TOKEN, markOf) : text) as JsonValue;
}

/** Text of JSON as it is to leave. */
export function exactText(text: string): string {
  return text.includes(MARK) ? text.replace(MARKED, '$1') : text;
}

/** The number that a text stands for, undefined for any other text. */
export function markedNumber(value: string): number | undefined {
  return value.startsWith(MARK) ? Number(value.slice(MARK.length)) : undefined;
}

function markOf(token: string): string {
  return token.startsWith('"') || Number.isSafeInteger(Number(token)) ? token : `"${MARK}${token}"`;
}

/** Looks at each 16th character: a run of as many digits cannot lie between two of them. */
function hasManyDigits(text: string): boolean {
  for (let at = LEAST_DIGITS - 1; at < text.length; at += LEAST_DIGITS) {
    if (!isDigit(text, at)) continue;
    let from = at;
    let to = at + 1;
    while (isDigit(text, from - 1)) from -= 1;
    while (isDigit(text, to)) to += 1;
    if (to - from >= LEAST_DIGITS) return true;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}
