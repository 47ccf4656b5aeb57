import { GatewayError } from '../lib/errors.ts';
import type { JsonObject, JsonValue } from './conversation.ts';
import { isJsonObject, numberOf, textOf } from './json.ts';

/**
 * Strict reading of what clients send: a field of the wrong type is refused by name. `at` is the path of the object that
 * holds the field, empty for the body. Null counts as absent: SDKs send it for what is not set.
 */

/** The refusal of a field. Shape: `problem` completes the sentence, such as `must be a string`. */
export function invalidField(path: string, problem: string): GatewayError {
  return new GatewayError('invalid_input', `'${path}' ${problem}`);
}

/** Path of a field inside of an object. */
export function fieldPath(at: string, key: string): string {
  return at === '' ? key : `${at}.${key}`;
}

/** Errors: GatewayError `invalid_input` where the value is absent. */
export function required<T>(value: T | undefined, key: string, at: string): T {
  if (value === undefined) throw invalidField(fieldPath(at, key), 'is required');
  return value;
}

/** A text, undefined where it is absent. */
export function stringField(object: JsonObject, key: string, at: string): string | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  const text = textOf(value);
  if (text === undefined) throw invalidField(fieldPath(at, key), 'must be a string');
  return text;
}

/** A number, undefined where it is absent. */
export function numberField(object: JsonObject, key: string, at: string): number | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  const number = numberOf(value);
  if (number === undefined) throw invalidField(fieldPath(at, key), 'must be a number');
  return number;
}

/** A truth value, undefined where it is absent. */
export function booleanField(object: JsonObject, key: string, at: string): boolean | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw invalidField(fieldPath(at, key), 'must be a boolean');
  return value;
}

/** An object, undefined where it is absent. */
export function objectField(object: JsonObject, key: string, at: string): JsonObject | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return asObject(value, fieldPath(at, key));
}

/** A list, undefined where it is absent. */
export function listField(object: JsonObject, key: string, at: string): readonly JsonValue[] | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw invalidField(fieldPath(at, key), 'must be an array');
  return value;
}

/** The value as an object. Errors: GatewayError `invalid_input` naming the path. */
export function asObject(value: JsonValue | undefined, path: string): JsonObject {
  if (!isJsonObject(value)) throw invalidField(path, 'must be an object');
  return value;
}
