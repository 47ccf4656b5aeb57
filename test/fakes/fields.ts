/** Checks of a request's JSON body against the fields that a provider's API knows. */

/** Types of one field, separated by `|`; a `!` at the end makes it required. */
export type FieldSpec = Readonly<Record<string, string>>;

/** The first thing wrong with a body. */
export type FieldProblem =
  | { readonly kind: 'missing'; readonly field: string }
  | { readonly kind: 'unknown'; readonly field: string }
  | { readonly kind: 'type'; readonly field: string; readonly expected: string; readonly actual: string };

/** Compares a body with the fields; null counts as absent only for optional fields when `nullable`. */
export function fieldProblem(
  body: Readonly<Record<string, unknown>>,
  spec: FieldSpec,
  options: { readonly refuseUnknown: boolean; readonly nullable: boolean },
): FieldProblem | undefined {
  for (const [field, types] of Object.entries(spec)) {
    if (types.endsWith('!') && body[field] === undefined) return { kind: 'missing', field };
  }
  for (const [field, value] of Object.entries(body)) {
    const types = Object.hasOwn(spec, field) ? spec[field] : undefined;
    if (types === undefined) {
      if (options.refuseUnknown) return { kind: 'unknown', field };
      continue;
    }
    const allowed = types.replace('!', '').split('|');
    const isOptionalNull = value === null && options.nullable && !types.endsWith('!');
    if (!isOptionalNull && !allowed.some((type) => hasType(value, type))) {
      return { kind: 'type', field, expected: allowed.join(' or '), actual: nameOf(value) };
    }
  }
  return undefined;
}

function hasType(value: unknown, type: string): boolean {
  if (type === 'any') return true;
  if (type === 'integer') return Number.isInteger(value);
  return nameOf(value) === type;
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** A body as an object, or undefined when it is anything else. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
