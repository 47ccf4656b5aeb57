/**
 * The matcher tree of a virtual host: which route serves a request, found through a map of model names instead of a
 * list. It says the same as the list of routes read from the top (a property test holds it to that).
 *
 * Routes of one exact model go into a map of models; all others into ordered lists. Blocks of both kinds follow each
 * other in the order of precedence, and a block in which nothing matches passes on to the next one (`on_no_match`). A
 * route of an exact model may move up past a list when no route in that list can match what it matches. What is left
 * after some blocks is one list. From the first route with a query parameter on, all stands in a list of another kind
 * (match-list.ts).
 */
import { type MatchIr, MODEL_HEADER, type RouteIr } from '../ir/index.ts';
import { valueMatches } from '../ir/match.ts';
import { emitRouteList } from './match-list.ts';
import { headerInput, type Predicate, predicatesOf } from './match-predicates.ts';
import { API_HEADER } from './names.ts';
import type { XdsTypeMatcherV3MatcherOnMatch } from './schema/index.ts';

/** What a route leads to. */
export type RouteTarget = (route: RouteIr) => XdsTypeMatcherV3MatcherOnMatch;

type Block =
  | { readonly kind: 'models'; readonly models: Map<string, RouteIr[]> }
  | { readonly kind: 'list'; readonly routes: RouteIr[] };

/** Shape: routes in order of precedence in, matcher out; `otherwise` is where a request goes that no route matches. */
export function emitMatchTree(
  routes: readonly RouteIr[],
  target: RouteTarget,
  otherwise: XdsTypeMatcherV3MatcherOnMatch,
): XdsTypeMatcherV3MatcherOnMatch {
  const firstQuery = routes.findIndex(({ match }) => match.queryParams.length > 0);
  const tree = firstQuery < 0 ? routes : routes.slice(0, firstQuery);
  const rest = firstQuery < 0 ? otherwise : emitRouteList(routes.slice(firstQuery), target, otherwise);
  return toBlocks(tree).reduceRight<XdsTypeMatcherV3MatcherOnMatch>((next, block) => {
    if (block.kind === 'list') return emitList(block.routes, target, next, false);
    const map: Record<string, XdsTypeMatcherV3MatcherOnMatch> = {};
    for (const [model, ofModel] of block.models) map[model] = emitList(ofModel, target, undefined, true);
    return {
      matcher: {
        matcher_tree: { input: headerInput(MODEL_HEADER), exact_match_map: { map } },
        on_no_match: next,
      },
    };
  }, rest);
}

/** Each block stands inside of the one before; protobuf allows messages to nest 100 deep. */
const MAX_BLOCKS = 16;

function toBlocks(routes: readonly RouteIr[]): Block[] {
  const blocks = sortIntoBlocks(routes);
  if (blocks.length <= MAX_BLOCKS) return blocks;
  const rest = blocks
    .slice(MAX_BLOCKS - 1)
    .flatMap((block) => (block.kind === 'list' ? block.routes : [...block.models.values()].flat()));
  return [...blocks.slice(0, MAX_BLOCKS - 1), { kind: 'list', routes: rest }];
}

function sortIntoBlocks(routes: readonly RouteIr[]): Block[] {
  const blocks: Block[] = [];
  for (const route of routes) {
    const model = exactModel(route.match);
    const last = blocks.at(-1);
    if (model === undefined) {
      if (last?.kind === 'list') last.routes.push(route);
      else blocks.push({ kind: 'list', routes: [route] });
      continue;
    }
    const models = reachableModels(blocks, route.match, model);
    const ofModel = models.get(model);
    if (ofModel) ofModel.push(route);
    else models.set(model, [route]);
  }
  return blocks;
}

/** The nearest map of models that a route can join without passing a route that might match before it. */
function reachableModels(blocks: Block[], match: MatchIr, model: string): Map<string, RouteIr[]> {
  for (let i = blocks.length - 1; i >= 0; i--) {
    const block = blocks[i];
    if (block === undefined) break;
    if (block.kind === 'models') return block.models;
    if (!block.routes.every((other) => cannotBothMatch(other.match, match, model))) break;
  }
  const block: Block = { kind: 'models', models: new Map() };
  blocks.push(block);
  return block.models;
}

/** True only where it is certain: `other` matches nothing that `match`, of that very model, matches. */
function cannotBothMatch(other: MatchIr, match: MatchIr, model: string): boolean {
  return other.headers.some((header) => {
    if (header.name === MODEL_HEADER) return !valueMatches(header, model);
    const same = match.headers.find((candidate) => candidate.name === header.name);
    return same?.type === 'exact' && !valueMatches(header, same.value);
  });
}

function exactModel(match: MatchIr): string | undefined {
  const header = match.headers.find((candidate) => candidate.name === MODEL_HEADER);
  // The one key that cannot be trusted to stay a key of an object.
  return header?.type === 'exact' && header.value !== '__proto__' ? header.value : undefined;
}

/** Routes one after the other. `modelKnown`: they stand under their model already. */
function emitList(
  routes: readonly RouteIr[],
  target: RouteTarget,
  next: XdsTypeMatcherV3MatcherOnMatch | undefined,
  modelKnown: boolean,
): XdsTypeMatcherV3MatcherOnMatch {
  const matchers: { predicate: Predicate; on_match: XdsTypeMatcherV3MatcherOnMatch }[] = [];
  let last = next;
  for (const route of routes) {
    const predicate = predicatesOf(route.match, modelKnown ? MODEL_HEADER : undefined);
    if (predicate === undefined) {
      // A route without conditions ends the list.
      last = target(route);
      break;
    }
    matchers.push({ predicate, on_match: target(route) });
  }
  if (matchers.length === 0) return last ?? {};
  return { matcher: { matcher_list: { matchers }, ...(last && { on_no_match: last }) } };
}

/** What to do for each API family; a request that is no inference request finds nothing here. */
export function byApi(
  targets: Readonly<Record<string, XdsTypeMatcherV3MatcherOnMatch>>,
): XdsTypeMatcherV3MatcherOnMatch {
  return {
    matcher: { matcher_tree: { input: headerInput(API_HEADER), prefix_match_map: { map: targets } } },
  };
}
