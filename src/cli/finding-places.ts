import type { FieldPath, Finding, Place } from '../lib/findings.ts';
import { formatObjectId, type LoadedObject } from '../resources/index.ts';

/** Adds places to findings that know their object and field only, as those of the compiler do. */
export function withPlaces(findings: readonly Finding[], objects: readonly LoadedObject[]): Finding[] {
  return findings.map((finding) => {
    if (finding.place !== undefined || finding.object === undefined) return finding;
    const place = placeOf(finding.object, finding.field ?? '', objects);
    return place ? { ...finding, place } : finding;
  });
}

/** Where a field of an object stands. */
export function placeOf(object: string, field: string, objects: readonly LoadedObject[]): Place | undefined {
  return objects.find(({ id }) => formatObjectId(id) === object)?.locate(parseFieldPath(field));
}

/** The opposite of `formatFieldPath`. */
function parseFieldPath(text: string): FieldPath {
  const parts = text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g);
  return [...parts].map(([, index, quoted, name]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? (name ?? '') : (JSON.parse(quoted) as string);
  });
}
