/** Scalar values between ProtoJSON and what protobufjs reads and writes. */

/** What protobufjs holds for 64-bit integers. */
interface LongLike {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

const INT32 = { min: -2147483648, max: 2147483647 };
const UINT32 = { min: 0, max: 4294967295 };
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** A scalar as protobufjs wants it, or an error text. */
export type ScalarResult = { readonly value: unknown } | { readonly problem: string };

/** Reads one ProtoJSON scalar. */
export function readScalar(type: string, json: unknown): ScalarResult {
  switch (type) {
    case 'string':
      return readString(json);
    case 'bool':
      return typeof json === 'boolean' ? { value: json } : expected('a boolean', json);
    case 'bytes':
      return readBytes(json);
    case 'double':
    case 'float':
      return readFloat(type, json);
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return readInteger(json, INT32);
    case 'uint32':
    case 'fixed32':
      return readInteger(json, UINT32);
    default:
      return readLong(json, type === 'uint64' || type === 'fixed64');
  }
}

/** Prints one value that protobufjs decoded. */
export function printScalar(type: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64');
  if (typeof value === 'object' && value !== null) return printLong(value as LongLike);
  if (typeof value !== 'number') return value;
  if (/64$/.test(type)) return String(value);
  if (!Number.isFinite(value)) return String(value);
  return type === 'float' ? shortestFloat(value) : value;
}

/** Whether this is the value an absent field of the type has. */
export function isDefaultScalar(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  if (typeof value === 'object' && value !== null)
    return (value as LongLike).low === 0 && (value as LongLike).high === 0;
  return value === '' || value === false || Object.is(value, 0);
}

/** Whether the text has a UTF-8 form: under the u flag only a lone surrogate matches. */
export function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** "expected X, got Y", where Y is the kind of the value and never the value, which may be a secret. */
export function expected(what: string, json: unknown): { problem: string } {
  const kind =
    json === null ? 'null' : Array.isArray(json) ? 'a list' : typeof json === 'object' ? 'an object' : typeof json;
  return { problem: `expected ${what}, got ${kind === typeof json ? `a ${kind}` : kind}` };
}

function readString(json: unknown): ScalarResult {
  if (typeof json !== 'string') return expected('a string', json);
  // Envoy refuses a message whose strings are not UTF-8, and a lone surrogate has no UTF-8 form.
  return isUnicode(json) ? { value: json } : { problem: 'the string is not valid Unicode' };
}

function readBytes(json: unknown): ScalarResult {
  if (typeof json !== 'string' || !BASE64.test(json)) return expected('bytes in base64', json);
  return { value: Buffer.from(json, 'base64') };
}

function readFloat(type: string, json: unknown): ScalarResult {
  if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return { value: Number(json) };
  if (typeof json !== 'number' || !Number.isFinite(json)) return expected('a number', json);
  if (type === 'float' && !Number.isFinite(Math.fround(json))) return { problem: 'out of the range of a float' };
  return { value: json };
}

function readInteger(json: unknown, range: { min: number; max: number }): ScalarResult {
  if (typeof json !== 'number') return expected('an integer', json);
  if (!Number.isInteger(json)) return { problem: 'expected an integer, got a fraction' };
  if (json < range.min || json > range.max) return { problem: `expected an integer from ${range.min} to ${range.max}` };
  return { value: json };
}

function readLong(json: unknown, unsigned: boolean): ScalarResult {
  if (typeof json === 'number' && !Number.isSafeInteger(json)) {
    return { problem: 'expected an integer; one beyond 2^53 is written as a string' };
  }
  if (typeof json !== 'number' && (typeof json !== 'string' || !/^-?[0-9]{1,20}$/.test(json))) {
    return expected('an integer', json);
  }
  const value = BigInt(json);
  const fits = unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
  if (fits !== value) return { problem: 'out of the range of a 64-bit integer' };
  if (typeof json === 'number') return { value: json };
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return { value: { low, high, unsigned } satisfies LongLike };
}

function printLong(long: LongLike): string {
  const bits = (BigInt(long.high) << 32n) | BigInt(long.low >>> 0);
  return (long.unsigned ? BigInt.asUintN(64, bits) : BigInt.asIntN(64, bits)).toString();
}

/** The shortest decimal that reads back as the same 32-bit float: 0.1, and not 0.10000000149011612. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}
