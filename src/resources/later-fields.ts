import type { FieldPath } from '../lib/findings.ts';
import { isJsonObject } from './json-schema.ts';

/**
 * Where an object sets one of the given fields.
 * Shape: patterns like `spec.rules[*].timeouts.request`; `[*]` stands for every item of a list.
 */
export function findLaterFields(patterns: readonly string[], value: unknown): FieldPath[] {
  const found: FieldPath[] = [];
  for (const pattern of patterns) {
    collect(pattern.replaceAll('[*]', '.*').split('.'), value, [], found);
  }
  return found;
}

function collect(parts: readonly string[], value: unknown, path: FieldPath, found: FieldPath[]): void {
  const [part, ...rest] = parts;
  if (part === undefined) {
    if (value !== null && value !== undefined) found.push(path);
    return;
  }
  if (part === '*') {
    if (!Array.isArray(value)) return;
    for (const [index, item] of value.entries()) collect(rest, item, [...path, index], found);
  } else if (isJsonObject(value) && Object.hasOwn(value, part)) {
    collect(rest, value[part], [...path, part], found);
  }
}
