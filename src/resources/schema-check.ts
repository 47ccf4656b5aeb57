import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { RE2JS } from 're2js';
import type { FieldPath } from '../lib/findings.ts';
import { suggestWord } from '../lib/suggest.ts';
import { FORMATS } from './formats.ts';
import { isJsonObject, type JsonSchema } from './json-schema.ts';
import { describePattern } from './pattern-words.ts';
import { shareSchemas } from './share-schemas.ts';

/** One way in which a value does not match its schema. */
export interface SchemaError {
  readonly path: FieldPath;
  readonly message: string;
  readonly hint?: string;
}

/** Longer strings are matched by RE2, which cannot backtrack; JavaScript's own expressions are faster for the rest. */
const MAX_BACKTRACKING_LENGTH = 300;

const ajv = new Ajv({
  strict: false,
  allErrors: true,
  verbose: true,
  inlineRefs: false,
  validateFormats: true,
  formats: FORMATS,
  // Compiling takes longer than everything that is ever checked: a schema is used for a few objects.
  messages: false,
  code: { optimize: false, regExp: Object.assign(compilePattern, { code: 'compilePattern' }) },
});

const compiled = new WeakMap<JsonSchema, ValidateFunction>();

/** Checks a value (defaults applied, unknown fields gone) against a schema: types, limits, patterns, required fields. */
export function checkSchema(schema: JsonSchema, value: unknown): SchemaError[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv.compile(shareSchemas(schema));
    compiled.set(schema, validate);
  }
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  const composite = new Set(errors.filter(isComposite).map((error) => error.schemaPath));
  const wrongLength = new Set(errors.filter(isLength).map((error) => error.instancePath));
  const out: SchemaError[] = [];
  for (const error of errors) {
    // What the branches of an anyOf said is noise: the error of the anyOf itself stands for them.
    const inBranch = [...composite].some((path) => error.schemaPath.startsWith(`${path}/`));
    // An empty string seldom has the right form either.
    const saidAlready = error.keyword === 'pattern' && wrongLength.has(error.instancePath);
    if (!inBranch && !saidAlready) out.push(describe(error, value));
  }
  return dedupe(out);
}

function isComposite(error: ErrorObject): boolean {
  return error.keyword === 'anyOf' || error.keyword === 'oneOf' || error.keyword === 'not';
}

function isLength(error: ErrorObject): boolean {
  return error.keyword === 'minLength' || error.keyword === 'maxLength';
}

function dedupe(errors: readonly SchemaError[]): SchemaError[] {
  const seen = new Set<string>();
  return errors.filter((error) => {
    const key = JSON.stringify([error.path, error.message]);
    return seen.has(key) ? false : seen.add(key);
  });
}

function describe(error: ErrorObject, root: unknown): SchemaError {
  const path = resolvePointer(error.instancePath, root);
  const limit = String(error.params.limit);
  switch (error.keyword) {
    case 'required': {
      const name = String(error.params.missingProperty);
      return { path: [...path, name], message: 'is required' };
    }
    case 'type':
      return describeTypeError(path, String(error.params.type), error.data);
    case 'enum':
      return describeEnum(path, error);
    case 'minimum':
      return { path, message: `must be at least ${limit}` };
    case 'maximum':
      return { path, message: `must be at most ${limit}` };
    case 'exclusiveMinimum':
      return { path, message: `must be more than ${limit}` };
    case 'exclusiveMaximum':
      return { path, message: `must be less than ${limit}` };
    case 'minLength':
      return { path, message: limit === '1' ? 'must not be empty' : `must have at least ${limit} characters` };
    case 'maxLength':
      return { path, message: `must have at most ${limit} characters` };
    case 'minItems':
      return { path, message: `must have at least ${limit} ${limit === '1' ? 'item' : 'items'}` };
    case 'maxItems':
      return { path, message: `must have at most ${limit} items, has ${sizeOf(error.data)}` };
    case 'minProperties':
      return { path, message: `must have at least ${limit} ${limit === '1' ? 'field' : 'fields'}` };
    case 'maxProperties':
      return { path, message: `must have at most ${limit} fields, has ${sizeOf(error.data)}` };
    case 'pattern':
      return describePatternError(path, String(error.params.pattern));
    case 'format':
      return { path, message: `must be a valid ${error.params.format}` };
    case 'anyOf':
      return describeAnyOf(path, error);
    default:
      return { path, message: `does not match its schema (${error.keyword})` };
  }
}

function describeEnum(path: FieldPath, error: ErrorObject): SchemaError {
  const values = (error.params.allowedValues as unknown[]).map(String);
  const data = typeof error.data === 'string' ? error.data : '';
  const meant = suggestWord(data, values);
  return {
    path,
    message: `must be ${values.length === 1 ? '' : 'one of '}${values.join(', ')}`,
    ...(meant !== undefined && { hint: `did you mean ${meant}?` }),
  };
}

function describeTypeError(path: FieldPath, type: string, data: unknown): SchemaError {
  const message = `must be ${withArticle(type)}, not ${typeName(data)}`;
  // YAML reads an unquoted 1.0, 8080 or true as what it looks like.
  const unquoted = type === 'string' && (typeof data === 'number' || typeof data === 'boolean');
  return { path, message, ...(unquoted && { hint: 'quote it' }) };
}

function describePatternError(path: FieldPath, pattern: string): SchemaError {
  const words = describePattern(pattern);
  return words ? { path, message: words } : { path, message: 'has the wrong form', hint: `must match ${pattern}` };
}

function describeAnyOf(path: FieldPath, error: ErrorObject): SchemaError {
  const schema = error.parentSchema as JsonSchema | undefined;
  if (schema?.['x-kubernetes-int-or-string']) {
    return { path, message: `must be an integer or a string, not ${typeName(error.data)}` };
  }
  return { path, message: 'matches none of the allowed forms' };
}

function withArticle(type: string): string {
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return withArticle(typeof value);
}

function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : isJsonObject(value) ? Object.keys(value).length : 0;
}

/** A JSON pointer as a path; whether `0` is an index or a key, the data says. */
function resolvePointer(pointer: string, root: unknown): FieldPath {
  const path: (string | number)[] = [];
  let node: unknown = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(node)) {
      path.push(Number(key));
      node = node[Number(key)];
    } else {
      path.push(key);
      node = isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
    }
  }
  return path;
}

/** ajv keeps one matcher a text: that of `toString`. */
function compilePattern(source: string): { test(value: string): boolean; toString(): string } {
  const fast = new RegExp(source, 'u');
  let safe: RE2JS | undefined;
  return {
    test(value) {
      if (value.length <= MAX_BACKTRACKING_LENGTH) return fast.test(value);
      safe ??= RE2JS.compile(source);
      return safe.test(value);
    },
    toString: () => `/${source}/u`,
  };
}
