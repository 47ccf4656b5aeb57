import { parseAllDocuments } from 'yaml';
import type { Finding } from '../../../src/lib/findings.ts';
import {
  DEFAULT_POLICY_OPTIONS,
  type TranslateOptions,
  type Translation,
  translate,
} from '../../../src/policy/index.ts';
import {
  groupOf,
  type LoadedObject,
  type ObjectSet,
  type UnknownObject,
  validateObject,
} from '../../../src/resources/index.ts';

export const OPTIONS: TranslateOptions = DEFAULT_POLICY_OPTIONS;

/** Makes a set of plain objects, as a source would; places are left out. */
export function setOf(objects: readonly UnknownObject[]): ObjectSet {
  const locate = (): undefined => undefined;
  const findings: Finding[] = [];
  const loaded = objects.map((raw): LoadedObject => {
    const { object, valid, findings: own } = validateObject(raw, locate);
    findings.push(...own);
    const { name, namespace = '' } = object.metadata;
    return { id: { group: groupOf(raw.apiVersion), kind: raw.kind, namespace, name }, object, valid, locate };
  });
  return { revision: { hash: 'test' }, objects: loaded, findings };
}

/** Reads the objects of a YAML text. */
export function objectsOf(text: string): UnknownObject[] {
  return parseAllDocuments(text).map((document) => document.toJS() as UnknownObject);
}

/** Translates a YAML text. */
export function translateYaml(text: string): Translation {
  return translate(setOf(objectsOf(text)), OPTIONS);
}

/** `CODE level Kind/ns/name field`, sorted as they come. */
export function codesOf({ findings }: Translation): string[] {
  return findings.map(({ code, level, object, field }) => [code, level, object, field].filter(Boolean).join(' '));
}
