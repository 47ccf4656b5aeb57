/** Which nodes a status request is about. Source: envoy.type.matcher.v3.NodeMatcher. */
import { RE2JS } from 're2js';
import type {
  TypeMatcherV3NodeMatcher as NodeMatcher,
  TypeMatcherV3StringMatcher as StringMatcher,
  TypeMatcherV3StructMatcher as StructMatcher,
  TypeMatcherV3ValueMatcher as ValueMatcher,
} from '../envoy/schema/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { NodeInfo } from './node.ts';

/** Whether any of the matchers takes the node; none at all take every node. Errors: GatewayError `invalid_input`. */
export function matchesNode(matchers: readonly NodeMatcher[], node: NodeInfo): boolean {
  return matchers.length === 0 || matchers.some((matcher) => matchesOne(matcher, node));
}

function matchesOne({ node_id, node_metadatas = [] }: NodeMatcher, node: NodeInfo): boolean {
  if (node_id !== undefined && !matchesString(node_id, node.id)) return false;
  return node_metadatas.every((matcher) => matchesStruct(matcher, node.metadata));
}

function matchesStruct({ path = [], value }: StructMatcher, metadata: unknown): boolean {
  let found = metadata;
  for (const { key = '' } of path) {
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, key) ? Reflect.get(found, key) : undefined;
  }
  return value !== undefined && matchesValue(value, found);
}

function matchesValue(matcher: ValueMatcher, value: unknown): boolean {
  if (matcher.null_match !== undefined) return value === null;
  if (matcher.string_match !== undefined)
    return typeof value === 'string' && matchesString(matcher.string_match, value);
  if (matcher.bool_match !== undefined) return value === matcher.bool_match;
  if (matcher.present_match !== undefined) return (value !== undefined) === matcher.present_match;
  if (matcher.double_match !== undefined)
    return typeof value === 'number' && matchesNumber(matcher.double_match, value);
  const { list_match, or_match } = matcher;
  if (or_match !== undefined) return (or_match.value_matchers ?? []).some((one) => matchesValue(one, value));
  const one = list_match?.one_of;
  return one !== undefined && Array.isArray(value) && value.some((item) => matchesValue(one, item));
}

function matchesNumber({ exact, range }: NonNullable<ValueMatcher['double_match']>, value: number): boolean {
  if (range === undefined) return value === Number(exact ?? 0);
  return value >= Number(range.start ?? 0) && value < Number(range.end ?? 0);
}

function matchesString(matcher: StringMatcher, text: string): boolean {
  const { exact, prefix, suffix, contains, safe_regex, ignore_case = false } = matcher;
  // The regular expression is not concerned by `ignore_case`.
  if (safe_regex !== undefined) return compile(safe_regex.regex ?? '').matches(text);
  const fold = (value: string): string => (ignore_case ? value.toLowerCase() : value);
  const subject = fold(text);
  if (exact !== undefined) return subject === fold(exact);
  if (prefix !== undefined) return subject.startsWith(fold(prefix));
  if (suffix !== undefined) return subject.endsWith(fold(suffix));
  if (contains !== undefined) return subject.includes(fold(contains));
  throw new GatewayError('invalid_input', 'a node matcher has no pattern that is known here');
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input', 'a node matcher has a broken regular expression');
  }
}
