import { ATTEMPT_ATTRIBUTE, ATTEMPT_KEY, PROVIDER_ATTRIBUTE } from '../../providers/attempt-facts.ts';
import { scriptFilter } from '../lua.ts';
import { API_HEADER, CREDENTIALS_NAMESPACE, METADATA_NAMESPACE } from '../names.ts';
import { bothBodies, externalProcessor, headScript, REQUESTS_ALONE, SWITCHED_ON, wholeFilter } from '../processor.ts';
import {
  type Any,
  type ConfigRouteV3HeaderMatcher,
  type ExtensionsFiltersHttpExtProcV3ExternalProcessor,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
} from '../schema/index.ts';
import { olderScript } from './script.ts';

/**
 * Translation on Envoys before 1.40: in the listener of attempts, which each attempt passes once and where its cluster is
 * known. So there is one set of filters for all providers, switched off, and the route of a translated attempt switches
 * on those it needs. What Envoy or the processor answers there is an answer to the first pass, which may retry it.
 */

/** What the processor is told of an attempt, from the script of attempts; absent for one that is not translated. */
export const ATTEMPT_HEADER = 'x-headgate-attempt';

const FILTERS = {
  script: 'headgate/translated',
  copy: 'headgate/translate/copy',
  unary: 'headgate/translate/unary',
  stream: 'headgate/translate/stream',
  whole: 'headgate/translate/whole',
  head: 'headgate/translate/head',
} as const;

/** In the order of the request. */
export function translatingFilters(): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  return [
    { ...olderScript('translated'), name: FILTERS.script },
    // Nobody reads what comes back.
    { name: FILTERS.copy, typed_config: asking(REQUESTS_ALONE) },
    { name: FILTERS.unary, typed_config: asking(bothBodies('BUFFERED')) },
    { name: FILTERS.stream, typed_config: asking(bothBodies('STREAMED')) },
    wholeFilter(FILTERS.whole),
    scriptFilter(FILTERS.head, headScript(true)),
  ].map((filter) => ({ ...filter, disabled: true }));
}

/** The attempt is told by a header, so the provider comes from the metadata of its cluster. */
function asking(what: ExtensionsFiltersHttpExtProcV3ExternalProcessor): Any {
  return externalProcessor({ ...what, request_attributes: [PROVIDER_ATTRIBUTE, ATTEMPT_ATTRIBUTE] });
}

/** What an attempt is known by, and what its route switches on. */
export interface TranslatingRoute {
  readonly headers: readonly ConfigRouteV3HeaderMatcher[];
  readonly filters: { readonly [name: string]: Any };
}

/** The first one that matches is meant. */
export const TRANSLATING_ROUTES: readonly TranslatingRoute[] = (['copy', 'stream', 'unary'] as const).map((kind) => ({
  headers: [
    {
      name: ATTEMPT_HEADER,
      ...(kind === 'unary' ? { present_match: true } : { string_match: { contains: ` ${kind}` } }),
    },
  ],
  filters: {
    ...(kind !== 'copy' && { [FILTERS.script]: SWITCHED_ON.script }),
    [FILTERS[kind]]: SWITCHED_ON.processor,
    [FILTERS.whole]: SWITCHED_ON.whole,
    [FILTERS.head]: SWITCHED_ON.script,
  },
}));

/** AWS keys of the request, for the filter of the cluster that signs with them. */
const KEYS_HEADER = 'x-headgate-keys';

/**
 * Makes metadata of what the script of attempts says in headers: what is to be translated, whose errors the client
 * knows, and which keys sign.
 */
export function toldFilter(): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  const told = [
    [API_HEADER, METADATA_NAMESPACE, 'api'],
    [ATTEMPT_HEADER, METADATA_NAMESPACE, ATTEMPT_KEY],
    [KEYS_HEADER, CREDENTIALS_NAMESPACE, 'keys'],
  ] as const;
  return {
    name: 'envoy.filters.http.header_to_metadata',
    typed_config: typedAny('envoy.extensions.filters.http.header_to_metadata.v3.Config', {
      request_rules: told.map(([header, metadata_namespace, key]) => ({
        header,
        on_header_present: { metadata_namespace, key },
        remove: true,
      })),
    }),
  };
}
