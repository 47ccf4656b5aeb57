import type { FieldPath } from '../lib/findings.ts';
import { isJsonObject } from './json-schema.ts';
import type { Kind } from './kind.ts';
import type { ObjectMeta } from './object.ts';
import type { SchemaError } from './schema-check.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const MAX_ANNOTATION_BYTES = 256 * 1024;

/** Fields of Kubernetes' ObjectMeta; those we do not read are let through. */
const META_FIELDS = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const;

export interface CheckedMetadata {
  readonly metadata: ObjectMeta;
  readonly errors: readonly SchemaError[];
  readonly unknownFields: readonly FieldPath[];
  readonly knownFields: readonly string[];
}

/**
 * Reads an object's metadata: names in RFC 1123 form, `default` for a namespace that is left out. Whatever is wrong,
 * the result has a name (empty if there is none).
 */
export function checkMetadata(raw: unknown, kind: Kind | undefined): CheckedMetadata {
  const errors: SchemaError[] = [];
  const meta = isJsonObject(raw) ? raw : {};
  if (!isJsonObject(raw)) errors.push({ path: ['metadata'], message: 'must be an object' });

  const name = checkName(meta.name, kind?.nameFormat ?? 'subdomain', errors);
  const namespace = checkNamespace(meta.namespace, kind, errors);
  const labels = checkMap(meta.labels, 'labels', errors);
  const annotations = checkMap(meta.annotations, 'annotations', errors);
  const { creationTimestamp, generation, uid } = meta;
  const metadata: ObjectMeta = {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(typeof creationTimestamp === 'string' && { creationTimestamp }),
    ...(typeof generation === 'number' && { generation }),
    ...(typeof uid === 'string' && { uid }),
  };
  const unknownFields = Object.keys(meta)
    .filter((key) => !META_FIELDS.some((known) => known === key))
    .map((key) => ['metadata', key]);
  return { metadata, errors, unknownFields, knownFields: META_FIELDS };
}

function checkName(value: unknown, format: Kind['nameFormat'], errors: SchemaError[]): string {
  const path = ['metadata', 'name'];
  if (value === undefined || value === null || value === '') {
    errors.push({ path, message: 'is required' });
    return '';
  }
  if (typeof value !== 'string') {
    errors.push({ path, message: 'must be a string', hint: 'quote it' });
    return '';
  }
  const pattern = format === 'label' ? LABEL : format === 'label-1035' ? LABEL_1035 : SUBDOMAIN;
  const maxLength = format === 'subdomain' ? 253 : 63;
  if (value.length > maxLength) errors.push({ path, message: `must have at most ${maxLength} characters` });
  else if (!pattern.test(value)) {
    const dots = format === 'subdomain' ? ", '-' and '.'" : " and '-'";
    errors.push({
      path,
      message: `must be lower case letters, digits${dots}, and start and end with a letter or digit`,
    });
  }
  return value;
}

function checkNamespace(value: unknown, kind: Kind | undefined, errors: SchemaError[]): string | undefined {
  const path = ['metadata', 'namespace'];
  const absent = value === undefined || value === null || value === '';
  if (kind && !kind.namespaced) {
    if (!absent) errors.push({ path, message: `must not be set: a ${kind.kind} belongs to no namespace` });
    return undefined;
  }
  if (absent) return kind ? 'default' : undefined;
  if (typeof value !== 'string') {
    errors.push({ path, message: 'must be a string', hint: 'quote it' });
    return 'default';
  }
  if (value.length > 63 || !LABEL.test(value)) {
    errors.push({ path, message: "must be at most 63 lower case letters, digits and '-'" });
  }
  return value;
}

function checkMap(
  value: unknown,
  field: 'labels' | 'annotations',
  errors: SchemaError[],
): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  const path = ['metadata', field];
  if (!isJsonObject(value)) {
    errors.push({ path, message: 'must be an object of strings' });
    return undefined;
  }
  const out: Record<string, string> = {};
  let bytes = 0;
  for (const [key, entry] of Object.entries(value)) {
    const at = [...path, key];
    if (!isQualifiedName(key, field)) errors.push({ path: at, message: `is not a valid key of ${field}` });
    else if (typeof entry !== 'string') errors.push({ path: at, message: 'must be a string', hint: 'quote it' });
    else if (field === 'labels' && !isLabelValue(entry)) {
      errors.push({ path: at, message: "must be at most 63 letters, digits, '-', '_' and '.'" });
    } else {
      out[key] = entry;
      bytes += Buffer.byteLength(key) + Buffer.byteLength(entry);
    }
  }
  if (field === 'annotations' && bytes > MAX_ANNOTATION_BYTES) {
    errors.push({ path, message: 'must have at most 262144 bytes together' });
  }
  return out;
}

/** `name` or `prefix/name`. Annotation keys are compared in lower case. */
function isQualifiedName(key: string, field: 'labels' | 'annotations'): boolean {
  const parts = (field === 'annotations' ? key.toLowerCase() : key).split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2 || name.length > 63 || !QUALIFIED_NAME.test(name)) return false;
  const prefix = parts.length === 2 ? parts[0] : undefined;
  return prefix === undefined || (prefix.length <= 253 && SUBDOMAIN.test(prefix));
}

function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= 63 && QUALIFIED_NAME.test(value));
}
