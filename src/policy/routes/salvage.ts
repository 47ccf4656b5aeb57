/**
 * What can still be read of an object that its schema refuses: enough to answer its traffic with an error, instead of
 * letting it fall to other routes. Reads with suspicion: a part that is not what it should be is left out, and a match
 * with such a part is left out whole, because without it the match would catch what it never was for.
 */
import { isIP } from 'node:net';

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function portOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65536 ? value : undefined;
}

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

/** Undefined for a list that holds something else than host names: its route's reach is not known. */
export function salvageHostnames(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return [];
  const names = itemsOf(value).filter((name) => typeof name === 'string' && HOSTNAME.test(name) && isIP(name) === 0);
  return Array.isArray(value) && names.length === value.length ? (names as string[]) : undefined;
}

export interface SalvagedMatch {
  readonly headers: readonly SalvagedValue[];
  readonly queryParams: readonly SalvagedValue[];
  readonly method?: string;
  readonly path?: { readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value: string };
}

export interface SalvagedValue {
  readonly name: string;
  readonly type: 'Exact' | 'RegularExpression';
  readonly value: string;
}

/** The matches of a rule by their index. `hasPath`: an HTTPRoute's. */
export function salvageMatches(value: unknown, hasPath: boolean): { index: number; match: SalvagedMatch }[] {
  if (value === undefined || value === null) return [{ index: 0, match: { headers: [], queryParams: [] } }];
  return itemsOf(value).flatMap((item, index) => {
    const match = salvageMatch(item, hasPath);
    return match ? [{ index, match }] : [];
  });
}

function salvageMatch(value: unknown, hasPath: boolean): SalvagedMatch | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const known = hasPath ? ['headers', 'queryParams', 'method', 'path'] : ['headers'];
  if (Object.keys(value).some((key) => !known.includes(key))) return undefined;
  const { headers, queryParams, method, path } = fieldsOf(value);
  const values = [salvageValues(headers), salvageValues(queryParams)] as const;
  const where = salvagePath(path);
  if (!values[0] || !values[1] || where === 'invalid') return undefined;
  if (method !== undefined && !/^[A-Z]+$/.test(textOf(method) ?? '')) return undefined;
  const rest = { headers: values[0], queryParams: values[1], ...(where && { path: where }) };
  return method === undefined ? rest : { ...rest, method: String(method) };
}

function salvageValues(value: unknown): SalvagedValue[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const out: SalvagedValue[] = [];
  for (const item of value) {
    const { name, type = 'Exact', value: wanted } = fieldsOf(item);
    if (typeof name !== 'string' || !HEADER_NAME.test(name) || textOf(wanted) === undefined) return undefined;
    if (type !== 'Exact' && type !== 'RegularExpression') return undefined;
    out.push({ name, type, value: String(wanted) });
  }
  return out;
}

function salvagePath(value: unknown): SalvagedMatch['path'] | 'invalid' {
  if (value === undefined || value === null) return undefined;
  const { type = 'PathPrefix', value: path = '/' } = fieldsOf(value);
  if (typeof path !== 'string') return 'invalid';
  if (type === 'RegularExpression') return { type, value: path };
  if ((type !== 'Exact' && type !== 'PathPrefix') || !/^\/[^\s#?]*$/.test(path)) return 'invalid';
  return { type, value: path };
}
