import { type CelExpr, CelSyntaxError } from './ast.ts';
import { type Token, tokenize } from './lexer.ts';
import { MAX_OPERATIONS } from './limits.ts';
import { expandGlobalMacro, expandMemberMacro } from './macros.ts';
import { int, uint } from './values.ts';

const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop namespace package return var void while'.split(' '),
);

const RELATIONS: ReadonlySet<string> = new Set(['<', '<=', '>', '>=', '==', '!=', 'in']);
const SUMS: ReadonlySet<string> = new Set(['+', '-']);
const PRODUCTS: ReadonlySet<string> = new Set(['*', '/', '%']);

interface Cursor {
  readonly tokens: readonly Token[];
  readonly maxDepth: number;
  next: number;
  depth: number;
  operations: number;
}

/** Parses an expression by the grammar of cel-go and expands its macros. Errors: throws `CelSyntaxError`. */
export function parse(source: string, maxDepth: number): CelExpr {
  const cursor: Cursor = { tokens: tokenize(source), maxDepth, next: 0, depth: 0, operations: 0 };
  const expr = expression(cursor);
  if (peek(cursor).kind !== 'end') throw unexpected(cursor);
  return expr;
}

function peek(cursor: Cursor): Token {
  const token = cursor.tokens[cursor.next];
  if (token === undefined) throw new CelSyntaxError('unexpected end', 0);
  return token;
}

function unexpected(cursor: Cursor): CelSyntaxError {
  const token = peek(cursor);
  return new CelSyntaxError(token.kind === 'end' ? 'unexpected end' : `unexpected ${token.text}`, token.at);
}

function isOp(cursor: Cursor, text: string): boolean {
  const token = peek(cursor);
  return token.kind === 'op' && token.text === text;
}

function accept(cursor: Cursor, text: string): boolean {
  if (!isOp(cursor, text)) return false;
  cursor.next++;
  return true;
}

function expect(cursor: Cursor, text: string): void {
  if (!accept(cursor, text)) throw unexpected(cursor);
}

function expectName(cursor: Cursor): string {
  const token = peek(cursor);
  if (token.kind !== 'name') throw unexpected(cursor);
  cursor.next++;
  return token.text;
}

function expression(cursor: Cursor): CelExpr {
  if (++cursor.depth > cursor.maxDepth)
    throw new CelSyntaxError('the expression is nested too deeply', peek(cursor).at);
  const condition = or(cursor);
  const at = peek(cursor).at;
  let expr = condition;
  if (accept(cursor, '?')) {
    // The middle is no full expression: `a ? b ? c : d : e` is a syntax error in cel-go.
    const yes = or(cursor);
    expect(cursor, ':');
    expr = { kind: 'call', at, fn: '_?_:_', args: [condition, yes, expression(cursor)] };
  }
  cursor.depth--;
  return expr;
}

/** Chains are deep trees too: bounded, so that walking a tree never runs out of stack. */
function countOperation(cursor: Cursor, at: number): void {
  if (++cursor.operations > MAX_OPERATIONS) {
    throw new CelSyntaxError(`the expression has more than ${MAX_OPERATIONS} operations`, at);
  }
}

function or(cursor: Cursor): CelExpr {
  return binary(cursor, (text) => text === '||', and);
}

function and(cursor: Cursor): CelExpr {
  return binary(cursor, (text) => text === '&&', relation);
}

/** All relations share one precedence and associate to the left: `1 == 1 < 2` is `(1 == 1) < 2`. */
function relation(cursor: Cursor): CelExpr {
  return binary(cursor, (text) => RELATIONS.has(text), sum);
}

function sum(cursor: Cursor): CelExpr {
  return binary(cursor, (text) => SUMS.has(text), product);
}

function product(cursor: Cursor): CelExpr {
  return binary(cursor, (text) => PRODUCTS.has(text), unary);
}

function binary(cursor: Cursor, takes: (text: string) => boolean, operand: (cursor: Cursor) => CelExpr): CelExpr {
  let left = operand(cursor);
  while (true) {
    const token = peek(cursor);
    if (token.kind !== 'op' || !takes(token.text)) return left;
    cursor.next++;
    countOperation(cursor, token.at);
    const fn = token.text === 'in' ? '@in' : `_${token.text}_`;
    left = { kind: 'call', at: token.at, fn, args: [left, operand(cursor)] };
  }
}

