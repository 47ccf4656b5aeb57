/**
 * Routes as an ordered list, for what a matcher cannot say: in a matcher Envoy looks at request headers alone, in the
 * match of a route at query parameters too. A list in which nothing matches ends in a bare 404, so whatever comes after
 * it has to stand in it.
 */

import { RE2JS } from 're2js';
import type { MatchIr, PathMatchIr, RouteIr, ValueMatchIr } from '../ir/index.ts';
import { InvariantError } from '../lib/errors.ts';
import {
  type Any,
  type ConfigRouteV3HeaderMatcher,
  type ConfigRouteV3Route,
  type ConfigRouteV3RouteMatch,
  type TypeMatcherV3StringMatcher,
  typedAny,
  type XdsCoreV3TypedExtensionConfig,
  type XdsTypeMatcherV3Matcher,
  type XdsTypeMatcherV3MatcherOnMatch,
} from './schema/index.ts';

/** Shape: as `emitMatchTree`. */
export function emitRouteList(
  routes: readonly RouteIr[],
  target: (route: RouteIr) => XdsTypeMatcherV3MatcherOnMatch,
  otherwise: XdsTypeMatcherV3MatcherOnMatch,
): XdsTypeMatcherV3MatcherOnMatch {
  const list = routes.flatMap((route) => flatten(target(route), routeMatch(route.match)));
  list.push(...flatten(otherwise, { prefix: '/' }));
  return {
    action: { name: 'routes', typed_config: typedAny('envoy.config.route.v3.RouteList', { routes: list }) },
  };
}

function routeMatch(match: MatchIr): ConfigRouteV3RouteMatch {
  const method: ConfigRouteV3HeaderMatcher[] =
    match.method === undefined ? [] : [{ name: ':method', string_match: { exact: match.method } }];
  return {
    ...pathMatch(match.path),
    headers: [...method, ...match.headers.map((header) => ({ name: header.name, string_match: textMatch(header) }))],
    query_parameters: match.queryParams.map((param) => ({ name: param.name, string_match: paramMatch(param) })),
  };
}

function pathMatch(path: PathMatchIr | undefined): ConfigRouteV3RouteMatch {
  const value = path?.value ?? '/';
  if (path?.type === 'exact') return { path: value };
  if (path?.type === 'regex') return { safe_regex: { regex: value } };
  const prefix = value.replace(/\/+$/, '');
  return prefix === '' ? { prefix: '/' } : { path_separated_prefix: prefix };
}

function textMatch(match: ValueMatchIr): TypeMatcherV3StringMatcher {
  return match.type === 'exact' ? { exact: match.value } : { safe_regex: { regex: match.value } };
}

/** Envoy compares a parameter as it was sent: an exact value is met in each usual way to encode it, an expression not. */
function paramMatch(match: ValueMatchIr): TypeMatcherV3StringMatcher {
  if (match.type === 'regex' || /^[\w.~-]*$/.test(match.value)) return textMatch(match);
  return { safe_regex: { regex: [...Buffer.from(match.value)].map(encodedByte).join('') } };
}

function encodedByte(byte: number): string {
  const text = String.fromCharCode(byte);
  if (/[\w.~-]/.test(text)) return RE2JS.quote(text);
  const code = `%(?i:${byte.toString(16).padStart(2, '0')})`;
  if (text === ' ') return `(?:\\+|${code})`;
  const isPlain = byte > 32 && byte < 127 && !'%+&#'.includes(text);
  return isPlain ? `(?:${RE2JS.quote(text)}|${code})` : code;
}

/** The routes that a matcher over headers leads to, each with the conditions on the way; the more specific ones first. */
function flatten(onMatch: XdsTypeMatcherV3MatcherOnMatch, match: ConfigRouteV3RouteMatch): ConfigRouteV3Route[] {
  if (onMatch.matcher) return flattenMatcher(onMatch.matcher, match);
  const route = onMatch.action?.typed_config;
  return route ? [{ ...withoutType(route), match }] : [];
}

function flattenMatcher(
  { matcher_tree: tree, matcher_list: list, on_no_match: otherwise }: XdsTypeMatcherV3Matcher,
  match: ConfigRouteV3RouteMatch,
): ConfigRouteV3Route[] {
  if (list || !tree?.input) throw new InvariantError('only maps of headers stand behind a route');
  const name = headerName(tree.input);
  const exact = entries(tree.exact_match_map?.map).flatMap(([value, next]) =>
    flatten(next, withHeader(match, { name, string_match: { exact: value } })),
  );
  const prefixes = entries(tree.prefix_match_map?.map).sort(([a], [b]) => b.length - a.length);
  const byPrefix = prefixes.flatMap(([prefix, next]) =>
    flatten(next, withHeader(match, { name, string_match: { prefix } })),
  );
  return [...exact, ...byPrefix, ...(otherwise ? flatten(otherwise, match) : [])];
}

function entries(map: Readonly<Record<string, XdsTypeMatcherV3MatcherOnMatch>> | undefined) {
  return Object.entries(map ?? {});
}

function withHeader(match: ConfigRouteV3RouteMatch, header: ConfigRouteV3HeaderMatcher): ConfigRouteV3RouteMatch {
  return { ...match, headers: [...(match.headers ?? []), header] };
}

function headerName(input: XdsCoreV3TypedExtensionConfig): string {
  return String((input.typed_config as { header_name?: string } | undefined)?.header_name);
}

function withoutType(any: Any): ConfigRouteV3Route {
  const { '@type': _type, ...route } = any;
  return route as ConfigRouteV3Route;
}
