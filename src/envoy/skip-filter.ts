/** Filters that some requests pass over. */
import type { Predicate } from './match-predicates.ts';
import { type Any, typedAny, type XdsTypeMatcherV3Matcher } from './schema/index.ts';

export interface PlainFilter {
  readonly name: string;
  readonly typed_config: Any;
}

/** Type of the filters that `matched` makes. */
export const MATCHED = 'envoy.extensions.common.matching.v3.ExtensionWithMatcher';

/** What a matcher says of a request that passes over the filter. */
export const SKIP = {
  action: {
    name: 'skip',
    typed_config: typedAny('envoy.extensions.filters.common.matcher.action.v3.SkipFilter', {}),
  },
};

/** The filter under this name, passed over where the matcher says so. */
export function matched(
  name: string,
  xds_matcher: XdsTypeMatcherV3Matcher,
  extension_config: PlainFilter,
): PlainFilter {
  return { name, typed_config: typedAny(MATCHED, { xds_matcher, extension_config }) };
}

/** A filter that does nothing for requests that the predicate is true of, as their headers are when they come to it. */
export function skippedWhere(predicate: Predicate, name: string, filter: PlainFilter): PlainFilter {
  return matched(name, skipWhere(predicate), filter);
}

/** A matcher for `matched`. */
export function skipWhere(predicate: Predicate): XdsTypeMatcherV3Matcher {
  return { matcher_list: { matchers: [{ predicate, on_match: SKIP }] } };
}
