/**
 * The matcher tree of a virtual host: which route serves a request, found through a map of model names instead of a
 * list. It says the same as the list of routes read from the top (a property test holds it to that).
 *
 * Routes of one exact model go into a map of models; all others into ordered lists. Blocks of both kinds follow each
 * other in the order of precedence, and a block in which nothing matches passes on to the next one (`on_no_match`). A
 * route of an exact model may move up past a list when no route in that list can match what it matches.
 */
import { RE2JS } from 're2js';
import type { MatchIr, RouteIr, ValueMatchIr } from '../ir/index.ts';
import { API_HEADER, MODEL_HEADER } from './names.ts';
import {
  typedAny,
  type XdsCoreV3TypedExtensionConfig,
  type XdsTypeMatcherV3Matcher,
  type XdsTypeMatcherV3MatcherMatcherListPredicate,
  type XdsTypeMatcherV3MatcherOnMatch,
  type XdsTypeMatcherV3StringMatcher,
} from './schema/index.ts';

/** What a route leads to; for an inference route a matcher over the API header that may find nothing. */
export type RouteTarget = (route: RouteIr) => XdsTypeMatcherV3MatcherOnMatch;

type Block =
  | { readonly kind: 'models'; readonly models: Map<string, RouteIr[]> }
  | { readonly kind: 'list'; readonly routes: RouteIr[] };

/**
 * Shape: routes in order of precedence in, matcher out. `inferencePaths` are the paths that inference routes serve;
 * `otherwise` is where a request goes that no route matches.
 */
export function emitMatchTree(
  routes: readonly RouteIr[],
  target: RouteTarget,
  otherwise: XdsTypeMatcherV3MatcherOnMatch,
  inferencePaths: readonly string[],
): XdsTypeMatcherV3MatcherOnMatch {
  const blocks = toBlocks(routes, inferencePaths);
  return blocks.reduceRight<XdsTypeMatcherV3MatcherOnMatch>((next, block) => {
    if (block.kind === 'list') return emitList(block.routes, target, next, false);
    const map: Record<string, XdsTypeMatcherV3MatcherOnMatch> = {};
    for (const [model, ofModel] of block.models) map[model] = emitList(ofModel, target, undefined, true);
    return {
      matcher: {
        matcher_tree: { input: headerInput(MODEL_HEADER), exact_match_map: { map } },
        on_no_match: next,
      },
    };
  }, otherwise);
}

function toBlocks(routes: readonly RouteIr[], inferencePaths: readonly string[]): Block[] {
  const blocks: Block[] = [];
  for (const route of routes) {
    const model = exactModel(route.match);
    const last = blocks.at(-1);
    if (model === undefined) {
      if (last?.kind === 'list') last.routes.push(route);
      else blocks.push({ kind: 'list', routes: [route] });
      continue;
    }
    const models = reachableModels(blocks, route.match, model, inferencePaths);
    const ofModel = models.get(model);
    if (ofModel) ofModel.push(route);
    else models.set(model, [route]);
  }
  return blocks;
}

/** The nearest map of models that a route can join without passing a route that might match before it. */
function reachableModels(
  blocks: Block[],
  match: MatchIr,
  model: string,
  inferencePaths: readonly string[],
): Map<string, RouteIr[]> {
  for (let i = blocks.length - 1; i >= 0; i--) {
    const block = blocks[i];
    if (block === undefined) break;
    if (block.kind === 'models') return block.models;
    if (!block.routes.every((other) => cannotBothMatch(other.match, match, model, inferencePaths))) break;
  }
  const block: Block = { kind: 'models', models: new Map() };
  blocks.push(block);
  return block.models;
}

/** True only where it is certain: `other` matches no request of an inference route for `model`. */
function cannotBothMatch(other: MatchIr, match: MatchIr, model: string, inferencePaths: readonly string[]): boolean {
  if (other.method !== undefined && other.method !== 'POST') return true;
  const { path } = other;
  if (path && path.type !== 'regex' && !inferencePaths.some((candidate) => pathMatches(path, candidate))) return true;
  return other.headers.some((header) => {
    if (header.name === MODEL_HEADER) return !valueMatches(header, model);
    const same = match.headers.find((candidate) => candidate.name === header.name);
    return same?.type === 'exact' && !valueMatches(header, same.value);
  });
}

function pathMatches(path: NonNullable<MatchIr['path']>, candidate: string): boolean {
  if (path.type === 'exact') return path.value === candidate;
  const prefix = path.value.replace(/\/+$/, '');
  return candidate === prefix || candidate.startsWith(`${prefix}/`);
}

function valueMatches(match: ValueMatchIr, value: string): boolean {
  return match.type === 'exact' ? match.value === value : RE2JS.compile(match.value).matches(value);
}

