import {
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
  type XdsTypeMatcherV3MatcherMatcherListPredicate,
} from './schema/index.ts';

type HttpFilter = ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter;

/** A header has this value. */
export function headerIs(header: string, value: string): XdsTypeMatcherV3MatcherMatcherListPredicate {
  const typed_config = typedAny('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: header });
  return { single_predicate: { input: { name: 'header', typed_config }, value_match: { exact: value } } };
}

/** A filter that does nothing for requests that the predicate is true of, as their headers are when they come to it. */
export function skippedWhere(
  predicate: XdsTypeMatcherV3MatcherMatcherListPredicate,
  name: string,
  { name: inner = '', typed_config }: HttpFilter,
): HttpFilter {
  const skip = typedAny('envoy.extensions.filters.common.matcher.action.v3.SkipFilter', {});
  return {
    name,
    typed_config: typedAny(MATCHED, {
      xds_matcher: {
        matcher_list: { matchers: [{ predicate, on_match: { action: { name: 'skip', typed_config: skip } } }] },
      },
      extension_config: { name: inner, ...(typed_config && { typed_config }) },
    }),
  };
}

export const MATCHED = 'envoy.extensions.common.matching.v3.ExtensionWithMatcher';
