import type { FieldPath, Finding, Place } from '../lib/findings.ts';
import { formatObjectId, type LoadedObject } from '../resources/index.ts';

/** Adds places to findings that know their object and field only, as those of the compiler do. */
export function withPlaces(findings: readonly Finding[], objects: readonly LoadedObject[]): Finding[] {
  const find = createPlaceFinder(objects);
  return findings.map((finding) => {
    if (finding.place !== undefined || finding.object === undefined) return finding;
    const place = find(finding.object, finding.field ?? '');
    return place ? { ...finding, place } : finding;
  });
}

/** Finds where a field of an object (`Kind/namespace/name`) stands. */
export function createPlaceFinder(
  objects: readonly LoadedObject[],
): (object: string, field: string) => Place | undefined {
  const byId = new Map(objects.map((loaded) => [formatObjectId(loaded.id), loaded]));
  return (object, field) => byId.get(object)?.locate(parseFieldPath(field));
}

/** The opposite of `formatFieldPath`. */
function parseFieldPath(text: string): FieldPath {
  const parts = text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g);
  return [...parts].map(([, index, quoted, name]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? (name ?? '') : (JSON.parse(quoted) as string);
  });
}