function exactModel(match: MatchIr): string | undefined {
  if (!match.inference) return undefined;
  const header = match.headers.find((candidate) => candidate.name === MODEL_HEADER);
  return header?.type === 'exact' ? header.value : undefined;
}

/** Routes one after the other. `modelKnown`: they stand under their model already. */
function emitList(
  routes: readonly RouteIr[],
  target: RouteTarget,
  next: XdsTypeMatcherV3MatcherOnMatch | undefined,
  modelKnown: boolean,
): XdsTypeMatcherV3MatcherOnMatch {
  // A route without conditions of its own ends the list, unless its target can find nothing.
  const conditions = routes.map((route) => predicatesOf(route.match, modelKnown));
  const open = conditions.findIndex((predicates) => predicates.length === 0);
  const openRoute = routes[open];
  let tail = next;
  if (openRoute) {
    const rest = routes.slice(open + 1);
    const after = rest.length > 0 ? emitList(rest, target, next, modelKnown) : next;
    tail = fallThrough(target(openRoute), after);
  }
  const listed = routes.slice(0, open < 0 ? routes.length : open);
  if (listed.length === 0) return tail ?? {};
  const matcher: XdsTypeMatcherV3Matcher = {
    matcher_list: {
      matchers: listed.map((route, i) => ({ predicate: allOf(conditions[i] ?? []), on_match: target(route) })),
    },
    ...(tail && { on_no_match: tail }),
  };
  return { matcher };
}

/** `first`, and `next` where `first` is a matcher that finds nothing. */
function fallThrough(
  first: XdsTypeMatcherV3MatcherOnMatch,
  next: XdsTypeMatcherV3MatcherOnMatch | undefined,
): XdsTypeMatcherV3MatcherOnMatch {
  if (first.matcher === undefined || next === undefined) return first;
  return { matcher: { ...first.matcher, on_no_match: next } };
}

function predicatesOf(match: MatchIr, modelKnown: boolean): XdsTypeMatcherV3MatcherMatcherListPredicate[] {
  const predicates: XdsTypeMatcherV3MatcherMatcherListPredicate[] = [];
  if (match.path && !(match.path.type === 'prefix' && match.path.value.replace(/\/+$/, '') === '')) {
    predicates.push(single(headerInput(':path'), { safe_regex: re2(pathRegex(match.path)) }));
  }
  if (match.method !== undefined) predicates.push(single(headerInput(':method'), { exact: match.method }));
  for (const header of match.headers) {
    if (modelKnown && header.name === MODEL_HEADER) continue;
    predicates.push(single(headerInput(header.name), valueMatcher(header)));
  }
  for (const param of match.queryParams) {
    predicates.push(single(queryInput(param.name), valueMatcher(param)));
  }
  return predicates;
}

/** A regular expression over path and query that says what a path match says over the path. */
function pathRegex(path: NonNullable<MatchIr['path']>): string {
  switch (path.type) {
    case 'exact':
      return `${RE2JS.quote(path.value)}(\\?.*)?`;
    case 'prefix':
      return `${RE2JS.quote(path.value.replace(/\/+$/, ''))}([/?].*)?`;
    case 'regex':
      return `(?:${path.value})(\\?.*)?`;
  }
}

function valueMatcher(match: ValueMatchIr): XdsTypeMatcherV3StringMatcher {
  return match.type === 'exact' ? { exact: match.value } : { safe_regex: re2(match.value) };
}

/** The engine must be named here, unlike in the rest of the API. */
function re2(regex: string): { google_re2: object; regex: string } {
  return { google_re2: {}, regex };
}

function single(
  input: XdsCoreV3TypedExtensionConfig,
  value: XdsTypeMatcherV3StringMatcher,
): XdsTypeMatcherV3MatcherMatcherListPredicate {
  return { single_predicate: { input, value_match: value } };
}

function allOf(
  predicates: readonly XdsTypeMatcherV3MatcherMatcherListPredicate[],
): XdsTypeMatcherV3MatcherMatcherListPredicate {
  const [first] = predicates;
  return predicates.length === 1 && first ? first : { and_matcher: { predicate: predicates } };
}

/** The request header `name` as the input of a matcher. */
export function headerInput(name: string): XdsCoreV3TypedExtensionConfig {
  return {
    name: 'header',
    typed_config: typedAny('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: name }),
  };
}

function queryInput(name: string): XdsCoreV3TypedExtensionConfig {
  return {
    name: 'query',
    typed_config: typedAny('envoy.type.matcher.v3.HttpRequestQueryParamMatchInput', { query_param: name }),
  };
}

/** What to do for each API family; a request that is no inference request finds nothing here. */
export function byApi(
  targets: Readonly<Record<string, XdsTypeMatcherV3MatcherOnMatch>>,
): XdsTypeMatcherV3MatcherOnMatch {
  return {
    matcher: { matcher_tree: { input: headerInput(API_HEADER), prefix_match_map: { map: targets } } },
  };
}
