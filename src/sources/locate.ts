import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter, type Node, type Pair } from 'yaml';
import type { FieldPath, Place } from '../lib/findings.ts';
import type { Locate } from '../resources/object.ts';

/** Turns an offset into a place. */
export function placeAt(file: string, lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** True for the key of a YAML merge (`<<: *defaults`). */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && (key.value === '<<' || typeof key.value === 'symbol');
}

function follow(node: unknown, doc: Document): Node | undefined {
  if (isAlias(node)) return node.resolve(doc);
  return isNode(node) ? node : undefined;
}

interface Step {
  readonly node: Node | undefined;
  readonly offset: number | undefined;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** A scalar is pointed at itself; a collection at its key, because it may begin lines below it or be empty. */
function stepToPair(pair: Pair, doc: Document): Step {
  const value = follow(pair.value, doc);
  const plain = isScalar(pair.value) && pair.value.source !== undefined && pair.value.source !== '';
  return { node: value, offset: startOf(plain ? pair.value : pair.key) };
}

function stepInto(node: Node, part: string | number, doc: Document): Step | undefined {
  if (isSeq(node)) {
    const item: unknown = typeof part === 'number' ? node.items[part] : undefined;
    return item === undefined ? undefined : { node: follow(item, doc), offset: startOf(item) };
  }
  if (!isMap(node)) return undefined;
  const own = node.items.find((pair) => isScalar(pair.key) && !isMergeKey(pair.key) && String(pair.key.value) === part);
  if (own) return stepToPair(own, doc);
  for (const pair of node.items) {
    if (!isMergeKey(pair.key)) continue;
    const merged = follow(pair.value, doc);
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const map = follow(source, doc);
      const step = map && isMap(map) && map !== node ? stepInto(map, part, doc) : undefined;
      if (step) return step;
    }
  }
  return undefined;
}

/**
 * Finds fields in a parsed document, when asked.
 * Shape: a path from the document's root in; the place of the field, or of the nearest parent that stands there, out.
 */
export function createLocate(file: string, lines: LineCounter, doc: Document): Locate {
  return (path: FieldPath) => {
    let node: Node | undefined = follow(doc.contents, doc);
    let offset = startOf(node) ?? doc.range?.[0] ?? 0;
    for (const part of path) {
      const step = node && stepInto(node, part, doc);
      if (!step) break;
      node = step.node;
      offset = step.offset ?? offset;
    }
    return placeAt(file, lines, offset);
  };
}
