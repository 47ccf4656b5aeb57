/** The conditions of a route as predicates of a matcher. */
import type { MatchIr, PathMatchIr, ValueMatchIr } from '../ir/index.ts';
import { PATH_HEADER } from './names.ts';
import {
  typedAny,
  type XdsCoreV3TypedExtensionConfig,
  type XdsTypeMatcherV3MatcherMatcherListPredicate,
  type XdsTypeMatcherV3StringMatcher,
} from './schema/index.ts';

export type Predicate = XdsTypeMatcherV3MatcherMatcherListPredicate;

/** All that a match asks for but query parameters and the header `known`; `undefined` where that is nothing. */
export function predicatesOf(match: MatchIr, known?: string): Predicate | undefined {
  const predicates: Predicate[] = [];
  const path = match.path && pathPredicate(match.path);
  if (path) predicates.push(path);
  if (match.method !== undefined) predicates.push(headerIs(':method', match.method));
  for (const header of match.headers) {
    if (header.name !== known) predicates.push(single(headerInput(header.name), valueMatcher(header)));
  }
  const [first] = predicates;
  return predicates.length > 1 ? { and_matcher: { predicate: predicates } } : first;
}

/** True of every request that has the header with a value. */
export function hasHeader(name: string): Predicate {
  return single(headerInput(name), { safe_regex: re2('.+') });
}

/** True of every request whose header has this value. */
export function headerIs(name: string, value: string): Predicate {
  return single(headerInput(name), { exact: value });
}

function pathPredicate(path: PathMatchIr): Predicate | undefined {
  const input = headerInput(PATH_HEADER);
  if (path.type === 'exact') return single(input, { exact: path.value });
  if (path.type === 'regex') return single(input, { safe_regex: re2(path.value) });
  const prefix = path.value.replace(/\/+$/, '');
  if (prefix === '') return undefined;
  return { or_matcher: { predicate: [single(input, { exact: prefix }), single(input, { prefix: `${prefix}/` })] } };
}

function valueMatcher(match: ValueMatchIr): XdsTypeMatcherV3StringMatcher {
  return match.type === 'exact' ? { exact: match.value } : { safe_regex: re2(match.value) };
}

/** The engine must be named here, unlike in the rest of the API. */
function re2(regex: string): { google_re2: object; regex: string } {
  return { google_re2: {}, regex };
}

function single(input: XdsCoreV3TypedExtensionConfig, value: XdsTypeMatcherV3StringMatcher): Predicate {
  return { single_predicate: { input, value_match: value } };
}

/** The request header `name` as the input of a matcher. */
export function headerInput(name: string): XdsCoreV3TypedExtensionConfig {
  return {
    name: 'header',
    typed_config: typedAny('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: name }),
  };
}
