import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox';

/**
 * Builders for what Kubernetes adds to JSON Schema. They keep the schemas readable and the types true to what a
 * validated object holds: a field with a default is optional to write and always there to read.
 */

/** One cross-field rule: a CEL expression over `self` and what to say when it is false. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** Schema options that hold cross-field rules, each given as `[expression, message]`. */
export function rules(...list: readonly (readonly [rule: string, message: string])[]): {
  'x-kubernetes-validations': CelRule[];
} {
  return { 'x-kubernetes-validations': list.map(([rule, message]) => ({ rule, message })) };
}

/** Schema options of a list whose items are told apart by these fields. */
export function listMap(...keys: readonly string[]): {
  'x-kubernetes-list-type': 'map';
  'x-kubernetes-list-map-keys': string[];
} {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [...keys] };
}

/** Schema options of a list that has one owner as a whole. */
export const atomicList = { 'x-kubernetes-list-type': 'atomic' } as const;

/** Schema options of a list that holds no value twice. */
export const setList = { 'x-kubernetes-list-type': 'set' } as const;

/**
 * Gives a field a default. The schema lets the field be absent; the type says it is present, as it is in every object
 * that validation has passed on.
 */
export function defaulted<S extends TSchema>(schema: S, value: unknown): S {
  return Type.Optional(Type.With(schema as TSchema, { default: value })) as unknown as S;
}

/** A string out of a fixed set. */
export function oneOf<const V extends readonly string[]>(...values: V): TSchema & { '~unsafe': V[number] } {
  return Type.Unsafe<V[number]>({ type: 'string', enum: [...values] });
}

/** An object with free keys and values of one schema. */
export function mapOf<S extends TSchema>(
  value: S,
  options: Record<string, unknown> = {},
): TSchema & { '~unsafe': Record<string, Static<S>> } {
  return Type.Unsafe<Record<string, Static<S>>>({ type: 'object', additionalProperties: value, ...options });
}

/** An object whose content is of no concern here, kept as it is. */
export function anyObject(): TSchema & { '~unsafe': Record<string, unknown> } {
  return Type.Unsafe<Record<string, unknown>>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
}

/** A signed 32-bit integer. */
export function int32(options: Record<string, unknown> = {}): ReturnType<typeof Type.Integer> {
  return Type.Integer({ format: 'int32', ...options });
}

/** A signed 64-bit integer; JSON carries it as a number, exact up to 2^53. */
export function int64(options: Record<string, unknown> = {}): ReturnType<typeof Type.Integer> {
  return Type.Integer({ format: 'int64', ...options });
}

/** A field that may be absent. */
export const optional = Type.Optional;

/** An object with the given fields; shorter to read than `Type.Object` in deep schemas. */
export function object<P extends TProperties>(fields: P, options: Record<string, unknown> = {}): TObject<P> {
  return Type.Object(fields, options);
}

/** A list of one schema. */
export function list<S extends TSchema>(
  item: S,
  options: Record<string, unknown> = {},
): ReturnType<typeof Type.Array<S>> {
  return Type.Array(item, options);
}
