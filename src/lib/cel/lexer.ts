import { CelSyntaxError } from './ast.ts';
import { bytesLiteral, stringLiteral } from './literals.ts';
import type { CelValue } from './values.ts';

/** One token. `text` is the operator or name; `literal` tokens carry their value, numbers still as text. */
export type Token =
  | { readonly kind: 'op' | 'name'; readonly at: number; readonly text: string }
  | { readonly kind: 'int' | 'uint' | 'double'; readonly at: number; readonly text: string }
  | { readonly kind: 'literal'; readonly at: number; readonly text: string; readonly value: CelValue }
  | { readonly kind: 'end'; readonly at: number; readonly text: '' };

const SKIP = /(?:[\t \r\n\f]+|\/\/[^\n]*)+/y;
const DOUBLE = /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/y;
const INTEGER = /(?:0x[0-9a-fA-F]+|\d+)([uU]?)/y;
const QUOTE = /([bB]?[rR]?)("""|'''|"|')/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const OPERATOR = /(?:==|!=|<=|>=|&&|\|\||[<>[\](){}.,\-!?:+*/%])/y;

/** Splits a CEL expression into tokens. Errors: throws `CelSyntaxError`. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  while (true) {
    at += take(SKIP)?.[0].length ?? 0;
    if (at >= source.length) break;
    const quote = take(QUOTE);
    if (quote) {
      const token = quoted(source, at, quote[1] ?? '', quote[2] ?? '"');
      tokens.push(token);
      at += token.text.length;
      continue;
    }
    const token = numberToken(take, at) ?? wordToken(take, at);
    if (!token) throw new CelSyntaxError(`unexpected character ${JSON.stringify(charAt(source, at))}`, at);
    tokens.push(token);
    at += token.text.length;
  }
  tokens.push({ kind: 'end', at, text: '' });
  return tokens;
}

type Take = (pattern: RegExp) => RegExpExecArray | null;

function numberToken(take: Take, at: number): Token | undefined {
  const double = take(DOUBLE);
  if (double) return { kind: 'double', at, text: double[0] };
  const integer = take(INTEGER);
  if (integer) return { kind: integer[1] === '' ? 'int' : 'uint', at, text: integer[0] };
  return undefined;
}

function wordToken(take: Take, at: number): Token | undefined {
  const name = take(NAME)?.[0];
  if (name === 'true' || name === 'false') {
    return { kind: 'literal', at, text: name, value: { kind: 'bool', value: name === 'true' } };
  }
  if (name === 'null') return { kind: 'literal', at, text: name, value: { kind: 'null' } };
  if (name !== undefined) return { kind: name === 'in' ? 'op' : 'name', at, text: name };
  const operator = take(OPERATOR);
  return operator ? { kind: 'op', at, text: operator[0] } : undefined;
}

function quoted(source: string, at: number, prefix: string, quote: string): Token & { kind: 'literal' } {
  const start = at + prefix.length + quote.length;
  const raw = /r/i.test(prefix);
  const end = closingQuote(source, start, quote, raw);
  if (end === undefined) throw new CelSyntaxError('the string is not closed', at);
  const body = source.slice(start, end);
  const textOf = source.slice(at, end + quote.length);
  const value: CelValue = /b/i.test(prefix)
    ? { kind: 'bytes', value: bytesLiteral(body, raw, start) }
    : { kind: 'string', value: stringLiteral(body, raw, start) };
  return { kind: 'literal', at, text: textOf, value };
}

function closingQuote(source: string, start: number, quote: string, raw: boolean): number | undefined {
  for (let i = start; i < source.length; i++) {
    const c = source[i];
    if (source.startsWith(quote, i)) return i;
    if (quote.length === 1 && (c === '\n' || c === '\r')) return undefined;
    if (c === '\\' && !raw) i++;
  }
  return undefined;
}

function charAt(source: string, at: number): string {
  return String.fromCodePoint(source.codePointAt(at) ?? 0);
}
