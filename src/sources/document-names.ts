import { type Document, isPair, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { type FieldPath, formatFieldPath } from '../lib/findings.ts';
import { isJsonObject } from '../resources/json-schema.ts';
import { formatObjectId } from '../resources/object.ts';

/** The path of a node that a visit has reached, as findings have it. Shape: `ancestors` as the visitor gets them. */
export function fieldOf(node: Node, ancestors: readonly (Document | Node | Pair)[]): string {
  const path: FieldPath[number][] = [];
  for (const [index, parent] of ancestors.entries()) {
    const child = ancestors[index + 1] ?? node;
    if (isPair(parent) && isScalar(parent.key)) path.push(String(parent.key.value));
    else if (isSeq(parent)) path.push(parent.items.indexOf(child));
  }
  return formatFieldPath(path);
}

/** The object that a document says to be, before anything is known of its kind; undefined where it does not say. */
export function objectNameOf(value: unknown): string | undefined {
  if (!isJsonObject(value) || !isJsonObject(value.metadata)) return undefined;
  const { kind, metadata } = value;
  const { name, namespace = '' } = metadata;
  if (typeof kind !== 'string' || typeof name !== 'string' || typeof namespace !== 'string') return undefined;
  return formatObjectId({ group: '', kind, namespace, name });
}
