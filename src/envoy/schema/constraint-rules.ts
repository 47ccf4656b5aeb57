/** The protoc-gen-validate rules of one value: what each of them asks, in the words an operator reads. */
import { parseDuration } from './well-known.ts';

/** Rules of one type as protos/constraints.json holds them, such as `{min_len: '1'}`. */
export type Rules = Readonly<Record<string, unknown>>;

const NUMERIC = new Set([
  'float',
  'double',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'sint32',
  'sint64',
  'fixed32',
  'fixed64',
]);

/** The header expressions of the validate specification: what HTTP allows, and what at least cannot split a header. */
const HEADER_NAME = /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a header value must not hold
const HEADER_VALUE = /^[^\x00-\x08\x0a-\x1f\x7f]*$/;
const HEADER_LOOSE = /^[^\0\n\r]*$/;

/** What is wrong with a scalar, a duration or an enum; an empty list when nothing is. */
export function checkRules(kind: string, rules: Rules, value: unknown): string[] {
  if (rules.ignore_empty === true && (value === '' || value === 0)) return [];
  if (kind === 'string' && typeof value === 'string') return checkString(rules, value);
  if (kind === 'bytes' && typeof value === 'string')
    return checkLength(rules, Buffer.from(value, 'base64').length, 'bytes');
  if (kind === 'duration' && typeof value === 'string') return checkDuration(rules, value);
  if (kind === 'bool' && rules.const !== undefined && value !== rules.const) return [`must be ${String(rules.const)}`];
  return NUMERIC.has(kind) ? checkRange(rules, Number(value), Number) : [];
}

/** What is wrong with an enum, whose rules name its numbers. */
export function checkEnum(rules: Rules, value: number, name: string | undefined): string[] {
  const out: string[] = [];
  if (rules.defined_only === true && name === undefined) out.push('must be a defined value');
  if (Array.isArray(rules.in) && !rules.in.includes(value)) out.push('is not an allowed value');
  if (Array.isArray(rules.not_in) && rules.not_in.includes(value)) out.push(`must not be ${name ?? value}`);
  return out;
}

/** What is wrong with the number of items of a list or a map. */
export function checkSize(rules: Rules, size: number): string[] {
  const least = Number(rules.min_items ?? rules.min_pairs ?? 0);
  const most = Number(rules.max_items ?? rules.max_pairs ?? Number.POSITIVE_INFINITY);
  if (size < least) return [`needs at least ${least} ${least === 1 ? 'item' : 'items'}`];
  return size > most ? [`takes at most ${most} ${most === 1 ? 'item' : 'items'}`] : [];
}

function checkString(rules: Rules, value: string): string[] {
  const out = checkLength(rules, [...value].length, 'characters');
  if (rules.max_bytes !== undefined && Buffer.byteLength(value) > Number(rules.max_bytes)) {
    out.push(`takes at most ${String(rules.max_bytes)} bytes`);
  }
  if (typeof rules.pattern === 'string' && !new RegExp(rules.pattern, 'u').test(value)) {
    out.push(`must match ${rules.pattern}`);
  }
  if (typeof rules.prefix === 'string' && !value.startsWith(rules.prefix)) out.push(`must start with ${rules.prefix}`);
  if (typeof rules.suffix === 'string' && !value.endsWith(rules.suffix)) out.push(`must end with ${rules.suffix}`);
  if (Array.isArray(rules.in) && !rules.in.includes(value)) out.push(`must be one of ${rules.in.join(', ')}`);
  return [...out, ...checkHeader(rules, value)];
}

function checkHeader(rules: Rules, value: string): string[] {
  if (rules.well_known_regex === undefined) return [];
  const isName = rules.well_known_regex === 'HTTP_HEADER_NAME';
  const allowed = rules.strict === false ? HEADER_LOOSE : isName ? HEADER_NAME : HEADER_VALUE;
  return allowed.test(value) ? [] : [`is not a header ${isName ? 'name' : 'value'}`];
}

function checkLength(rules: Rules, length: number, unit: string): string[] {
  if (rules.min_len !== undefined && length < Number(rules.min_len)) {
    return [length === 0 ? 'must not be empty' : `needs at least ${String(rules.min_len)} ${unit}`];
  }
  return rules.max_len !== undefined && length > Number(rules.max_len)
    ? [`takes at most ${String(rules.max_len)} ${unit}`]
    : [];
}

function checkDuration(rules: Rules, text: string): string[] {
  const toSeconds = (value: unknown): number => {
    const parsed = typeof value === 'string' ? parseDuration(value) : undefined;
    return parsed === undefined ? Number.NaN : parsed.seconds + parsed.nanos / 1e9;
  };
  return checkRange(rules, toSeconds(text), toSeconds);
}

function checkRange(rules: Rules, value: number, read: (bound: unknown) => number): string[] {
  const out: string[] = [];
  const bound = (rule: string, holds: (limit: number) => boolean, words: string): void => {
    const limit = rules[rule];
    if (limit !== undefined && !holds(read(limit))) out.push(`must be ${words} ${String(limit)}`);
  };
  bound('gte', (limit) => value >= limit, 'at least');
  bound('gt', (limit) => value > limit, 'greater than');
  bound('lte', (limit) => value <= limit, 'at most');
  bound('lt', (limit) => value < limit, 'less than');
  return out;
}
