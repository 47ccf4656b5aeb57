/**
 * Paths of keys that some object of a JSON text holds more than once, in order of appearance.
 * Shape: `text` must be valid JSON (JSON.parse keeps the last of two equal keys and cannot tell).
 */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  readValue(text, skipBlanks(text, 0), '', found);
  return found;
}

const BLANKS = new Set([' ', '\n', '\r', '\t']);

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (BLANKS.has(text[at] ?? '')) at++;
  return at;
}

function readValue(text: string, at: number, path: string, found: string[]): number {
  if (text[at] === '{') return readObject(text, at, path, found);
  if (text[at] === '[') return readArray(text, at, path, found);
  if (text[at] === '"') return stringEnd(text, at);
  let end = at;
  while (end < text.length && !',]}'.includes(text[end] ?? '')) end++;
  return end;
}

function readObject(text: string, start: number, path: string, found: string[]): number {
  const seen = new Set<string>();
  let at = skipBlanks(text, start + 1);
  while (text[at] === '"') {
    const end = stringEnd(text, at);
    // Parsed, because `"mod\u0065l"` is the same key as `"model"`.
    const key = JSON.parse(text.slice(at, end)) as string;
    const keyPath = path === '' ? key : `${path}.${key}`;
    if (seen.has(key)) found.push(keyPath);
    seen.add(key);
    const colon = skipBlanks(text, end);
    at = skipBlanks(text, readValue(text, skipBlanks(text, colon + 1), keyPath, found));
    if (text[at] === ',') at = skipBlanks(text, at + 1);
  }
  return at + 1;
}

function readArray(text: string, start: number, path: string, found: string[]): number {
  let at = skipBlanks(text, start + 1);
  for (let index = 0; at < text.length && text[at] !== ']'; index++) {
    at = skipBlanks(text, readValue(text, at, `${path === '' ? '' : `${path}.`}${index}`, found));
    if (text[at] === ',') at = skipBlanks(text, at + 1);
  }
  return at + 1;
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}
