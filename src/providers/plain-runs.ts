/**
 * Runs of plain messages in the bytes of a request: by turns a user's and the assistant's, each a text and nothing else. Most
 * of a long conversation is that. They are found without parsing, four bytes at a time where there is nothing to see.
 */

/** Role of a message: 0 is the user, 1 the assistant. */
export type Side = 0 | 1;

export interface PlainRun {
  readonly style: Style;
  /** Who says the first message. */
  readonly first: Side;
  /** Bounds in the body. */
  readonly start: number;
  readonly end: number;
  /** Bounds of the texts without their quotes: start and end in turn. Shape: what `JSON.stringify` would write. */
  readonly texts: readonly number[];
}

/** A way to write plain messages: their constant parts, by role. */
export interface Style {
  readonly heads: readonly [Uint8Array, Uint8Array];
  readonly tails: readonly [Uint8Array, Uint8Array];
  readonly comma: Uint8Array;
  /** From the text of a message of that role to the text of the next one. */
  readonly joints: readonly [Words, Words];
}

/** Bytes to be compared four at a time. */
interface Words {
  readonly length: number;
  readonly words: Int32Array;
  /** The last four bytes, which overlap with the others. */
  readonly last: number;
}

const FORMS = [
  '{"role":"ROLE","content":"TEXT"}',
  '{"role":"ROLE","content":[{"type":"text","text":"TEXT"}]}',
  '{"content":"TEXT","role":"ROLE"}',
];
/** Without blanks, and with those that Python's `json` puts there by itself. */
const STYLES = FORMS.flatMap((form) => [
  styleOf(form, ','),
  styleOf(form.replaceAll('":', '": ').replaceAll(',"', ', "'), ', '),
]);
/** What messages begin with. */
const OPENINGS = ['{"role":', '{"content":'] as const;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANK = 0x20;
const LETTER_U = 0x75;
/** Letters behind a backslash in what `JSON.stringify` writes, and those of them that stand for white space. */
const ESCAPES = bytesOf('"\\bfnrt');
const WHITE_ESCAPES = bytesOf('fnrt');
/** First bytes of characters some of which are white space. */
const WHITE_LEADS = new Set([0xc2, 0xe1, 0xe2, 0xe3, 0xef]);
/** Control characters that have no letter, by the rest of their escapes. */
const CONTROLS = new Set(
  Array.from({ length: 32 }, (_, code) => JSON.stringify(String.fromCharCode(code)).slice(3, -1)).filter(Boolean),
);

function bytesOf(text: string): ReadonlySet<number> {
  return new Set(Buffer.from(text));
}

function styleOf(form: string, comma: string): Style {
  const partsOf = (role: string): string[] => form.replace('ROLE', role).split('TEXT');
  const [userHead = '', userTail = ''] = partsOf('user');
  const [assistantHead = '', assistantTail = ''] = partsOf('assistant');
  return {
    heads: [Buffer.from(userHead), Buffer.from(assistantHead)],
    tails: [Buffer.from(userTail), Buffer.from(assistantTail)],
    comma: Buffer.from(comma),
    joints: [wordsOf(userTail + comma + assistantHead), wordsOf(assistantTail + comma + userHead)],
  };
}

function wordsOf(text: string): Words {
  const bytes = Buffer.from(text);
  const words = Int32Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readInt32LE(4 * i));
  return { length: bytes.length, words, last: bytes.readInt32LE(bytes.length - 4) };
}

