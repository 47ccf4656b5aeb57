/**
 * Words to write a kind's JSON Schema with. The schemas are structural (what a CustomResourceDefinition may hold), so
 * that one text gives the TypeScript type (`Static`), the validation and the CRD.
 */
import { type Static, type TArray, type TObject, type TProperties, type TSchema, type TUnsafe, Type } from 'typebox';

export type { Static, TSchema } from 'typebox';

/** A Kubernetes CEL validation rule: `rule` must be true of `self`, or the object is refused with `message`. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
}

/** What every schema takes. A property with a `default` is always there once defaults are applied. */
export interface CommonOptions {
  readonly description?: string;
  readonly default?: unknown;
  readonly rules?: readonly Rule[];
  readonly nullable?: boolean;
}

export interface TextOptions extends CommonOptions {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export interface IntegerOptions extends CommonOptions {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: 'int32' | 'int64';
}

export interface ListOptions extends CommonOptions {
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

export interface ObjectOptions extends CommonOptions {
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly anyOf?: readonly object[];
  readonly oneOf?: readonly object[];
  readonly allOf?: readonly object[];
  readonly not?: object;
}

function plain({ rules, ...rest }: CommonOptions): Record<string, unknown> {
  return rules === undefined ? rest : { ...rest, 'x-kubernetes-validations': rules };
}

/** A string. */
export function text(options: TextOptions = {}): TUnsafe<string> {
  return Type.Unsafe<string>({ type: 'string', ...plain(options) });
}

/** One of a closed set of strings. */
export function choice<const T extends string>(values: readonly T[], options: TextOptions = {}): TUnsafe<T> {
  return Type.Unsafe<T>({ type: 'string', enum: values, ...plain(options) });
}

/** An integer of no stated size. */
export function integer(options: IntegerOptions = {}): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'integer', ...plain(options) });
}

export function int32(options: IntegerOptions = {}): TUnsafe<number> {
  return integer({ format: 'int32', ...options });
}

export function int64(options: IntegerOptions = {}): TUnsafe<number> {
  return integer({ format: 'int64', ...options });
}

/** A floating point number. */
export function number(options: CommonOptions & { minimum?: number; maximum?: number } = {}): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'number', ...plain(options) });
}

export function bool(options: CommonOptions = {}): TUnsafe<boolean> {
  return Type.Unsafe<boolean>({ type: 'boolean', ...plain(options) });
}

/** An integer or a string: ports by number or name, quantities, percentages. */
export function intOrString(options: TextOptions = {}): TUnsafe<number | string> {
  return Type.Unsafe<number | string>({
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
    ...plain(options),
  });
}

export function list<T extends TSchema>(items: T, options: ListOptions = {}): TArray<T> {
  return Type.Array(items, plain(options));
}

/** A list whose items are all different. */
export function setOf<T extends TSchema>(items: T, options: ListOptions = {}): TArray<T> {
  return list(items, { ...options, 'x-kubernetes-list-type': 'set' });
}

/** A list in which no two items agree in all `keys`. */
export function listMap<T extends TSchema>(keys: readonly string[], items: T, options: ListOptions = {}): TArray<T> {
  return list(items, { ...options, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });
}

/** Any keys, values of one schema. */
export function mapOf<T extends TSchema>(values: T, options: ObjectOptions = {}): TUnsafe<Record<string, Static<T>>> {
  return Type.Unsafe({ type: 'object', additionalProperties: values, ...plain(options) });
}

/** An object that keeps whatever it is given. */
export function freeForm(options: ObjectOptions = {}): TUnsafe<Record<string, unknown>> {
  return Type.Unsafe({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true, ...plain(options) });
}

/** Any value at all. */
export function anyValue(options: CommonOptions = {}): TUnsafe<unknown> {
  return Type.Unsafe<unknown>({ 'x-kubernetes-preserve-unknown-fields': true, ...plain(options) });
}

/** A property that may be left out. */
export const optional = Type.Optional;

/**
 * An object of known fields. A property is required unless it is `optional`; one that has a default is required in
 * the type (defaults come first) and may be left out by the user.
 */
export function object<P extends TProperties>(properties: P, options: ObjectOptions = {}): TObject<P> {
  const required = Object.entries(properties)
    .filter(([, schema]) => !Type.IsOptional(schema) && !('default' in schema))
    .map(([name]) => name);
  const schema: unknown = { type: 'object', ...(required.length > 0 && { required }), properties, ...plain(options) };
  return schema as TObject<P>;
}

/** The same schema with other options: another description, default, limit, or rules (which replace its own). */
export function variant<T extends TSchema>(
  schema: T,
  options: TextOptions | IntegerOptions | ListOptions | ObjectOptions,
): T {
  const copy: unknown = { ...schema, ...plain(options) };
  return copy as T;
}
