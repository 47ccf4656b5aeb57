/** What of a body is left out of its translation: runs of plain messages, and long texts by themselves. */
import { findLongTexts } from './long-texts.ts';
import { findPlainRuns, type PlainRun, type Style } from './plain-runs.ts';

/** Shape: a text by itself is a run of one, without anything around it. */
export type Left = Omit<PlainRun, 'style'> & { readonly style: Pick<Style, 'heads' | 'tails' | 'comma'> };

/** What the stand-ins of a run have to save, and those of a body for each of its bytes. */
const LEAST_SAVED = 300;
const LEAST_SHARE = 1 / 8;
const MOST = 2000;
/** Up to here, messages of a run are stood for one by one. */
const FEW = 5;
/** Bytes of a stand-in with what is around it, more or less. */
const STAND_IN = 60;

const NOTHING = Buffer.alloc(0);
const ALONE: Left['style'] = { heads: [NOTHING, NOTHING], tails: [NOTHING, NOTHING], comma: NOTHING };

/** In their order; none where it would not be worth the effort. Shape: `body` is UTF-8. */
export function findLeft(body: Buffer): Left[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const left: Left[] = [];
  let at = 0;
  for (const run of findPlainRuns(body, view)) {
    if (savedBy(run) < LEAST_SAVED) continue;
    left.push(...textsOf(body, view, at, run.start), run);
    at = run.end;
  }
  left.push(...textsOf(body, view, at, body.length));
  left.length = Math.min(left.length, MOST);
  const saved = left.reduce((sum, one) => sum + savedBy(one), 0);
  return saved < body.length * LEAST_SHARE ? [] : left;
}

function textsOf(body: Buffer, view: DataView, from: number, to: number): Left[] {
  return findLongTexts(body, view, from, to).map((texts) => {
    const [start, end] = texts;
    return { style: ALONE, first: 0, start, end, texts };
  });
}

/** How many stand for a run: as many as show twice how it goes on, and end with the same role. */
export function standInsOf({ texts }: Left): number {
  const count = texts.length / 2;
  return count <= FEW ? count : FEW - ((count + FEW) % 2);
}

function savedBy(one: Left): number {
  return one.end - one.start - STAND_IN * standInsOf(one);
}
