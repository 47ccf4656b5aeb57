import { bool, type CelResult, type CelValue, double, fail, int, text, uint } from './values.ts';

const TRUE_WORDS: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);
const INT_LIMIT = 2 ** 63;
const UINT_LIMIT = 2 ** 64;

/** The type conversions `int()`, `uint()`, `double()`, `string()`, `bool()`, `bytes()`, `dyn()` and `type()`. */
export function convert(fn: string, a: CelValue): CelResult {
  switch (fn) {
    case 'int':
      return toInt(a);
    case 'uint':
      return toUint(a);
    case 'double':
      return toDouble(a);
    case 'string':
      return toText(a);
    case 'bool':
      return toBool(a);
    case 'bytes':
      return a.kind === 'string' ? { kind: 'bytes', value: Buffer.from(a.value) } : same(a, 'bytes');
    case 'dyn':
      return a;
    case 'type':
      return { kind: 'type', name: a.kind === 'null' ? 'null_type' : a.kind };
    default:
      return fail('no such overload');
  }
}

function same(a: CelValue, kind: CelValue['kind']): CelResult {
  return a.kind === kind ? a : noConversion(a, kind);
}

function noConversion(a: CelValue, to: string): CelResult {
  return fail(`type conversion error from '${a.kind}' to '${to}'`);
}

function toInt(a: CelValue): CelResult {
  if (a.kind === 'uint') return int(a.value);
  if (a.kind === 'string')
    return /^[+-]?\d+$/.test(a.value) ? orNoConversion(int(integer(a.value)), a, 'int') : noConversion(a, 'int');
  if (a.kind !== 'double') return same(a, 'int');
  // Both ends are out: cel-go refuses even the lowest int, which a double can hold.
  if (Number.isNaN(a.value) || a.value <= -INT_LIMIT || a.value >= INT_LIMIT) return fail('integer overflow');
  return int(BigInt(Math.trunc(a.value)));
}

function toUint(a: CelValue): CelResult {
  if (a.kind === 'int') return uint(a.value);
  if (a.kind === 'string')
    return /^\d+$/.test(a.value) ? orNoConversion(uint(integer(a.value)), a, 'uint') : noConversion(a, 'uint');
  if (a.kind !== 'double') return same(a, 'uint');
  if (Number.isNaN(a.value) || a.value < 0 || a.value >= UINT_LIMIT) return fail('unsigned integer overflow');
  return uint(BigInt(Math.trunc(a.value)));
}

function orNoConversion(result: CelResult, a: CelValue, to: string): CelResult {
  return result.kind === 'error' ? noConversion(a, to) : result;
}

function integer(digits: string): bigint {
  const magnitude = BigInt(digits.replace(/^[+-]/, ''));
  return digits.startsWith('-') ? -magnitude : magnitude;
}

function toDouble(a: CelValue): CelResult {
  if (a.kind === 'int' || a.kind === 'uint') return double(Number(a.value));
  if (a.kind !== 'string') return same(a, 'double');
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(a.value)) {
    const value = Number(a.value);
    return Number.isFinite(value) ? double(value) : noConversion(a, 'double');
  }
  const word = /^([+-]?)(?:inf|infinity)$/i.exec(a.value);
  if (word) return double(word[1] === '-' ? -Infinity : Infinity);
  return /^nan$/i.test(a.value) ? double(Number.NaN) : noConversion(a, 'double');
}

function toBool(a: CelValue): CelResult {
  if (a.kind !== 'string') return same(a, 'bool');
  if (TRUE_WORDS.has(a.value)) return bool(true);
  return FALSE_WORDS.has(a.value) ? bool(false) : noConversion(a, 'bool');
}

function toText(a: CelValue): CelResult {
  switch (a.kind) {
    case 'bool':
    case 'int':
    case 'uint':
      return text(String(a.value));
    case 'double':
      return text(printDouble(a.value));
    case 'bytes':
      return bytesToText(a.value);
    default:
      return same(a, 'string');
  }
}

function bytesToText(bytes: Uint8Array): CelResult {
  try {
    return text(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return fail('invalid UTF-8 in bytes, cannot convert to string');
  }
}

/** Go's `%g`: the shortest digits that read back the same, an exponent of two digits below 1e-4 and from 1e6 on. */
function printDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [mantissa = '0', power = '+0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 6)) {
    const digits = String(Math.abs(exponent)).padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`;
  }
  return plainDecimal(value, mantissa, exponent);
}

/** JavaScript turns to exponents below 1e-6, Go already below 1e-4: between them both write plain decimals. */
function plainDecimal(value: number, mantissa: string, exponent: number): string {
  const fraction = mantissa.replace(/^-?\d\.?/, '').length - exponent;
  return value.toFixed(Math.max(0, Math.min(fraction, 100)));
}
