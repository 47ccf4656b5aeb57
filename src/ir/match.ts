/**
 * Which route serves a request, by reading the list from the top: what routes mean, as HTTPRoute says it. Envoy gets a
 * tree instead (envoy/match-tree.ts), which a property test holds to this.
 */
import { RE2JS } from 're2js';
import { createLru } from '../lib/lru.ts';
import type { HostIr } from './gateway.ts';
import type { MatchIr, PathMatchIr, RouteIr, ValueMatchIr } from './route.ts';

/** One expression is asked about many values: about each of thousands of models, say. */
const expressions = createLru<RE2JS>(1000);

function expression(text: string): RE2JS {
  return expressions.take(text, () => RE2JS.compile(text));
}

/** A request, as far as routes look at it. */
export interface MatchRequest {
  readonly method: string;
  /** Normalized and without its query. */
  readonly path: string;
  /** The first value of each parameter, decoded. */
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name; several values joined by commas. An inference request has its model in `x-ai-eg-model`. */
  readonly headers: ReadonlyMap<string, string>;
  /** An inference endpoint was asked for, and the model was read from the body. */
  readonly inference: boolean;
}

/** The first condition of a match that a request does not meet. */
export type Mismatch =
  | { readonly kind: 'inference' }
  | { readonly kind: 'path'; readonly wanted: PathMatchIr; readonly got: string }
  | { readonly kind: 'method'; readonly wanted: string; readonly got: string }
  | { readonly kind: 'header' | 'query'; readonly wanted: ValueMatchIr; readonly got: string | undefined };

/** The route that serves a request: the first that matches. */
export function matchRoute(routes: readonly RouteIr[], request: MatchRequest): RouteIr | undefined {
  return routes.find((route) => firstMismatch(route.match, request) === undefined);
}

/** Why a match does not take a request; `undefined` when it does. */
export function firstMismatch(match: MatchIr, request: MatchRequest): Mismatch | undefined {
  if (match.inference && !request.inference) return { kind: 'inference' };
  if (match.path && !pathMatches(match.path, request.path)) {
    return { kind: 'path', wanted: match.path, got: request.path };
  }
  if (match.method !== undefined && match.method !== request.method) {
    return { kind: 'method', wanted: match.method, got: request.method };
  }
  for (const wanted of match.headers) {
    const got = request.headers.get(wanted.name);
    if (!valueMatches(wanted, got)) return { kind: 'header', wanted, got };
  }
  for (const wanted of match.queryParams) {
    const got = request.query.get(wanted.name);
    if (!valueMatches(wanted, got)) return { kind: 'query', wanted, got };
  }
  return undefined;
}

/** Whether a path without query meets a path match. */
export function pathMatches({ type, value }: PathMatchIr, path: string): boolean {
  switch (type) {
    case 'exact':
      return path === value;
    case 'prefix': {
      const prefix = value.replace(/\/+$/, '');
      return path === prefix || path.startsWith(`${prefix}/`);
    }
    case 'regex':
      return expression(value).matches(path);
  }
}

/** Whether a header or parameter has what is wanted: what is absent matches nothing, not even an empty text. */
export function valueMatches({ type, value }: ValueMatchIr, got: string | undefined): boolean {
  if (got === undefined) return false;
  return type === 'exact' ? got === value : expression(value).matches(got);
}

/**
 * The host of a chain that serves a name: the name itself, else the longest wildcard, else `*`.
 * Shape: `authority` may have a port, which does not count.
 */
export function chooseHost(hosts: readonly HostIr[], authority: string): HostIr | undefined {
  const name = authority.replace(/:\d+$/, '').toLowerCase();
  const best = chooseName(
    hosts.map((host) => host.hostname),
    name,
  );
  return hosts.find((host) => host.hostname === best);
}

/** The most specific of names with wildcards (`*.example.com`, `*`) that covers a host name. */
export function chooseName(names: readonly string[], host: string): string | undefined {
  if (names.includes(host)) return host;
  const wildcards = names.filter(
    (name) => name.startsWith('*.') && host.length >= name.length && host.endsWith(name.slice(1)),
  );
  const longest = wildcards.sort((a, b) => b.length - a.length)[0];
  return longest ?? names.find((name) => name === '*');
}
