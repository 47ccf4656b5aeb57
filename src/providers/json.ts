import type { JsonObject, JsonValue } from './conversation.ts';
import { markedNumber, parseExact } from './exact-json.ts';

/** The value as an object; an empty one where it is anything else. */
export function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** Whether a value is an object, not an array or null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as a list; an empty one where it is anything else. */
export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** Whether a value is a text; a large integer, which is read as one, is none. */
export function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && markedNumber(value) === undefined;
}

/** The value as text, or undefined. */
export function textOf(value: JsonValue | undefined): string | undefined {
  return isText(value) ? value : undefined;
}

/** The value as a number, or undefined. */
export function numberOf(value: JsonValue | undefined): number | undefined {
  return typeof value === 'string' ? markedNumber(value) : typeof value === 'number' ? value : undefined;
}

/** Text that should be JSON, from outside. Errors: undefined where it is not an object. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value = parseExact(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The members that have a value. */
export function present(members: { readonly [key: string]: JsonValue | undefined }): JsonObject {
  const object: { [key: string]: JsonValue } = {};
  for (const key in members) {
    const value = members[key];
    if (value !== undefined) object[key] = value;
  }
  return object;
}
