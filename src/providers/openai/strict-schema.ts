import type { JsonObject, JsonValue } from '../conversation.ts';
import { isJsonObject, listOf, objectOf } from '../json.ts';

/** Deeper schemas are refused by everyone. */
const MAX_DEPTH = 64;

/**
 * Whether OpenAI takes a schema where it is to be kept to strictly: every object names all of its properties as required
 * and allows no others. Source: OpenAI, Structured Outputs, supported schemas.
 */
export function fitsStrict(schema: JsonValue | undefined, depth = 0): boolean {
  if (!isJsonObject(schema)) return true;
  if (depth > MAX_DEPTH) return false;
  const { type, properties, required, additionalProperties, items, anyOf, $defs, definitions } = schema;
  const isObject = type === 'object' || (Array.isArray(type) && type.includes('object')) || isJsonObject(properties);
  if (isObject) {
    const names = new Set(listOf(required));
    if (additionalProperties !== false) return false;
    if (!Object.keys(objectOf(properties)).every((name) => names.has(name))) return false;
  }
  const inner = [...valuesOf(properties), items, ...listOf(anyOf), ...valuesOf($defs), ...valuesOf(definitions)];
  return schema.allOf === undefined && schema.oneOf === undefined && inner.every((one) => fitsStrict(one, depth + 1));
}

function valuesOf(value: JsonValue | undefined): JsonValue[] {
  return Object.values(objectOf(value) as JsonObject);
}
