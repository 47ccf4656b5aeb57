import type { MatchIr, RouteIr } from '../../ir/index.ts';
import type { RouteSource } from './routes.ts';

/** A route with its place among routes of equal conditions. */
export interface RankedRoute {
  readonly route: RouteIr;
  /** Place of its object in the order of age, then of the rule and of the match. */
  readonly order: readonly [object: number, rule: number, match: number];
}

/** A route of a host, and where it comes from. */
export interface HostRoute extends RankedRoute {
  readonly hostname: string;
  readonly source: RouteSource;
  readonly rule: number;
  readonly route: RouteIr;
}

/**
 * Orders routes of one host: exact paths, then expressions, then prefixes, each the longer first; then those with a
 * method, with more headers, with more query parameters; then the older object, and the order in the object. An
 * AIGatewayRoute's match counts as the prefix `/`.
 * Source: Gateway API, HTTPRouteRule; expressions, which it leaves open, as Envoy Gateway has them.
 */
export function compareRoutes(a: RankedRoute, b: RankedRoute): number {
  const [x, y] = [a.route.match, b.route.match];
  return (
    pathRank(y) - pathRank(x) ||
    pathLength(y) - pathLength(x) ||
    Number(y.method !== undefined) - Number(x.method !== undefined) ||
    y.headers.length - x.headers.length ||
    y.queryParams.length - x.queryParams.length ||
    a.order[0] - b.order[0] ||
    a.order[1] - b.order[1] ||
    a.order[2] - b.order[2]
  );
}

function pathRank({ path }: MatchIr): number {
  return path?.type === 'exact' ? 2 : path?.type === 'regex' ? 1 : 0;
}

function pathLength({ path }: MatchIr): number {
  return path?.value.length ?? 1;
}

/**
 * Text that is equal for matches with the same conditions. With this order, a route can hide a later one only if their
 * conditions are the same, so that is all there is to look for.
 */
export function conditionsOf(match: MatchIr): string {
  const sorted = (values: MatchIr['headers']): string[] =>
    values.map((v) => JSON.stringify([v.name, v.type, v.value])).sort();
  return JSON.stringify([match.path ?? null, match.method ?? null, sorted(match.headers), sorted(match.queryParams)]);
}