function unary(cursor: Cursor): CelExpr {
  const { at, text } = peek(cursor);
  if (!isOp(cursor, '!') && !isOp(cursor, '-')) return member(cursor);
  let count = 0;
  while (accept(cursor, text)) count++;
  if (text === '-' && count % 2 === 1) {
    const token = peek(cursor);
    // One minus belongs to a number literal that follows, so that the lowest int can be written.
    if (count === 1 && (token.kind === 'int' || token.kind === 'double')) return member(cursor, '-');
  }
  const operand = member(cursor);
  if (count % 2 === 0) return operand;
  return { kind: 'call', at, fn: `${text}_`, args: [operand] };
}

function member(cursor: Cursor, sign = ''): CelExpr {
  let expr = primary(cursor, sign);
  while (true) {
    const at = peek(cursor).at;
    if (isOp(cursor, '.') || isOp(cursor, '[')) countOperation(cursor, at);
    if (accept(cursor, '.')) {
      const name = expectName(cursor);
      if (accept(cursor, '(')) {
        const args = argumentList(cursor);
        expr = expandMemberMacro(name, expr, args, at) ?? { kind: 'call', at, fn: name, target: expr, args };
      } else {
        expr = { kind: 'select', at, operand: expr, field: name, testOnly: false };
      }
    } else if (accept(cursor, '[')) {
      const index = expression(cursor);
      expect(cursor, ']');
      expr = { kind: 'call', at, fn: '_[_]', args: [expr, index] };
    } else {
      return expr;
    }
  }
}

function argumentList(cursor: Cursor): CelExpr[] {
  const args: CelExpr[] = [];
  if (accept(cursor, ')')) return args;
  do args.push(expression(cursor));
  while (accept(cursor, ','));
  expect(cursor, ')');
  return args;
}

function primary(cursor: Cursor, sign: string): CelExpr {
  const token = peek(cursor);
  const { at } = token;
  if (token.kind === 'int' || token.kind === 'uint' || token.kind === 'double') {
    cursor.next++;
    return numberLiteral(token.kind, sign + token.text, at);
  }
  if (token.kind === 'literal') {
    cursor.next++;
    return { kind: 'const', at, value: token.value };
  }
  if (token.kind === 'name' || isOp(cursor, '.')) return nameOrCall(cursor);
  if (accept(cursor, '(')) {
    const inner = expression(cursor);
    expect(cursor, ')');
    return inner;
  }
  if (accept(cursor, '[')) return listLiteral(cursor, at);
  if (accept(cursor, '{')) return mapLiteral(cursor, at);
  throw unexpected(cursor);
}

function nameOrCall(cursor: Cursor): CelExpr {
  const at = peek(cursor).at;
  const leadingDot = accept(cursor, '.');
  const name = expectName(cursor);
  if (RESERVED.has(name)) throw new CelSyntaxError(`reserved identifier: ${name}`, at);
  if (!accept(cursor, '(')) return { kind: 'ident', at, name };
  const args = argumentList(cursor);
  return (leadingDot ? undefined : expandGlobalMacro(name, args, at)) ?? { kind: 'call', at, fn: name, args };
}

function listLiteral(cursor: Cursor, at: number): CelExpr {
  const elements: CelExpr[] = [];
  while (!isOp(cursor, ']')) {
    elements.push(expression(cursor));
    if (!accept(cursor, ',')) break;
  }
  expect(cursor, ']');
  return { kind: 'list', at, elements };
}

function mapLiteral(cursor: Cursor, at: number): CelExpr {
  const entries: [CelExpr, CelExpr][] = [];
  while (!isOp(cursor, '}')) {
    const key = expression(cursor);
    expect(cursor, ':');
    entries.push([key, expression(cursor)]);
    if (!accept(cursor, ',')) break;
  }
  expect(cursor, '}');
  return { kind: 'map', at, entries };
}

function numberLiteral(kind: 'int' | 'uint' | 'double', text: string, at: number): CelExpr {
  if (kind === 'double') {
    const value = Number(text);
    if (!Number.isFinite(value)) throw new CelSyntaxError('invalid double literal', at);
    return { kind: 'const', at, value: { kind: 'double', value } };
  }
  const digits = text.replace(/^-|[uU]$/g, '');
  const magnitude = BigInt(digits.startsWith('0x') ? digits : digits.replace(/^0+(?=\d)/, ''));
  const value = kind === 'uint' ? uint(magnitude) : int(text.startsWith('-') ? -magnitude : magnitude);
  if (value.kind === 'error') throw new CelSyntaxError(`invalid ${kind} literal`, at);
  return { kind: 'const', at, value };
}
