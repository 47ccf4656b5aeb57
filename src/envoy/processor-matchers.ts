/** Which attempts pass over a filter of the processor's. */
import { ATTEMPT_KEY } from '../providers/attempt-facts.ts';
import { METADATA_NAMESPACE } from './names.ts';
import { type Any, typedAny, type XdsTypeMatcherV3Matcher } from './schema/index.ts';

export interface PlainFilter {
  readonly name: string;
  readonly typed_config: Any;
}

const SKIP = {
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
  const matching = { xds_matcher, extension_config };
  return { name, typed_config: typedAny('envoy.extensions.common.matching.v3.ExtensionWithMatcher', matching) };
}

/** Skips where the request accepts this media type. */
export function unlessAccepted(type: string): XdsTypeMatcherV3Matcher {
  return {
    matcher_tree: {
      input: {
        name: 'accept',
        typed_config: typedAny('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: 'accept' }),
      },
      exact_match_map: { map: { [type]: SKIP } },
    },
  };
}

/** Skips attempts that are not translated; `next` decides about the others. */
export function unlessTranslated(next?: XdsTypeMatcherV3Matcher): XdsTypeMatcherV3Matcher {
  return { ...unlessNoted(METADATA_NAMESPACE, ATTEMPT_KEY), ...(next && { on_no_match: { matcher: next } }) };
}

/** Skips where the dynamic metadata has no text under this key. */
export function unlessNoted(filter: string, key: string): XdsTypeMatcherV3Matcher {
  const noted = {
    input: {
      name: 'noted',
      typed_config: typedAny('envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput', {
        filter,
        path: [{ key }],
      }),
    },
    custom_match: {
      name: 'text',
      typed_config: typedAny('envoy.extensions.matching.input_matchers.metadata.v3.Metadata', {
        value: { string_match: { safe_regex: { regex: '(?s).+' } } },
      }),
    },
  };
  return {
    matcher_list: { matchers: [{ predicate: { not_matcher: { single_predicate: noted } }, on_match: SKIP }] },
  };
}
