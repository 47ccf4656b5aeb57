/** Which attempts pass over a filter of the processor's. */
import { ATTEMPT_KEY } from '../providers/attempt-facts.ts';
import { headerInput } from './match-predicates.ts';
import { METADATA_NAMESPACE } from './names.ts';
import { typedAny, type XdsTypeMatcherV3Matcher } from './schema/index.ts';
import { SKIP, skipWhere } from './skip-filter.ts';

/** Skips where the request accepts this media type. */
export function unlessAccepted(type: string): XdsTypeMatcherV3Matcher {
  return {
    matcher_tree: {
      input: { ...headerInput('accept'), name: 'accept' },
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
  return skipWhere({ not_matcher: { single_predicate: noted } });
}
