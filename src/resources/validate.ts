import { type FieldPath, type Finding, type FindingCode, type FindingLevel, formatFieldPath } from '../lib/findings.ts';
import { editDistance, suggestWord } from '../lib/suggest.ts';
import { checkRules } from './cel-rules.ts';
import { isDeeperThan, isJsonObject, type JsonObject, type JsonSchema } from './json-schema.ts';
import { apiVersionOf, type Kind } from './kind.ts';
import { findKind, findKindOfAnyVersion, KINDS } from './kinds.ts';
import { findLaterFields } from './later-fields.ts';
import { checkMetadata } from './metadata.ts';
import { normalize } from './normalize.ts';
import { formatObjectId, groupOf, type Locate, type ObjectMeta, type UnknownObject } from './object.ts';
import { checkSchema } from './schema-check.ts';

export interface ValidateOptions {
  /** Unknown fields are warnings, not errors. */
  readonly ignoreUnknown?: boolean;
}

export interface Validated {
  /** Defaults applied and version rewritten where `valid`; as written, with certain metadata, otherwise. */
  readonly object: UnknownObject;
  readonly valid: boolean;
  readonly findings: readonly Finding[];
}

/** Far more than any kind has; beyond it only an alias that holds itself can be meant. */
const MAX_DEPTH = 200;

/** Letters in which a kind may differ from one that was meant. */
const MAX_TYPOS = 2;

/**
 * Validates one object as a Kubernetes API server with our CRDs would: fields, limits, defaults, cross-field rules.
 * Takes anything without throwing; an object of an unknown kind is not valid and has a warning.
 */
export function validateObject(raw: UnknownObject, locate: Locate, options: ValidateOptions = {}): Validated {
  const deep = isDeeperThan(raw, MAX_DEPTH);
  const source: JsonObject = isJsonObject(raw) && !deep ? raw : topOf(raw);
  const apiVersion = asText(source.apiVersion);
  const kindName = asText(source.kind);
  const kind = findKind(apiVersion, kindName);
  const { metadata, errors, unknownFields, knownFields } = checkMetadata(source.metadata, kind);
  const report = createReport(apiVersion, kindName, metadata, locate);
  const asWritten: UnknownObject = { ...source, apiVersion, kind: kindName, metadata };
  if (!kind) {
    reportUnknownKind(apiVersion, kindName, report);
    return { object: asWritten, valid: false, findings: report.findings };
  }

  if (deep) report.add('HG0106', 'error', [], `is nested more than ${MAX_DEPTH} levels deep`);
  const unknownLevel: FindingLevel = options.ignoreUnknown ? 'warning' : 'error';
  for (const error of errors) report.add('HG0106', 'error', error.path, error.message, error.hint);
  for (const path of unknownFields) reportUnknownField(path, knownFields, unknownLevel, report);
  if (kind.deprecatedVersions.some((version) => apiVersionOf(kind, version) === apiVersion)) {
    report.add('HG0112', 'warning', ['apiVersion'], `${apiVersion} is deprecated`, `use ${apiVersionOf(kind)}`);
  }
  const body = validateBody(kind, source, unknownLevel, report);
  const valid = !report.findings.some((finding) => finding.level === 'error');
  if (!valid) return { object: asWritten, valid, findings: report.findings };
  const object: UnknownObject = { ...body, apiVersion: apiVersionOf(kind), kind: kindName, metadata };
  return { object, valid, findings: report.findings };
}

/** The part below apiVersion, kind and metadata. Rules see only a value that matches its schema. */
function validateBody(kind: Kind, source: JsonObject, unknownLevel: FindingLevel, report: Report): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = source;
  const schema: JsonSchema = kind.schema;
  const { value, unknownFields, duplicates } = normalize(schema, rest);
  for (const { path, known } of unknownFields) reportUnknownField(path, known, unknownLevel, report);
  for (const { path, firstIndex, keys } of duplicates) {
    const what = keys.length === 0 ? 'is the same as' : `has the same ${keys.join(' and ')} as`;
    report.add('HG0106', 'error', path, `${what} item ${firstIndex}`);
  }
  const errors = checkSchema(schema, value);
  for (const error of errors) report.add('HG0106', 'error', error.path, error.message, error.hint);
  if (errors.length === 0) {
    for (const { path, message } of checkRules(schema, value)) report.add('HG0107', 'error', path, message);
  }
  for (const path of findLaterFields(kind.laterFields, rest)) {
    report.add('HG0111', 'warning', path, 'is accepted, but has no effect yet');
  }
  return isJsonObject(value) ? value : {};
}

interface Report {
  readonly findings: Finding[];
  add(code: FindingCode, level: FindingLevel, path: FieldPath, message: string, hint?: string): void;
}

function createReport(apiVersion: string, kind: string, metadata: ObjectMeta, locate: Locate): Report {
  const { name, namespace = '' } = metadata;
  // Manifests of other programs, Kustomize's for one, may have no name.
  const object = name === '' ? kind : formatObjectId({ group: groupOf(apiVersion), kind, namespace, name });
  const findings: Finding[] = [];
  return {
    findings,
    add(code, level, path, message, hint) {
      const place = locate(path);
      const field = formatFieldPath(path);
      findings.push({
        code,
        level,
        message,
        object,
        ...(place && { place }),
        ...(field !== '' && { field }),
        ...(hint !== undefined && { hint }),
      });
    },
  };
}

function reportUnknownField(path: FieldPath, known: readonly string[], level: FindingLevel, report: Report): void {
  const meant = suggestWord(String(path.at(-1)), known);
  report.add('HG0108', level, path, 'is not a known field', meant === undefined ? undefined : `did you mean ${meant}?`);
}

function reportUnknownKind(apiVersion: string, kind: string, report: Report): void {
  const other = findKindOfAnyVersion(apiVersion, kind);
  if (other) {
    const served = other.versions.map((version) => apiVersionOf(other, version)).join(' or ');
    // Not what another program reads: the object was meant for us, and without it others may serve differently.
    report.add('HG0110', 'error', ['apiVersion'], `${kind} has no version ${apiVersion}; ignored`, `use ${served}`);
    return;
  }
  const names = KINDS.map((entry) => entry.kind);
  const meant = suggestWord(kind, names);
  // ClientTrafficPolicy is a kind of its own, however much it looks like BackendTrafficPolicy.
  const same = KINDS.find((entry) => entry.kind === meant && editDistance(kind, meant) <= MAX_TYPOS);
  const hint = same && `did you mean ${same.kind} of ${apiVersionOf(same)}?`;
  report.add('HG0110', 'warning', ['kind'], `${kind} of ${apiVersion} is not a kind known here; ignored`, hint);
}

/** What is left of a value that cannot be walked through. */
function topOf(raw: unknown): JsonObject {
  if (!isJsonObject(raw)) return {};
  const metadata = isJsonObject(raw.metadata) ? raw.metadata : {};
  const { name, namespace } = metadata;
  return { apiVersion: raw.apiVersion, kind: raw.kind, metadata: { name, namespace } };
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
