import type { MatchIr, PathMatchIr, ValueMatchIr } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import { re2Problem } from '../../lib/re2.ts';
import type { HTTPRouteMatch, LoadedObject } from '../../resources/index.ts';
import type { Report } from '../report.ts';

/** One match of a rule that can be evaluated. */
export interface MatchSource {
  readonly index: number;
  readonly match: MatchIr;
}

type NamedMatch = {
  readonly name: string;
  readonly type: 'Exact' | 'RegularExpression';
  readonly value: string;
};

/** An AIGatewayRoute's match, or the part of an HTTPRoute's match beside the path. */
interface MatchInput {
  readonly headers?: readonly NamedMatch[];
  readonly queryParams?: readonly NamedMatch[];
  readonly method?: string;
  readonly path?: HTTPRouteMatch['path'];
}

/**
 * Reads the matches of a rule. A match with an expression that is not RE2 has a finding and is left out: it matches
 * nothing, rather than everything.
 */
export function readMatches(
  matches: readonly { readonly index: number; readonly match: MatchInput }[],
  inference: boolean,
  at: LoadedObject,
  rulePath: FieldPath,
  report: Report,
): MatchSource[] {
  const out: MatchSource[] = [];
  for (const { index, match } of matches) {
    const path = [...rulePath, 'matches', index];
    const check = (pattern: string, place: FieldPath): boolean => checkRegex(pattern, at, [...path, ...place], report);
    const headers = readValues(match.headers ?? [], true, (pattern, i) => check(pattern, ['headers', i, 'value']));
    const query = readValues(match.queryParams ?? [], false, (pattern, i) =>
      check(pattern, ['queryParams', i, 'value']),
    );
    const where = readPath(match.path, (pattern) => check(pattern, ['path', 'value']));
    if (!headers || !query || where === 'invalid') continue;
    const method = match.method === undefined ? {} : { method: match.method };
    out.push({
      index,
      match: { inference, ...(where && { path: where }), ...method, headers, queryParams: query },
    });
  }
  return out;
}

function readPath(
  path: HTTPRouteMatch['path'] | undefined,
  check: (pattern: string) => boolean,
): PathMatchIr | undefined | 'invalid' {
  if (path === undefined) return undefined;
  if (path.type === 'Exact') return { type: 'exact', value: path.value };
  if (path.type === 'PathPrefix')
    return path.value === '/' ? undefined : { type: 'prefix', value: path.value.replace(/\/+$/, '') };
  return check(path.value) ? { type: 'regex', value: path.value } : 'invalid';
}

/** Of two conditions on one name, only the first counts. Source: Gateway API, HTTPHeaderMatch. */
function readValues(
  values: readonly NamedMatch[],
  foldCase: boolean,
  check: (pattern: string, index: number) => boolean,
): ValueMatchIr[] | undefined {
  const seen = new Set<string>();
  const out: ValueMatchIr[] = [];
  let isValid = true;
  for (const [index, { name, type, value }] of values.entries()) {
    const key = foldCase ? name.toLowerCase() : name;
    if (seen.has(key)) continue;
    seen.add(key);
    if (type === 'RegularExpression' && !check(value, index)) isValid = false;
    out.push({ name: key, type: type === 'Exact' ? 'exact' : 'regex', value });
  }
  return isValid ? out : undefined;
}

function checkRegex(pattern: string, at: LoadedObject, path: FieldPath, report: Report): boolean {
  const problem = re2Problem(pattern);
  if (problem === undefined) return true;
  report.error('HG0301', at, path, `${JSON.stringify(pattern)} is not a valid RE2 expression: ${problem}`, {
    hint: /\(\?[=!<]|\\\d/.test(pattern) ? 'RE2 has no lookaround and no backreferences' : undefined,
  });
  return false;
}
