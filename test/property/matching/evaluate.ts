/** What Envoy does with an xDS matcher, in so far as routes use it. Real Envoy is held to it in test/envoy/routing. */
import { RE2JS } from 're2js';

type Json = Readonly<Record<string, unknown>>;

/** Inputs of a matcher: headers by lower-case name, pseudo headers included. */
export interface MatchInputs {
  readonly headers: ReadonlyMap<string, string>;
  readonly query: ReadonlyMap<string, string>;
}

/** Name of the route that a matcher leads to; `undefined` where it finds nothing. */
export function evaluate(matcher: unknown, inputs: MatchInputs): string | undefined {
  const { matcher_list: list, matcher_tree: tree, on_no_match: otherwise } = matcher as Json;
  const found = list === undefined ? fromTree(tree as Json, inputs) : fromList(list as Json, inputs);
  return found ?? (otherwise === undefined ? undefined : follow(otherwise as Json, inputs));
}

function follow(onMatch: Json, inputs: MatchInputs): string | undefined {
  if (onMatch.matcher !== undefined) return evaluate(onMatch.matcher, inputs);
  const { typed_config: action } = onMatch.action as { typed_config: { name: string; routes?: readonly Json[] } };
  if (action.routes === undefined) return action.name;
  const first = action.routes.find((route) => routeMatches(route.match as Json, inputs));
  // Nothing comes after a list.
  return first === undefined ? 'none' : String(first.name);
}

/** The match of a route, which sees the path without its query. */
function routeMatches(match: Json, inputs: MatchInputs): boolean {
  const path = inputs.headers.get('x-headgate-path') ?? '';
  const {
    path_separated_prefix: segments,
    path: exact,
    prefix,
    safe_regex: regex,
  } = match as Record<string, string> & {
    safe_regex?: { regex: string };
  };
  if (segments !== undefined && path !== segments && !path.startsWith(`${segments}/`)) return false;
  if (exact !== undefined && path !== exact) return false;
  if (prefix !== undefined && !path.startsWith(prefix)) return false;
  if (regex !== undefined && !textMatches({ safe_regex: regex }, path)) return false;
  const hold = (conditions: unknown, values: ReadonlyMap<string, string>): boolean =>
    ((conditions ?? []) as { name: string; string_match: Json }[]).every(({ name, string_match: wanted }) => {
      const value = values.get(name);
      return value !== undefined && textMatches(wanted, value);
    });
  return hold(match.headers, inputs.headers) && hold(match.query_parameters, inputs.query);
}

/** An entry whose own matcher finds nothing is passed over. */
function fromList(list: Json, inputs: MatchInputs): string | undefined {
  for (const { predicate, on_match } of list.matchers as { predicate: Json; on_match: Json }[]) {
    const found = holds(predicate, inputs) ? follow(on_match, inputs) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function fromTree(tree: Json, inputs: MatchInputs): string | undefined {
  const value = inputValue(tree.input as Json, inputs);
  if (value === undefined) return undefined;
  const exact = (tree.exact_match_map as { map: Record<string, Json> } | undefined)?.map;
  if (exact !== undefined) {
    const entry = Object.hasOwn(exact, value) ? exact[value] : undefined;
    return entry && follow(entry, inputs);
  }
  const { map } = tree.prefix_match_map as { map: Record<string, Json> };
  const longest = Object.keys(map)
    .filter((prefix) => value.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0];
  const entry = longest === undefined ? undefined : map[longest];
  return entry && follow(entry, inputs);
}

function holds(predicate: Json, inputs: MatchInputs): boolean {
  const { and_matcher: and, or_matcher: or, single_predicate: single } = predicate as Record<string, Json | undefined>;
  if (and !== undefined) return (and.predicate as Json[]).every((part) => holds(part, inputs));
  if (or !== undefined) return (or.predicate as Json[]).some((part) => holds(part, inputs));
  if (single === undefined) throw new Error(`unknown predicate ${JSON.stringify(predicate)}`);
  const value = inputValue(single.input as Json, inputs);
  return value !== undefined && textMatches(single.value_match as Json, value);
}

function textMatches(match: Json, value: string): boolean {
  const {
    exact,
    prefix,
    safe_regex: regex,
  } = match as { exact?: string; prefix?: string; safe_regex?: { regex: string } };
  if (exact !== undefined) return value === exact;
  if (prefix !== undefined) return value.startsWith(prefix);
  if (regex !== undefined) return RE2JS.compile(regex.regex).matches(value);
  throw new Error(`unknown string matcher ${JSON.stringify(match)}`);
}

function inputValue(input: Json, inputs: MatchInputs): string | undefined {
  const { header_name: header } = input.typed_config as { header_name?: string };
  // Envoy refuses a route's matcher that looks at anything else.
  if (header === undefined) throw new Error(`no input of a route's matcher: ${JSON.stringify(input)}`);
  return inputs.headers.get(header);
}
