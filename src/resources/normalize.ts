import type { FieldPath } from '../lib/findings.ts';
import { copyJson, isJsonObject, type JsonSchema, propertySchema, setOwn } from './json-schema.ts';

/** A field the schema does not know, with the names it could have been. */
export interface UnknownField {
  readonly path: FieldPath;
  readonly known: readonly string[];
}

/** Two items of a list that may not agree. */
export interface DuplicateItem {
  readonly path: FieldPath;
  readonly firstIndex: number;
  /** What agrees: the keys of a list map, or nothing for a set. */
  readonly keys: readonly string[];
}

export interface Normalized {
  readonly value: unknown;
  readonly unknownFields: readonly UnknownField[];
  readonly duplicates: readonly DuplicateItem[];
}

/**
 * Does to a value what the Kubernetes API does before it validates: drops unknown fields and nulls that stand for
 * nothing, and fills in defaults. A default is set only where the object that holds the field is there.
 * Shape: a copy; the input stays as it is.
 * Source: structural schemas of CustomResourceDefinition v1 (pruning, defaulting, list types).
 */
export function normalize(schema: JsonSchema, value: unknown): Normalized {
  const unknownFields: UnknownField[] = [];
  const duplicates: DuplicateItem[] = [];

  const visit = (at: JsonSchema, node: unknown, path: FieldPath): unknown => {
    if (Array.isArray(node)) {
      const items = node.map((item, index) => {
        if (!at.items) return copyJson(item);
        const start = item === null && !at.items.nullable ? copyJson(at.items.default ?? null) : item;
        return visit(at.items, start, [...path, index]);
      });
      findDuplicates(at, items, path, duplicates);
      return items;
    }
    if (isJsonObject(node)) return visitObject(at, node, path);
    return node;
  };

  const visitObject = (at: JsonSchema, node: Record<string, unknown>, path: FieldPath): unknown => {
    const out = {};
    for (const [key, entry] of Object.entries(node)) {
      if (entry === undefined) continue;
      const property = propertySchema(at, key);
      if (!property) {
        if (keepsUnknown(at)) setOwn(out, key, copyJson(entry));
        else unknownFields.push({ path: [...path, key], known: Object.keys(at.properties ?? {}) });
      } else if (entry !== null || property.nullable) {
        setOwn(out, key, visit(property, entry, [...path, key]));
      }
    }
    for (const [key, property] of Object.entries(at.properties ?? {})) {
      if (property.default === undefined || Object.hasOwn(out, key)) continue;
      setOwn(out, key, visit(property, copyJson(property.default), [...path, key]));
    }
    return out;
  };

  return { value: visit(schema, value, []), unknownFields, duplicates };
}

/** A schema that says nothing about fields (a wrong type, say) is left to the type check. */
function keepsUnknown(schema: JsonSchema): boolean {
  if (schema['x-kubernetes-preserve-unknown-fields'] || schema.additionalProperties === true) return true;
  return schema.type !== undefined ? schema.type !== 'object' : schema['x-kubernetes-int-or-string'] === true;
}

function findDuplicates(schema: JsonSchema, items: readonly unknown[], path: FieldPath, out: DuplicateItem[]): void {
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== 'set' && listType !== 'map') return;
  const keys = listType === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : [];
  const seen = new Map<string, number>();
  items.forEach((item, index) => {
    const identity = listType === 'set' ? JSON.stringify(item) : mapIdentity(item, keys);
    if (identity === undefined) return;
    const firstIndex = seen.get(identity);
    if (firstIndex === undefined) seen.set(identity, index);
    else out.push({ path: [...path, index], firstIndex, keys });
  });
}

/** The key values of an item; undefined where it has none, which the schema's required fields report. */
function mapIdentity(item: unknown, keys: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined;
  const values = keys.map((key) => (Object.hasOwn(item, key) ? item[key] : null));
  return values.every((value) => value === null) ? undefined : JSON.stringify(values);
}
