import { isIP } from 'node:net';
import type { BucketEntryIr } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import { re2Problem } from '../../lib/re2.ts';
import type { LoadedObject, RateLimitHeaderMatch, RateLimitSelector } from '../../resources/index.ts';
import type { Report } from '../report.ts';

/**
 * The conditions of selectors, all of which must hold, and what tells clients apart.
 * Errors: undefined, with a finding, when one of them cannot be used: the limit would be one of other clients.
 */
export function readSelectors(
  selectors: readonly RateLimitSelector[],
  at: LoadedObject,
  path: FieldPath,
  report: Report,
): BucketEntryIr[] | undefined {
  const entries: BucketEntryIr[] = [];
  let isWhole = true;
  const refuse = (field: FieldPath, message: string): void => {
    isWhole = false;
    report.error('HG0502', at, [...path, ...field], message);
  };
  selectors.forEach(({ headers = [], methods = [], path: pathMatch, queryParams = [], sourceCIDR }, i) => {
    headers.forEach((match, j) => {
      entries.push(...readMatch('header', match, (why) => refuse([i, 'headers', j], why)));
    });
    entries.push(...readMethods(methods));
    if (pathMatch) {
      const { type, value, invert } = pathMatch;
      const problem = type === 'RegularExpression' ? re2Problem(value) : undefined;
      if (problem !== undefined) refuse([i, 'path', 'value'], problem);
      else entries.push({ kind: 'path_match', type: PATH_TYPES[type], value, invert });
    }
    queryParams.forEach((match, j) => {
      entries.push(...readMatch('query', match, (why) => refuse([i, 'queryParams', j], why)));
    });
    if (sourceCIDR) {
      const { type, value, invert } = sourceCIDR;
      if (!isCidr(value)) refuse([i, 'sourceCIDR', 'value'], `${JSON.stringify(value)} is not a range of addresses`);
      entries.push({ kind: 'address_match', cidr: value, invert });
      if (type === 'Distinct') entries.push({ kind: 'address' });
    }
  });
  return isWhole ? entries : undefined;
}

const PATH_TYPES = { Exact: 'exact', PathPrefix: 'prefix', RegularExpression: 'regex' } as const;

function readMatch(
  what: 'header' | 'query',
  { type, name: given, value, invert }: RateLimitHeaderMatch,
  refuse: (why: string) => void,
): BucketEntryIr[] {
  const name = what === 'header' ? given.toLowerCase() : given;
  if (type === 'Distinct') {
    if (invert || value !== undefined) refuse('type Distinct takes neither value nor invert');
    return [{ kind: what, name }];
  }
  const problem = value === undefined ? `type ${type} needs a value` : type === 'Exact' ? undefined : re2Problem(value);
  if (problem !== undefined || value === undefined) {
    refuse(problem ?? '');
    return [];
  }
  return [{ kind: `${what}_match`, name, type: type === 'Exact' ? 'exact' : 'regex', value, invert }];
}

/** One of them has to match. */
function readMethods(methods: NonNullable<RateLimitSelector['methods']>): BucketEntryIr[] {
  if (methods.length === 0) return [];
  const wanted = new Set(methods.filter(({ invert }) => !invert).map(({ value }) => value));
  const unwanted = new Set(methods.filter(({ invert }) => invert).map(({ value }) => value));
  const base = { kind: 'header_match', name: ':method' } as const;
  const [only] = unwanted;
  if (only === undefined) return [{ ...base, type: 'regex', value: [...wanted].sort().join('|'), invert: false }];
  // "Not GET, or not POST" holds for every method; so does "not GET, or GET".
  if (unwanted.size > 1 || wanted.has(only)) return [];
  return [{ ...base, type: 'exact', value: only, invert: true }];
}

function isCidr(text: string): boolean {
  const [, address = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}
