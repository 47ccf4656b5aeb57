/** Texts in the bytes of JSON: where they end, and whether their bytes can stay as they are. */

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANK = 0x20;
const LETTER_U = 0x75;
/** By the letter behind a backslash: 1 in what `JSON.stringify` writes. */
const LETTERS = new Uint8Array(256);
for (const letter of Buffer.from('"\\bfnrt')) LETTERS[letter] = 1;
/** Those of them that stand for white space. */
const WHITE_LETTERS = new Set(Buffer.from('fnrt'));
/** First bytes of characters some of which are white space. */
const WHITE_LEADS = new Set([0xc2, 0xe1, 0xe2, 0xe3, 0xef]);
/** Control characters that have no letter, by the rest of their escapes. */
const CONTROLS = new Set(
  Array.from({ length: 32 }, (_, code) => JSON.stringify(String.fromCharCode(code)).slice(3, -1)).filter(Boolean),
);

/** Whether some bytes stand at a place. */
export function holds(view: DataView, at: number, bytes: Uint8Array): boolean {
  return at + bytes.length <= view.byteLength && bytes.every((byte, i) => view.getUint8(at + i) === byte);
}

/**
 * Where the quote behind a text is; -1 where the text is blank, or `JSON.stringify` would write it in another way. Looks at four
 * bytes at a time.
 */
export function endOfText(view: DataView, start: number): number {
  const last = view.byteLength - 4;
  let at = firstVisible(view, start);
  if (at === -1) return -1;
  while (at <= last) {
    const word = view.getInt32(at, true);
    // The topmost bit of the first byte that is a quote, a backslash or a control character, and perhaps of some behind it.
    const less = ((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101) | (word - 0x20202020);
    const found = less & ~word & 0x80808080;
    if (found === 0) {
      at += 4;
      continue;
    }
    at += (31 - Math.clz32(found & -found)) >> 3;
    const byte = view.getUint8(at);
    if (byte === QUOTE) return at;
    const size = byte === BACKSLASH ? escapeSize(view, at) : 0;
    if (size === 0) return -1;
    at += size;
  }
  return -1;
}

/** Where a text says something; -1 where that is not clear. */
function firstVisible(view: DataView, start: number): number {
  for (let at = start; at < view.byteLength; ) {
    const byte = view.getUint8(at);
    if (byte === BACKSLASH) {
      if (at + 1 === view.byteLength || !WHITE_LETTERS.has(view.getUint8(at + 1))) return -1;
      at += 2;
    } else if (isVisible(byte)) return byte === QUOTE ? -1 : at;
    else if (byte < BLANK) return -1;
    else at += 1;
  }
  return -1;
}

/** Bytes of an escape that `JSON.stringify` writes; 0 for any other. */
function escapeSize(view: DataView, at: number): number {
  if (at + 6 > view.byteLength) return 0;
  const letter = view.getUint8(at + 1);
  if (LETTERS[letter] === 1) return 2;
  if (letter !== LETTER_U) return 0;
  const digits = String.fromCharCode(...[2, 3, 4, 5].map((i) => view.getUint8(at + i)));
  return CONTROLS.has(digits) ? 6 : 0;
}

/** Whether a byte begins a character that is not white space, for sure. */
function isVisible(byte: number): boolean {
  return byte < 0x80 ? byte > BLANK : byte > 0xc0 && !WHITE_LEADS.has(byte);
}

/** Whether the text in front of a quote ends with a character that is not white space, for sure. */
export function endsVisibly(view: DataView, end: number): boolean {
  let at = end - 1;
  while ((view.getUint8(at) & 0xc0) === 0x80) at -= 1;
  const byte = view.getUint8(at);
  if (!isVisible(byte)) return false;
  // It may be the end of an escape, which has six bytes at most.
  let slash = at - 1;
  while (slash > at - 6 && view.getUint8(slash) !== BACKSLASH) slash -= 1;
  let slashes = 0;
  while (view.getUint8(slash - slashes) === BACKSLASH) slashes += 1;
  const isEscape = slashes % 2 === 1 && slash + escapeSize(view, slash) > at;
  return !isEscape || byte === QUOTE || byte === BACKSLASH;
}
