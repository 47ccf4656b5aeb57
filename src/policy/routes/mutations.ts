import type { BodyMutationIr, HeaderMutationIr } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import type { HttpBodyMutation, HttpHeaderMutation, LoadedObject } from '../../resources/index.ts';
import type { Report } from '../report.ts';

/** Changes to the request that a backend gets. */
export interface Mutations {
  readonly header?: HeaderMutationIr;
  readonly body?: BodyMutationIr;
}

interface MutationFields {
  readonly headerMutation?: HttpHeaderMutation;
  readonly bodyMutation?: HttpBodyMutation;
}

/** Headers of the connection: changing them would break the message, not its meaning. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'host']);
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

/**
 * Reads mutations. Errors: undefined, with findings, when one of them is not valid: a request that went out without a
 * change that was asked for could be worse than none.
 */
export function readMutations(
  { headerMutation, bodyMutation }: MutationFields,
  at: LoadedObject,
  path: FieldPath,
  report: Report,
): Mutations | undefined {
  const header = headerMutation && readHeaders(headerMutation, at, [...path, 'headerMutation'], report);
  const body = bodyMutation && readBody(bodyMutation, at, [...path, 'bodyMutation'], report);
  if (header === 'invalid' || body === 'invalid') return undefined;
  return { ...(header && { header }), ...(body && { body }) };
}

/** Why a header cannot be changed; undefined when it can. */
export function headerProblem(name: string, value?: string): string | undefined {
  if (!HEADER_NAME.test(name)) return `${JSON.stringify(name)} is not the name of a header`;
  if (FRAMING.has(name.toLowerCase())) return `header ${name} cannot be changed`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that a header cannot hold
  if (value !== undefined && /[\u0000-\u0008\u000a-\u001f\u007f]/.test(value))
    return `the value of ${name} has control characters`;
  return undefined;
}

function readHeaders(
  { set = [], remove = [] }: HttpHeaderMutation,
  at: LoadedObject,
  path: FieldPath,
  report: Report,
): HeaderMutationIr | 'invalid' {
  let isValid = true;
  const check = (problem: string | undefined, place: FieldPath): void => {
    if (problem === undefined) return;
    report.error('HG0307', at, [...path, ...place], problem);
    isValid = false;
  };
  for (const [i, { name, value }] of set.entries()) check(headerProblem(name, value), ['set', i]);
  for (const [i, name] of remove.entries()) check(headerProblem(name), ['remove', i]);
  if (!isValid) return 'invalid';
  return {
    set: unique(
      set.map(({ name, value }) => ({ name: name.toLowerCase(), value })),
      ({ name }) => name,
    ),
    remove: [...new Set(remove.map((name) => name.toLowerCase()))],
  };
}

function readBody(
  { set = [], remove = [] }: HttpBodyMutation,
  at: LoadedObject,
  path: FieldPath,
  report: Report,
): BodyMutationIr | 'invalid' {
  let isValid = true;
  for (const [i, { value }] of set.entries()) {
    if (isJson(value)) continue;
    const message = 'the value is not JSON text';
    report.error('HG0307', at, [...path, 'set', i, 'value'], message, {
      hint: `a string needs its own quotes: '"..."'`,
    });
    isValid = false;
  }
  return isValid ? { set: unique(set, ({ path: field }) => field), remove: [...new Set(remove)] } : 'invalid';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function unique<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const out = new Map<string, T>();
  for (const item of items) if (!out.has(keyOf(item))) out.set(keyOf(item), item);
  return [...out.values()];
}

/** Mutations of a backend under those of a route: whatever the route names, set or removed, is the route's alone. */
export function mergeMutations(backend: Mutations, route: Mutations): Mutations {
  const header = mergeHeaders(backend.header, route.header);
  const body = mergeBody(backend.body, route.body);
  return { ...(header && { header }), ...(body && { body }) };
}

function mergeHeaders(under?: HeaderMutationIr, over?: HeaderMutationIr): HeaderMutationIr | undefined {
  if (!under || !over) return under ?? over;
  const named = new Set([...over.set.map(({ name }) => name), ...over.remove]);
  return {
    set: [...under.set.filter(({ name }) => !named.has(name)), ...over.set],
    remove: [...under.remove.filter((name) => !named.has(name)), ...over.remove],
  };
}

function mergeBody(under?: BodyMutationIr, over?: BodyMutationIr): BodyMutationIr | undefined {
  if (!under || !over) return under ?? over;
  const named = new Set([...over.set.map(({ path }) => path), ...over.remove]);
  return {
    set: [...under.set.filter(({ path }) => !named.has(path)), ...over.set],
    remove: [...under.remove.filter((path) => !named.has(path)), ...over.remove],
  };
}
