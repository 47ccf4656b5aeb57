/**
 * Runs of plain messages in the bytes of a request: by turns a user's and the assistant's, each a text and nothing else. Most
 * of a long conversation is that. They are found without parsing, four bytes at a time where there is nothing to see.
 */
import { endOfText, endsVisibly, holds } from './json-bytes.ts';

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

/** What may be between runs, of a body: to look for them all costs, and where there is much else they are not worth much. */
const MOST_BETWEEN = 1 / 4;

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

/** The runs of a body, in their order. Shape: `bytes` is UTF-8, `view` the same bytes. */
export function findPlainRuns(bytes: Buffer, view: DataView): PlainRun[] {
  const runs: PlainRun[] = [];
  const [usual, other] = OPENINGS;
  const first = bytes.indexOf(usual);
  const isOther = bytes.subarray(0, first === -1 ? bytes.length : first).includes(other);
  const opening = isOther ? other : usual;
  let between = 0;
  let end = 0;
  for (let at = isOther ? bytes.indexOf(other) : first; at !== -1; at = bytes.indexOf(opening, Math.max(at + 1, end))) {
    const run = runAt(view, at);
    if (run !== undefined) {
      runs.push(run);
      between += at - end;
      end = run.end;
    } else if (between + at - end > bytes.length * MOST_BETWEEN) break;
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

function holdsWords(view: DataView, at: number, { length, words, last }: Words): boolean {
  if (at + length > view.byteLength || view.getInt32(at + length - 4, true) !== last) return false;
  for (let i = 0; i < words.length; i++) if (view.getInt32(at + 4 * i, true) !== words[i]) return false;
  return true;
}
