/** One way a pattern can match: a literal, tied to the start or the end of the text or to neither. */
export interface LiteralMatch {
  readonly start: boolean;
  readonly literal: string;
  readonly end: boolean;
}

/** A character, or an assertion at the start or the end, or `.*`. */
type Atom = { readonly char: string } | 'start' | 'end' | 'any';

const MAX_WAYS = 256;
const META = new Set('.*+?()[]{}|^$\\');

interface Reader {
  readonly pattern: string;
  at: number;
}

class NotLiteral extends Error {}

/**
 * Takes an RE2 pattern apart that is no more than literals, alternatives, `^`, `$` and an idle `.*` at an end. Shape:
 * the literals of which one must be found. Errors: `undefined` for every other pattern, for Lua has no RE2.
 */
export function literalMatches(pattern: string): LiteralMatch[] | undefined {
  const reader: Reader = { pattern: [...pattern].join(''), at: 0 };
  try {
    const ways = alternatives(reader);
    return reader.at === reader.pattern.length ? ways.map(toMatch) : undefined;
  } catch (error) {
    if (error instanceof NotLiteral) return undefined;
    throw error;
  }
}

function alternatives(reader: Reader): Atom[][] {
  const ways = sequence(reader);
  while (reader.pattern[reader.at] === '|') {
    reader.at++;
    ways.push(...sequence(reader));
  }
  return ways;
}

function sequence(reader: Reader): Atom[][] {
  let ways: Atom[][] = [[]];
  while (reader.at < reader.pattern.length) {
    const next = reader.pattern[reader.at];
    if (next === '|' || next === ')') break;
    const parts = next === '(' ? group(reader) : [[atom(reader)]];
    ways = ways.flatMap((way) => parts.map((part) => [...way, ...part]));
    if (ways.length > MAX_WAYS) throw new NotLiteral();
  }
  return ways;
}

function group(reader: Reader): Atom[][] {
  reader.at += reader.pattern.startsWith('(?:', reader.at) ? 3 : 1;
  if (reader.pattern[reader.at] === '?') throw new NotLiteral();
  const ways = alternatives(reader);
  if (reader.pattern[reader.at] !== ')') throw new NotLiteral();
  reader.at++;
  refuseQuantifier(reader);
  return ways;
}

function atom(reader: Reader): Atom {
  if (reader.pattern.startsWith('.*', reader.at)) {
    reader.at += 2;
    refuseQuantifier(reader);
    return 'any';
  }
  const c = reader.pattern[reader.at] ?? '';
  reader.at++;
  let read: Atom = { char: c };
  if (c === '^') read = 'start';
  else if (c === '$') read = 'end';
  else if (c === '\\') {
    const escaped = reader.pattern[reader.at] ?? '';
    // Only escaped punctuation stands for itself; `\d`, `\b`, `\Q` and the like mean something.
    if (!/[!-/:-@[-`{-~]/.test(escaped)) throw new NotLiteral();
    reader.at++;
    read = { char: escaped };
  } else if (META.has(c)) throw new NotLiteral();
  refuseQuantifier(reader);
  return read;
}

function refuseQuantifier(reader: Reader): void {
  const next = reader.pattern[reader.at] ?? '';
  if (next !== '' && '*+?{'.includes(next)) throw new NotLiteral();
}

function toMatch(way: readonly Atom[]): LiteralMatch {
  let from = 0;
  let to = way.length;
  const start = way[from] === 'start';
  if (start) from++;
  // `.*` next to no anchor asks for nothing; next to one it would, because `.` takes no newline.
  else if (way[from] === 'any') from++;
  const end = to > from && way[to - 1] === 'end';
  if (end) to--;
  else if (to > from && way[to - 1] === 'any') to--;
  let literal = '';
  for (const one of way.slice(from, to)) {
    if (typeof one === 'string') throw new NotLiteral();
    literal += one.char;
  }
  return { start, literal, end };
}
