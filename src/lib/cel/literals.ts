import { CelSyntaxError } from './ast.ts';

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  "'": "'",
  '\\': '\\',
  '?': '?',
  '`': '`',
};

const ESCAPE = /\\(?:([abfnrtv"'\\?`])|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

/** Reads the inside of a string literal. Errors: throws `CelSyntaxError` for an escape that CEL does not have. */
export function stringLiteral(body: string, raw: boolean, at: number): string {
  if (raw) return body;
  return decodeEscapes(body, at, (code) => String.fromCodePoint(code), true).join('');
}

/** Reads the inside of a bytes literal: characters as UTF-8, `\x` and octal escapes as single bytes. */
export function bytesLiteral(body: string, raw: boolean, at: number): Uint8Array {
  if (raw) return Buffer.from(body);
  const parts = decodeEscapes<Buffer | string>(body, at, (code) => Buffer.of(code), false);
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

function decodeEscapes<T>(body: string, at: number, ofCode: (code: number) => T, unicode: boolean): (T | string)[] {
  const out: (T | string)[] = [];
  let i = 0;
  while (i < body.length) {
    const next = body.indexOf('\\', i);
    if (next !== i) {
      out.push(body.slice(i, next === -1 ? undefined : next));
      if (next === -1) break;
      i = next;
    }
    ESCAPE.lastIndex = i;
    const match = ESCAPE.exec(body);
    if (!match) throw new CelSyntaxError('the escape sequence is not valid', at + i);
    out.push(escaped(match, at + i, ofCode, unicode));
    i += match[0].length;
  }
  return out;
}

function escaped<T>(match: RegExpExecArray, at: number, ofCode: (code: number) => T, unicode: boolean): T | string {
  const [, simple, hex, octal, short, long] = match;
  if (simple !== undefined) return SIMPLE[simple] ?? simple;
  if (hex !== undefined) return ofCode(Number.parseInt(hex, 16));
  if (octal !== undefined) return ofCode(Number.parseInt(octal, 8));
  const code = Number.parseInt(short ?? long ?? '', 16);
  if (!unicode) throw new CelSyntaxError('a bytes literal takes no Unicode escape', at);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    throw new CelSyntaxError('the escape is not a Unicode character', at);
  }
  return String.fromCodePoint(code);
}
