/** Long texts in the bytes of a request, wherever they are: files, results of tools, images. */
import { endOfText, endsVisibly } from './json-bytes.ts';

/** Each so many bytes it is asked whether a text goes on there, so that of shorter ones not all are found. */
const STEP = 4096;
/** Below it, to read and write a text costs little. */
const LONG = 2000;
/** What is between the name of a member and a text: these quotes can be nothing else, since quotes in a text have a backslash. */
const OPENINGS = ['":"', '": "'];
/** Members that hold what is said. */
const SAID = /"(?:content|text|system|instructions|input|output|data)": ?"$/;
const LONGEST_NAME = 24;
const DATA_URI = /^data:[^,]*;base64,/;
const LONGEST_TYPE = 120;

export type Bounds = readonly [start: number, end: number];

/** The long texts between two places outside of texts. Shape: as `endOfText` has them, visible to the end. */
export function findLongTexts(bytes: Buffer, view: DataView, from: number, to: number): Bounds[] {
  const found: Bounds[] = [];
  let vain = 0;
  let before = from;
  for (let at = from + STEP; at < to; at = before + STEP) {
    // What begins further ahead was there at the last step too.
    const start = startIn(bytes, before, at);
    const end = start === -1 ? -1 : endOfText(view, start);
    const isLong = end > at && end < to && end - start >= LONG && endsVisibly(view, end);
    if (isLong) found.push([start, end]);
    else if (++vain > bytes.length / STEP / 4) break;
    before = isLong ? end : at;
  }
  return found;
}

/** Where the last text between two places begins, if it may be left out: behind the type of a data URI; -1 for another one. */
function startIn(bytes: Buffer, from: number, to: number): number {
  const some = bytes.subarray(from, to);
  let start = -1;
  for (const opening of OPENINGS) {
    const at = some.lastIndexOf(opening);
    if (at !== -1) start = Math.max(start, from + at + opening.length);
  }
  if (start === -1) return -1;
  const type = DATA_URI.exec(bytes.toString('latin1', start, start + LONGEST_TYPE));
  if (type !== null) return start + type[0].length;
  return SAID.test(bytes.toString('latin1', Math.max(0, start - LONGEST_NAME), start)) ? start : -1;
}
