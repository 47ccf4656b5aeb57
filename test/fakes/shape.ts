/** Nested shapes of a provider's requests, written as data, and the first place where a request differs from one. */
import { asObject } from './fields.ts';

/** What a value may be. */
export type Shape =
  | { readonly is: 'any' | 'boolean' | 'object' | 'base64' }
  | {
      readonly is: 'string';
      readonly min?: number;
      readonly max?: number;
      readonly pattern?: RegExp;
      readonly values?: readonly string[];
    }
  | { readonly is: 'number' | 'integer'; readonly min?: number; readonly max?: number }
  | { readonly is: 'list'; readonly items: Shape; readonly min?: number; readonly max?: number }
  | { readonly is: 'map'; readonly values: Shape }
  /** A `!` at the end of a name makes the field required. */
  | { readonly is: 'fields'; readonly fields: Readonly<Record<string, Shape>> }
  /** Exactly one of the members. */
  | { readonly is: 'one'; readonly members: Readonly<Record<string, Shape>> }
  /** The field `tag` says which shape the object has. */
  | { readonly is: 'tagged'; readonly tag: string; readonly shapes: Readonly<Record<string, Shape>> }
  | { readonly is: 'either'; readonly shapes: readonly Shape[] }
  | { readonly is: 'later'; readonly shape: () => Shape };

export type Path = readonly (string | number)[];

/** Why a value is not of its shape; `path` leads to it (for `missing` and `unknown`: to the field). */
export interface ShapeProblem {
  readonly kind: 'missing' | 'unknown' | 'type' | 'low' | 'high' | 'short' | 'long' | 'pattern' | 'value' | 'union';
  readonly path: Path;
  readonly value: unknown;
  /** What was expected: a type, a bound, a pattern, or the values that exist. */
  readonly expected: string;
}

/** How a provider reads. */
export interface ShapeOptions {
  /** A null in an optional field counts as absent. */
  readonly nullable: boolean;
  readonly refuseUnknown: boolean;
}

export const any: Shape = { is: 'any' };
export const bool: Shape = { is: 'boolean' };
export const json: Shape = { is: 'object' };
export const base64: Shape = { is: 'base64' };
export const text: Shape = { is: 'string' };

/** A string that is not empty. */
export const filled: Shape = { is: 'string', min: 1 };

/** One of these strings. */
export function word(...values: readonly string[]): Shape {
  return { is: 'string', values };
}

/** A string of a form and a length. */
export function form(pattern: RegExp, max = Number.MAX_SAFE_INTEGER): Shape {
  return { is: 'string', pattern, max };
}

/** A number between two bounds. */
export function num(min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): Shape {
  return { is: 'number', min, max };
}

/** A whole number between two bounds. */
export function int(min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): Shape {
  return { is: 'integer', min, max };
}

export function list(items: Shape, min = 0, max = Number.MAX_SAFE_INTEGER): Shape {
  return { is: 'list', items, min, max };
}

export function map(values: Shape): Shape {
  return { is: 'map', values };
}

export function fields(of: Readonly<Record<string, Shape>>): Shape {
  return { is: 'fields', fields: of };
}

export function one(members: Readonly<Record<string, Shape>>): Shape {
  return { is: 'one', members };
}

export function tagged(tag: string, shapes: Readonly<Record<string, Shape>>): Shape {
  return { is: 'tagged', tag, shapes };
}

export function either(...shapes: readonly Shape[]): Shape {
  return { is: 'either', shapes };
}

/** A shape that contains itself. */
export function later(shape: () => Shape): Shape {
  return { is: 'later', shape };
}

/** The first difference between a value and its shape. */
export function shapeProblem(
  value: unknown,
  shape: Shape,
  options: ShapeOptions,
  path: Path = [],
): ShapeProblem | undefined {
  const wrong = (kind: ShapeProblem['kind'], expected: string): ShapeProblem => ({ kind, path, value, expected });
  switch (shape.is) {
    case 'any':
      return undefined;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : wrong('type', 'boolean');
    case 'object':
      return asObject(value) === undefined ? wrong('type', 'object') : undefined;
    case 'base64':
      return isBase64(value) ? undefined : wrong('type', 'base64');
    case 'string':
      return stringProblem(value, shape, wrong);
    case 'number':
    case 'integer':
      return numberProblem(value, shape, wrong);
    case 'list':
      return listProblem(value, shape, options, path, wrong);
    case 'map':
      return mapProblem(value, shape.values, options, path, wrong);
    case 'fields':
      return fieldsProblem(value, shape.fields, options, path, wrong);
    case 'one':
      return oneProblem(value, shape.members, options, path, wrong);
    case 'tagged':
      return taggedProblem(value, shape, options, path, wrong);
    case 'either':
      return eitherProblem(value, shape.shapes, options, path);
    case 'later':
      return shapeProblem(value, shape.shape(), options, path);
  }
}

type Wrong = (kind: ShapeProblem['kind'], expected: string) => ShapeProblem;

function isBase64(value: unknown): boolean {
  return typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}

function stringProblem(
  value: unknown,
  shape: Extract<Shape, { is: 'string' }>,
  wrong: Wrong,
): ShapeProblem | undefined {
  if (typeof value !== 'string') return wrong('type', 'string');
  if (shape.values !== undefined && !shape.values.includes(value)) return wrong('value', shape.values.join(', '));
  if (value.length < (shape.min ?? 0)) return wrong('short', String(shape.min));
  if (shape.max !== undefined && value.length > shape.max) return wrong('long', String(shape.max));
  if (shape.pattern !== undefined && !shape.pattern.test(value)) return wrong('pattern', shape.pattern.source);
  return undefined;
}

