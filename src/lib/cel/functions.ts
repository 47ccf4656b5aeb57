import { RE2JS } from 're2js';
import { convert } from './convert.ts';
import {
  asInteger,
  bool,
  type CelResult,
  type CelValue,
  compareValues,
  double,
  equalValues,
  fail,
  findInMap,
  int,
  text,
  uint,
} from './values.ts';

const NO_OVERLOAD = 'no such overload';

/** Calls a function or operator whose arguments are all values. Dispatches on their types, for dynamic ones too. */
export function callFunction(fn: string, args: readonly CelValue[]): CelResult {
  const [a, b] = args;
  if (a === undefined) return fail(NO_OVERLOAD);
  if (b === undefined) return callUnary(fn, a);
  switch (fn) {
    case '_+_':
    case '_-_':
    case '_*_':
    case '_/_':
    case '_%_':
      return arithmetic(fn, a, b);
    case '_==_':
      return bool(equalValues(a, b));
    case '_!=_':
      return bool(!equalValues(a, b));
    case '_<_':
    case '_<=_':
    case '_>_':
    case '_>=_':
      return order(fn, a, b);
    case '_[_]':
      return index(a, b);
    case '@in':
      return member(a, b);
    default:
      return textFunction(fn, a, b);
  }
}

function callUnary(fn: string, a: CelValue): CelResult {
  switch (fn) {
    case '!_':
      return a.kind === 'bool' ? bool(!a.value) : fail(NO_OVERLOAD);
    case '-_':
      if (a.kind === 'int') return int(-a.value);
      return a.kind === 'double' ? double(-a.value) : fail(NO_OVERLOAD);
    case 'size':
      return size(a);
    default:
      return convert(fn, a);
  }
}

function size(a: CelValue): CelResult {
  switch (a.kind) {
    case 'string':
      return int(BigInt([...a.value].length));
    case 'bytes':
      return int(BigInt(a.value.length));
    case 'list':
      return int(BigInt(a.items.length));
    case 'map':
      return int(BigInt(a.entries.size));
    default:
      return fail(NO_OVERLOAD);
  }
}

function arithmetic(fn: string, a: CelValue, b: CelValue): CelResult {
  if (a.kind === 'int' && b.kind === 'int') return integers(fn, a.value, b.value, int);
  if (a.kind === 'uint' && b.kind === 'uint') return integers(fn, a.value, b.value, uint);
  if (a.kind === 'double' && b.kind === 'double') return doubles(fn, a.value, b.value);
  if (fn !== '_+_') return fail(NO_OVERLOAD);
  if (a.kind === 'string' && b.kind === 'string') return text(a.value + b.value);
  if (a.kind === 'bytes' && b.kind === 'bytes') return { kind: 'bytes', value: Buffer.concat([a.value, b.value]) };
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', items: [...a.items, ...b.items] };
  return fail(NO_OVERLOAD);
}

function integers(fn: string, a: bigint, b: bigint, wrap: (value: bigint) => CelResult): CelResult {
  switch (fn) {
    case '_+_':
      return wrap(a + b);
    case '_-_':
      return wrap(a - b);
    case '_*_':
      return wrap(a * b);
    case '_/_':
      return b === 0n ? fail('division by zero') : wrap(a / b);
    default:
      if (b === 0n) return fail('modulus by zero');
      // The lowest int modulo -1 overflows in cel-go, because the quotient would.
      return b === -1n && wrap(a / b).kind === 'error' ? wrap(a / b) : wrap(a % b);
  }
}

function doubles(fn: string, a: number, b: number): CelResult {
  switch (fn) {
    case '_+_':
      return double(a + b);
    case '_-_':
      return double(a - b);
    case '_*_':
      return double(a * b);
    case '_/_':
      return double(a / b);
    default:
      return fail(NO_OVERLOAD);
  }
}

function order(fn: string, a: CelValue, b: CelValue): CelResult {
  const result = compareValues(a, b);
  if (result === undefined) {
    const nan = [a, b].some((x) => x.kind === 'double' && Number.isNaN(x.value));
    return fail(nan ? 'NaN values cannot be ordered' : NO_OVERLOAD);
  }
  switch (fn) {
    case '_<_':
      return bool(result < 0);
    case '_<=_':
      return bool(result <= 0);
    case '_>_':
      return bool(result > 0);
    default:
      return bool(result >= 0);
  }
}

function index(a: CelValue, b: CelValue): CelResult {
  if (a.kind === 'map') return findInMap(a, b) ?? fail(`no such key: ${shown(b)}`);
  if (a.kind !== 'list') return fail(NO_OVERLOAD);
  const position = asInteger(b);
  if (position === undefined) return fail(`unsupported index type '${b.kind}' in list`);
  return a.items[Number(position)] ?? fail(`index out of bounds: ${position}`);
}

function member(a: CelValue, b: CelValue): CelResult {
  if (b.kind === 'list') return bool(b.items.some((item) => equalValues(a, item)));
  if (b.kind === 'map') return bool(findInMap(b, a) !== undefined);
  return fail(NO_OVERLOAD);
}

function textFunction(fn: string, a: CelValue, b: CelValue): CelResult {
  if (a.kind !== 'string' || b.kind !== 'string') return fail(NO_OVERLOAD);
  switch (fn) {
    case 'contains':
      return bool(a.value.includes(b.value));
    case 'startsWith':
      return bool(a.value.startsWith(b.value));
    case 'endsWith':
      return bool(a.value.endsWith(b.value));
    case 'matches':
      return matches(a.value, b.value);
    default:
      return fail(NO_OVERLOAD);
  }
}

function matches(value: string, pattern: string): CelResult {
  try {
    return bool(RE2JS.compile(pattern).matcher(value).find());
  } catch {
    return fail(`error parsing regexp: ${pattern}`);
  }
}

function shown(value: CelValue): string {
  return 'value' in value ? String(value.value) : value.kind;
}
