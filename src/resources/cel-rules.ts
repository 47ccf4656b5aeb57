import { isIP } from 'node:net';
import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { InvariantError } from '../lib/errors.ts';
import type { FieldPath } from '../lib/findings.ts';
import { isJsonObject, type JsonSchema, propertySchema } from './json-schema.ts';
import type { Rule } from './schema.ts';

/** A rule that an object breaks. */
export interface BrokenRule {
  readonly path: FieldPath;
  readonly message: string;
}

type Program = (context: { self: unknown }) => unknown;

const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
  .registerVariable('self', 'dyn')
  .registerFunction('string.re2Matches(string): bool', (value: string, pattern: string) => re2(pattern).test(value))
  .registerFunction('isIP(string): bool', (value: string) => isPlainIp(value))
  .registerFunction('isURL(string): bool', (value: string) => isAbsoluteUrl(value));

const programs = new Map<string, Program>();
const patterns = new Map<string, RE2JS>();

/** Kubernetes' names for fields that are reserved words of CEL. */
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/**
 * Evaluates the CEL rules of a schema against a value that matches it, defaults applied. Rules that compare with the
 * old object (`oldSelf`) are for updates and are left out, as the Kubernetes API leaves them out on creation.
 * Errors: InvariantError where a rule of ours does not compile.
 * Source: `x-kubernetes-validations` of CustomResourceDefinition v1.
 */
export function checkRules(schema: JsonSchema, value: unknown): BrokenRule[] {
  const broken: BrokenRule[] = [];
  const visit = (at: JsonSchema, node: unknown, self: unknown, path: FieldPath): void => {
    for (const rule of at['x-kubernetes-validations'] ?? []) {
      if (node !== null && !holds(rule, self)) broken.push({ path, message: rule.message });
    }
    if (Array.isArray(node) && Array.isArray(self)) {
      const { items } = at;
      if (items) for (const [index, item] of node.entries()) visit(items, item, self[index], [...path, index]);
    } else if (isJsonObject(node) && isJsonObject(self)) {
      for (const [key, entry] of Object.entries(node)) {
        const property = propertySchema(at, key);
        if (property) visit(property, entry, self[celName(at, key)], [...path, key]);
      }
    }
  };
  visit(schema, value, toCel(schema, value), []);
  return broken;
}

/** Compiles a rule; undefined for a rule that compares with the old object. Errors: InvariantError. */
export function compileRule(rule: string): Program | undefined {
  if (/\boldSelf\b/.test(rule)) return undefined;
  const known = programs.get(rule);
  if (known) return known;
  try {
    const parsed = environment.parse(forLibrary(rule));
    const checked = parsed.check();
    if (!checked.valid) throw checked.error ?? new Error('type check failed');
    const program: Program = (context) => parsed(context);
    programs.set(rule, program);
    return program;
  } catch (error) {
    throw new InvariantError(`CEL rule ${rule} does not compile: ${error instanceof Error ? error.message : error}`);
  }
}

/** A rule whose evaluation fails (a field that is not there, say) is broken, as in Kubernetes. */
function holds(rule: Rule, self: unknown): boolean {
  const program = compileRule(rule.rule);
  if (!program) return true;
  try {
    return program({ self }) === true;
  } catch {
    return false;
  }
}

/** The library's `matches` is JavaScript's, not RE2, and its `has` refuses an index before the last field. */
function forLibrary(rule: string): string {
  return rule
    .replaceAll(/\.matches\(/g, '.re2Matches(')
    .replaceAll(/\bhas\(([\w.]+\[\d+\])\.(\w+)\)/g, (_, parent, field) => `("${field}" in ${parent})`);
}

/** Integers become CEL ints, and field names get Kubernetes' escapes. */
function toCel(schema: JsonSchema | undefined, value: unknown): unknown {
  if (typeof value === 'number') {
    const isInt = schema?.type !== 'number' && Number.isInteger(value);
    return isInt ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => toCel(schema?.items, item));
  if (!isJsonObject(value)) return value;
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of Object.entries(value)) {
    out[celName(schema, key)] = toCel(schema && propertySchema(schema, key), entry);
  }
  return out;
}

/** Kubernetes' spelling of a field; keys of maps stay as they are. */
function celName(schema: JsonSchema | undefined, name: string): string {
  if (!schema?.properties || !Object.hasOwn(schema.properties, name)) return name;
  if (RESERVED.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

function re2(pattern: string): RE2JS {
  let compiled = patterns.get(pattern);
  if (!compiled) {
    compiled = RE2JS.compile(pattern);
    patterns.set(pattern, compiled);
  }
  return compiled;
}

/** Kubernetes refuses zones and IPv4 addresses written as IPv6. */
function isPlainIp(value: string): boolean {
  return isIP(value) !== 0 && !value.includes('%') && !/^::ffff:\d+\./i.test(value);
}

function isAbsoluteUrl(value: string): boolean {
  return URL.canParse(value);
}