function numberProblem(
  value: unknown,
  shape: Extract<Shape, { is: 'number' | 'integer' }>,
  wrong: Wrong,
): ShapeProblem | undefined {
  if (typeof value !== 'number' || (shape.is === 'integer' && !Number.isInteger(value))) {
    return wrong('type', shape.is);
  }
  if (shape.min !== undefined && value < shape.min) return wrong('low', String(shape.min));
  return shape.max !== undefined && value > shape.max ? wrong('high', String(shape.max)) : undefined;
}

function listProblem(
  value: unknown,
  shape: Extract<Shape, { is: 'list' }>,
  options: ShapeOptions,
  path: Path,
  wrong: Wrong,
): ShapeProblem | undefined {
  if (!Array.isArray(value)) return wrong('type', 'array');
  if (value.length < (shape.min ?? 0)) return wrong('short', String(shape.min));
  if (shape.max !== undefined && value.length > shape.max) return wrong('long', String(shape.max));
  return firstOf(value.entries(), (index, item) => shapeProblem(item, shape.items, options, [...path, index]));
}

function mapProblem(
  value: unknown,
  values: Shape,
  options: ShapeOptions,
  path: Path,
  wrong: Wrong,
): ShapeProblem | undefined {
  const object = asObject(value);
  if (object === undefined) return wrong('type', 'object');
  return firstOf(Object.entries(object), (key, item) => shapeProblem(item, values, options, [...path, key]));
}

function fieldsProblem(
  value: unknown,
  of: Readonly<Record<string, Shape>>,
  options: ShapeOptions,
  path: Path,
  wrong: Wrong,
): ShapeProblem | undefined {
  const object = asObject(value);
  if (object === undefined) return wrong('type', 'object');
  for (const name of Object.keys(of)) {
    if (!name.endsWith('!') || object[name.slice(0, -1)] !== undefined) continue;
    return { kind: 'missing', path: [...path, name.slice(0, -1)], value: undefined, expected: 'a value' };
  }
  return firstOf(Object.entries(object), (key, item) => {
    const optional = Object.hasOwn(of, key) ? of[key] : undefined;
    const shape = optional ?? (Object.hasOwn(of, `${key}!`) ? of[`${key}!`] : undefined);
    if (shape !== undefined) {
      if (item === null && options.nullable && optional !== undefined) return undefined;
      return shapeProblem(item, shape, options, [...path, key]);
    }
    if (!options.refuseUnknown) return undefined;
    return { kind: 'unknown', path: [...path, key], value: item, expected: Object.keys(of).join(', ') };
  });
}

function oneProblem(
  value: unknown,
  members: Readonly<Record<string, Shape>>,
  options: ShapeOptions,
  path: Path,
  wrong: Wrong,
): ShapeProblem | undefined {
  const object = asObject(value);
  if (object === undefined) return wrong('type', 'object');
  const keys = Object.keys(object).filter((key) => object[key] !== null || !options.nullable);
  const unknown = keys.find((key) => !Object.hasOwn(members, key));
  if (unknown !== undefined && options.refuseUnknown) {
    const expected = Object.keys(members).join(', ');
    return { kind: 'unknown', path: [...path, unknown], value: object[unknown], expected };
  }
  const [first, ...more] = keys.filter((key) => Object.hasOwn(members, key));
  const shape = first === undefined ? undefined : members[first];
  if (first === undefined || shape === undefined || more.length > 0) {
    return wrong('union', Object.keys(members).join(', '));
  }
  return shapeProblem(object[first], shape, options, [...path, first]);
}

/** Errors name the tag as a step of the path, as validators of tagged unions do. */
function taggedProblem(
  value: unknown,
  shape: Extract<Shape, { is: 'tagged' }>,
  options: ShapeOptions,
  path: Path,
  wrong: Wrong,
): ShapeProblem | undefined {
  const object = asObject(value);
  if (object === undefined) return wrong('type', 'object');
  const tag = object[shape.tag];
  if (tag === undefined) return { kind: 'missing', path: [...path, shape.tag], value: tag, expected: 'a value' };
  const chosen = typeof tag === 'string' && Object.hasOwn(shape.shapes, tag) ? shape.shapes[tag] : undefined;
  if (chosen === undefined) {
    return { kind: 'value', path: [...path, shape.tag], value: tag, expected: Object.keys(shape.shapes).join(', ') };
  }
  return shapeProblem(object, chosen, options, [...path, String(tag)]);
}

/** Of several shapes the one that goes deepest before it fails tells best what is wrong. */
function eitherProblem(
  value: unknown,
  shapes: readonly Shape[],
  options: ShapeOptions,
  path: Path,
): ShapeProblem | undefined {
  let deepest: ShapeProblem | undefined;
  for (const shape of shapes) {
    const problem = shapeProblem(value, shape, options, path);
    if (problem === undefined) return undefined;
    if (deepest === undefined || problem.path.length > deepest.path.length) deepest = problem;
  }
  return deepest;
}

function firstOf<Key>(
  entries: Iterable<readonly [Key, unknown]>,
  check: (key: Key, item: unknown) => ShapeProblem | undefined,
): ShapeProblem | undefined {
  for (const [key, item] of entries) {
    const problem = check(key, item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
