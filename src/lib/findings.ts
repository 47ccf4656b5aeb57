/**
 * Findings: what is wrong with the user's input, said as data. A finding is returned, never thrown; CLI, status
 * conditions and the admin API show the same record. Every code stands in `FINDING_CODES`; codes are never reused.
 */

/** Where a value stands in a source file. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Keys and indexes from an object's root to a field: `['spec', 'rules', 0, 'backendRefs']`. */
export type FieldPath = readonly (string | number)[];

export type FindingLevel = 'error' | 'warning' | 'info';

/**
 * The catalogue. HG01xx: reading and schema. HG02xx: references and attachment. HG03xx: routes and backends.
 * HG04xx: credentials. HG05xx: costs and limits. HG06xx: what an Envoy cannot serve. HG07xx: consistency of the
 * compiled result and what proxies rejected. HG08xx: the source as a whole.
 */
export const FINDING_CODES = {
  HG0101: 'a file cannot be read',
  HG0102: 'a file is not valid YAML',
  HG0103: 'a reference names an object that does not exist',
  HG0104: 'a variable is not set and has no default',
  HG0105: 'two objects have the same identity',
  HG0106: 'an object does not match the schema of its kind',
  HG0107: 'an object breaks a rule of its kind',
  HG0108: 'a field is not known',
  HG0109: 'a document is not a Kubernetes object',
  HG0110: 'a kind or version is not known and is ignored',
  HG0111: 'a field is accepted but has no effect yet',
  HG0112: 'an API version is deprecated',
  HG0201: 'a reference crosses namespaces without a ReferenceGrant',
  HG0202: 'a route attaches to no listener',
  HG0203: 'a Gateway names a GatewayClass that is missing or not ours',
  HG0204: 'listeners conflict',
  HG0205: 'a policy targets an object that does not exist',
  HG0206: 'two policies target one object; the older one wins',
  HG0207: 'a reference names a kind that is not supported here',
  HG0301: 'a regular expression is not valid RE2',
  HG0302: 'a rule can never match, another rule comes first',
  HG0303: 'a backend needs schema translation, which is not available',
  HG0304: 'a rule has no backend that can serve it',
  HG0305: 'a backend has no usable endpoint',
  HG0306: 'a TLS setting cannot be used',
  HG0307: 'a mutation is not valid',
  HG0308: 'a model is matched by more than one rule; the first wins',
  HG0309: 'facts about models cannot be used',
  HG0310: 'an annotation about translation has no effect',
  HG0311: 'a mirror cannot be used',
  HG0312: 'the endpoints of a backend are not known',
  HG0401: 'a credential is missing',
  HG0402: 'a credential is not usable',
  // HG0403 is not given again: all kinds of credentials are available.
  HG0404: 'an annotation about credentials has no effect',
  HG0405: 'a token cannot be fetched',
  HG0501: 'a cost expression is not valid',
  HG0502: 'a limit is not valid',
  HG0503: 'a limit has no effect as it is written',
  HG0504: 'no rate limit service enforces limits',
  HG0505: 'another rate limit service would enforce less',
  HG0506: 'a price is not valid',
  HG0507: 'a cost uses a price that is not known',
  HG0508: 'a price has no effect as it is written',
  HG0601: 'an Envoy lacks what a route needs',
  HG0602: 'an Envoy serves a route in a reduced form',
  HG0603: 'an Envoy runs without a value that its bootstrap should have',
  HG0701: 'a compiled resource is not consistent',
  HG0702: 'a proxy rejected a resource',
  HG0801: 'a revision is held: it removes too much',
  HG0802: 'a source cannot be reached',
} as const;

export type FindingCode = keyof typeof FINDING_CODES;

/** One thing that is wrong (or noteworthy) in the user's input. */
export interface Finding {
  readonly code: FindingCode;
  readonly level: FindingLevel;
  /** What is wrong, without place and object; never holds a secret. */
  readonly message: string;
  readonly place?: Place;
  /** `Kind/namespace/name`. */
  readonly object?: string;
  /** Dotted field path: `spec.rules[0].backendRefs[0].name`. */
  readonly field?: string;
  readonly hint?: string;
  /** Gateways (`namespace/name`) or Envoy versions the finding is limited to, where it is not general. */
  readonly scope?: string;
}

/** Prints a field path in Kubernetes spelling: `spec.rules[0].name`. */
export function formatFieldPath(path: FieldPath): string {
  let out = '';
  for (const part of path) {
    if (typeof part === 'number') out += `[${part}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(part)) out += out === '' ? part : `.${part}`;
    else out += `[${JSON.stringify(part)}]`;
  }
  return out;
}

/** Prints one finding in the form every command uses: `file:line:col: error[HG0103]: Kind/ns/name: field: message (hint)`. */
export function formatFinding(finding: Finding): string {
  const { place, object, field, hint, scope } = finding;
  const parts: string[] = [];
  if (place) parts.push(`${place.file}:${place.line}:${place.column}`);
  parts.push(`${finding.level}[${finding.code}]`);
  if (object) parts.push(object);
  if (field) parts.push(field);
  let text = finding.message;
  if (scope) text += ` [${scope}]`;
  if (hint) text += ` (${hint})`;
  parts.push(text);
  return parts.join(': ');
}

/** Sorts findings by place, then object, field and code, so that output never depends on the order of work. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  const key = (f: Finding): string =>
    [
      f.place?.file ?? '',
      String(f.place?.line ?? 0).padStart(8, '0'),
      String(f.place?.column ?? 0).padStart(8, '0'),
      f.object ?? '',
      f.field ?? '',
      f.code,
      f.message,
      f.scope ?? '',
    ].join('\u0000');
  const keyed = findings.map((finding) => ({ finding, key: key(finding) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const out: Finding[] = [];
  let last: string | undefined;
  for (const entry of keyed) {
    if (entry.key === last) continue;
    last = entry.key;
    out.push(entry.finding);
  }
  return out;
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((f) => f.level === 'error');
}