/** The runs of a body, in their order. Shape: `bytes` is UTF-8. */
export function findPlainRuns(bytes: Buffer): PlainRun[] {
  const runs: PlainRun[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [usual, other] = OPENINGS;
  const first = bytes.indexOf(usual);
  const isOther = bytes.subarray(0, first === -1 ? bytes.length : first).includes(other);
  const opening = isOther ? other : usual;
  for (let at = isOther ? bytes.indexOf(other) : first; at !== -1; ) {
    const run = runAt(view, at);
    if (run !== undefined) runs.push(run);
    at = bytes.indexOf(opening, run?.end ?? at + 1);
  }
  return runs;
}

function runAt(view: DataView, start: number): PlainRun | undefined {
  for (const style of STYLES) {
    const first = style.heads.findIndex((head) => holds(view, start, head));
    if (first !== -1) return readRun(view, start, style, first === 0 ? 0 : 1);
  }
  return undefined;
}

function readRun(view: DataView, start: number, style: Style, first: Side): PlainRun | undefined {
  const texts: number[] = [];
  let side = first;
  let from = start + style.heads[side].length;
  for (let goesOn = true; goesOn; ) {
    const to = endOfText(view, from);
    if (to === -1) break;
    const joint = style.joints[side];
    goesOn = holdsWords(view, to, joint);
    if (!goesOn && !holds(view, to, style.tails[side])) break;
    texts.push(from, to);
    from = to + joint.length;
    side = side === 0 ? 1 : 0;
  }
  side = side === 0 ? 1 : 0;
  // What the assistant said last is not always taken with the white space at its end.
  if (side === 1 && texts.length > 0 && !endsVisibly(view, texts.at(-1) ?? 0)) {
    texts.length -= 2;
    side = 0;
  }
  const end = texts.at(-1);
  return end === undefined ? undefined : { style, first, start, end: end + style.tails[side].length, texts };
}

function holds(view: DataView, at: number, bytes: Uint8Array): boolean {
  return at + bytes.length <= view.byteLength && bytes.every((byte, i) => view.getUint8(at + i) === byte);
}

function holdsWords(view: DataView, at: number, { length, words, last }: Words): boolean {
  if (at + length > view.byteLength || view.getInt32(at + length - 4, true) !== last) return false;
  for (let i = 0; i < words.length; i++) if (view.getInt32(at + 4 * i, true) !== words[i]) return false;
  return true;
}

/** Where the quote behind a text is; -1 where the text is blank, or `JSON.stringify` would write it in another way. */
function endOfText(view: DataView, start: number): number {
  for (let at = firstVisible(view, start); at !== -1; ) {
    at = nextSpecial(view, at);
    const byte = at === -1 ? 0 : view.getUint8(at);
    if (byte === QUOTE) return at;
    const size = byte === BACKSLASH ? escapeSize(view, at) : 0;
    if (size === 0) return -1;
    at += size;
  }
  return -1;
}

/** The next quote, backslash or control character, looked for four bytes at a time; -1 where there is none. */
function nextSpecial(view: DataView, start: number): number {
  const last = view.byteLength - 4;
  for (let at = start; at <= last; at += 4) {
    const word = view.getInt32(at, true);
    // The topmost bit of the first byte that is one of them, and perhaps of some behind it.
    const less = ((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101) | (word - 0x20202020);
    const found = less & ~word & 0x80808080;
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >> 3);
  }
  return -1;
}

/** Where a text says something; -1 where that is not clear. */
function firstVisible(view: DataView, start: number): number {
  for (let at = start; at < view.byteLength; ) {
    const byte = view.getUint8(at);
    if (byte === BACKSLASH) {
      if (at + 1 === view.byteLength || !WHITE_ESCAPES.has(view.getUint8(at + 1))) return -1;
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
  if (ESCAPES.has(letter)) return 2;
  if (letter !== LETTER_U) return 0;
  const digits = String.fromCharCode(...[2, 3, 4, 5].map((i) => view.getUint8(at + i)));
  return CONTROLS.has(digits) ? 6 : 0;
}

/** Whether a byte begins a character that is not white space, for sure. */
function isVisible(byte: number): boolean {
  return byte < 0x80 ? byte > BLANK : byte > 0xc0 && !WHITE_LEADS.has(byte);
}

/** Whether the text in front of a quote ends with a character that is not white space, for sure. */
function endsVisibly(view: DataView, end: number): boolean {
  let at = end - 1;
  while ((view.getUint8(at) & 0xc0) === 0x80) at -= 1;
  if (!isVisible(view.getUint8(at))) return false;
  // It may be the end of an escape, which has six bytes at most.
  for (let before = at - 5; before < at; before++) if (view.getUint8(before) === BACKSLASH) return false;
  return true;
}
