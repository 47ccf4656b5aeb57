import { sortedBy } from '../lib/compare.ts';
import { FINDING_CODES, type FieldPath, type Finding, type Place } from '../lib/findings.ts';
import {
  formatObjectId,
  groupOf,
  type LoadedObject,
  type Locate,
  type ObjectId,
  type UnknownObject,
  type validateObject,
} from '../resources/index.ts';
import { identityKey, objectDigest, revisionHash } from './revision.ts';
import type { RawDocument } from './yaml.ts';

/** The check of one object: `validateObject` of resources. */
export type Validate = typeof validateObject;

/** One object, with the digest of it as written. */
export interface Entry {
  readonly digest: string;
  readonly loaded: LoadedObject;
}

/** The objects of one file. */
export interface LoadedFile {
  readonly entries: readonly Entry[];
  readonly findings: readonly Finding[];
}

/** The objects of a revision. */
export interface Assembled {
  /** In order of group, kind, namespace and name. */
  readonly objects: readonly LoadedObject[];
  readonly findings: readonly Finding[];
  readonly hash: string;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObject(value: unknown): value is UnknownObject {
  return isRecord(value) && typeof value.apiVersion === 'string' && typeof value.kind === 'string';
}

function notAnObject(locate: Locate, path: FieldPath, message: string): Finding {
  const place = locate(path);
  return { code: 'HG0109', level: 'error', message, ...(place && { place }) };
}

/** Takes lists (`kind: List`, `GatewayList`) apart. An API server's lists leave out what kind their items are. */
function flatten({ value, locate }: RawDocument): RawDocument[] {
  if (!isObject(value) || !value.kind.endsWith('List') || !('items' in value)) return [{ value, locate }];
  const { apiVersion, kind, items } = value;
  if (items === null) return [];
  if (!Array.isArray(items)) return [{ value: undefined, locate }];
  const itemKind = kind.slice(0, -'List'.length);
  return items.flatMap((item: unknown, index) => {
    const typed = isRecord(item) && itemKind !== '' ? { apiVersion, kind: itemKind, ...item } : item;
    return flatten({ value: typed, locate: (path) => locate(['items', index, ...path]) });
  });
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

/** Whatever a schema error quotes of a Secret, its values do not go on into logs and status. */
function withoutSecrets(raw: UnknownObject, findings: readonly Finding[]): readonly Finding[] {
  if (raw.kind !== 'Secret') return findings;
  const values = textsIn([raw.data, raw.stringData]).filter((text) => text !== '');
  return findings.map((finding) => {
    const { hint, ...rest } = finding;
    if (!values.some((text) => finding.message.includes(text) || hint?.includes(text))) return finding;
    return { ...rest, message: FINDING_CODES[finding.code] };
  });
}

function loadObject(
  document: RawDocument,
  validate: Validate,
  options: { readonly ignoreUnknown: boolean },
): { readonly entry?: Entry; readonly findings: readonly Finding[] } {
  const { value, locate } = document;
  if (!isObject(value)) {
    const message = 'a document must be a mapping with apiVersion, kind and metadata';
    return { findings: [notAnObject(locate, [], message)] };
  }
  const { object, valid, findings } = validate(value, locate, options);
  // Manifests of other programs lie beside ours in a GitOps directory.
  if (findings.some((finding) => finding.code === 'HG0110')) return { findings };
  const { name, namespace = '' } = object.metadata;
  if (name === '') return { findings: [notAnObject(locate, ['metadata', 'name'], `a ${value.kind} must have a name`)] };
  const id: ObjectId = { group: groupOf(value.apiVersion), kind: value.kind, namespace, name };
  const entry = { digest: objectDigest(value), loaded: { id, object, valid, locate } };
  return { entry, findings: withoutSecrets(value, findings) };
}

function formatPlace(place: Place | undefined): string {
  return place ? `${place.file}:${place.line}:${place.column}` : 'another place';
}

function duplicateFindings(entries: readonly Entry[]): Finding[] {
  const first = new Map<string, Entry>();
  const findings: Finding[] = [];
  for (const entry of entries) {
    const key = identityKey(entry.loaded.id);
    const other = first.get(key);
    if (!other) {
      first.set(key, entry);
      continue;
    }
    const place = entry.loaded.locate([]);
    findings.push({
      code: 'HG0105',
      level: 'error',
      message: `the same object is also at ${formatPlace(other.loaded.locate([]))}`,
      object: formatObjectId(entry.loaded.id),
      ...(place && { place }),
      hint: 'remove one, or give it another name or namespace',
    });
  }
  return findings;
}

/** Makes objects out of a file's documents: lists flattened, unknown kinds left out, each validated. */
export function loadObjects(
  documents: readonly RawDocument[],
  validate: Validate,
  options: { readonly ignoreUnknown: boolean },
): LoadedFile {
  const findings: Finding[] = [];
  const entries: Entry[] = [];
  for (const document of documents.flatMap(flatten)) {
    const result = loadObject(document, validate, options);
    findings.push(...result.findings);
    if (result.entry) entries.push(result.entry);
  }
  return { entries, findings };
}

/** Puts the objects of all files together, in the order of their identity. */
export function assembleObjects(files: readonly LoadedFile[]): Assembled {
  const entries = files.flatMap((file) => file.entries);
  const sorted = sortedBy(entries, (entry) => identityKey(entry.loaded.id));
  return {
    objects: sorted.map((entry) => entry.loaded),
    findings: [...files.flatMap((file) => file.findings), ...duplicateFindings(entries)],
    hash: revisionHash(sorted.map((entry) => entry.digest)),
  };
}
