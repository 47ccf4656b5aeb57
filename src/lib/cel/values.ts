import { compareText } from '../compare.ts';

/** A value of CEL at run time. `int` and `uint` are exact 64-bit integers. */
export type CelValue =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int' | 'uint'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'null' }
  | { readonly kind: 'list'; readonly items: readonly CelValue[] }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, readonly [CelValue, CelValue]> }
  | { readonly kind: 'type'; readonly name: string };

/** An evaluation error: a value that travels, because `&&`, `||` and macros may absorb it. */
export interface CelError {
  readonly kind: 'error';
  readonly message: string;
}

export type CelResult = CelValue | CelError;

export const TRUE: CelValue = { kind: 'bool', value: true };
export const FALSE: CelValue = { kind: 'bool', value: false };

const INT_MAX = 2n ** 63n - 1n;
const INT_MIN = -(2n ** 63n);
const UINT_MAX = 2n ** 64n - 1n;

export function fail(message: string): CelError {
  return { kind: 'error', message };
}

export function bool(value: boolean): CelValue {
  return value ? TRUE : FALSE;
}

export function double(value: number): CelValue {
  return { kind: 'double', value };
}

export function text(value: string): CelValue {
  return { kind: 'string', value };
}

/** Errors: `integer overflow` outside of 64 bits. */
export function int(value: bigint): CelResult {
  return value < INT_MIN || value > INT_MAX ? fail('integer overflow') : { kind: 'int', value };
}

/** Errors: `unsigned integer overflow` below zero or past 64 bits. */
export function uint(value: bigint): CelResult {
  return value < 0n || value > UINT_MAX ? fail('unsigned integer overflow') : { kind: 'uint', value };
}

/**
 * The key under which a map literal stores a value; keys of different types never meet. Errors: `undefined` for lists
 * and maps, which no lookup finds, and for bytes, which cannot be keys.
 */
export function mapKey(value: CelValue): string | undefined {
  switch (value.kind) {
    case 'bool':
    case 'int':
    case 'uint':
    case 'double':
    case 'string':
      return `${value.kind}:${String(value.value)}`;
    case 'type':
      return `type:${value.name}`;
    case 'null':
      return 'null';
    default:
      return undefined;
  }
}

/** Finds a key in a map; numbers of different types that are equal find each other, as in cel-go. */
export function findInMap(map: CelValue & { kind: 'map' }, key: CelValue): CelValue | undefined {
  if (key.kind === 'double' && Number.isNaN(key.value)) return undefined;
  const direct = mapKey(key);
  const hit = direct === undefined ? undefined : map.entries.get(direct);
  if (hit) return hit[1];
  const integer = asInteger(key);
  if (integer === undefined) return undefined;
  return (map.entries.get(`int:${integer}`) ?? map.entries.get(`uint:${integer}`))?.[1];
}

/** The integer that a number stands for, where it stands for one. */
export function asInteger(value: CelValue): bigint | undefined {
  if (value.kind === 'int' || value.kind === 'uint') return value.value;
  return value.kind === 'double' && Number.isInteger(value.value) ? BigInt(value.value) : undefined;
}

/** Orders two values of one type, or two numbers. Shape: below, at or above zero. Errors: `undefined` without order. */
export function compareValues(a: CelValue, b: CelValue): number | undefined {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (a.kind === 'string' && b.kind === 'string') return compareCodePoints(a.value, b.value);
  if (a.kind === 'bool' && b.kind === 'bool') return Number(a.value) - Number(b.value);
  if (a.kind === 'bytes' && b.kind === 'bytes') return Buffer.compare(a.value, b.value);
  return undefined;
}

/** Equality of CEL: numbers across types, lists and maps by their members; different types are unequal. */
export function equalValues(a: CelValue, b: CelValue): boolean {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b) === 0;
  if (a.kind === 'list' && b.kind === 'list') {
    return (
      a.items.length === b.items.length &&
      a.items.every((item, i) => {
        const other = b.items[i];
        return other !== undefined && equalValues(item, other);
      })
    );
  }
  if (a.kind === 'map' && b.kind === 'map') {
    if (a.entries.size !== b.entries.size) return false;
    return [...a.entries.values()].every(([key, value]) => {
      const other = findInMap(b, key);
      return other !== undefined && equalValues(value, other);
    });
  }
  if (a.kind === 'null') return b.kind === 'null';
  if (a.kind === 'type') return b.kind === 'type' && a.name === b.name;
  return compareValues(a, b) === 0;
}

type NumberValue = CelValue & { kind: 'int' | 'uint' | 'double' };

function isNumber(value: CelValue): value is NumberValue {
  return value.kind === 'int' || value.kind === 'uint' || value.kind === 'double';
}

/** An integer against a double is compared as doubles, because cel-go does so. */
function compareNumbers(a: NumberValue, b: NumberValue): number | undefined {
  if (a.kind === 'double' || b.kind === 'double') {
    const x = Number(a.value);
    const y = Number(b.value);
    if (Number.isNaN(x) || Number.isNaN(y)) return undefined;
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** Go compares strings by their UTF-8 bytes, which is the order of code points and not of UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue;
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return compareText(a, b);
}
