import { API_ENDPOINTS, type ApiFamily, type ProviderIr } from '../ir/index.ts';
import { protoDuration } from '../lib/units.ts';
import {
  ANSWER_ATTRIBUTE,
  ANSWER_KEY,
  ANSWER_SEPARATOR,
  ATTEMPT_ATTRIBUTE,
  CONNECTED_ATTRIBUTE,
  PATH_KEY,
  READ_HEADERS,
  REFUSAL_ATTRIBUTE,
  REFUSAL_KEY,
  TRANSLATED_NAMESPACE,
} from '../providers/attempt-facts.ts';
import { nativePath, providerFacts } from '../providers/index.ts';
import { scriptFilter } from './lua.ts';
import { METADATA_NAMESPACE, PROCESSOR_CLUSTER, TRANSLATED_LUA_FILTER } from './names.ts';
import { unlessAccepted, unlessNoted, unlessTranslated } from './processor-matchers.ts';
import {
  type Any,
  type ExtensionsFiltersHttpExtProcV3ExternalProcessor,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
  type XdsTypeMatcherV3Matcher,
} from './schema/index.ts';
import { matched, type PlainFilter } from './skip-filter.ts';

/**
 * Translation of attempts by the processor. Its filters stand in the clusters of providers, switched off, and the route of
 * a request that is to be translated switches on those of the client's API: a cluster has them once, and what a provider
 * takes as it is never meets them.
 *
 * The processor gets bodies alone, the request's and the answer's: headers, path and status are seen to by the script,
 * which runs before (docs/decisions.md). So `whole` holds the headers of the request until its body is translated, and
 * `head` behind it changes the path where the translation says so, and notes the headers of the answer for the processor.
 * `refusal` ends an attempt that cannot be translated, so that another backend can be asked.
 */
type Part = 'unary' | 'stream' | 'whole' | 'head' | 'refusal';

function filterName(family: ApiFamily, part: Part): string {
  return `headgate/translate/${family}/${part}`;
}

/**
 * Longest that the processor may take for one message, those that came before included: 100 KB take it a few milliseconds,
 * 20 MB half a second. One that hangs is noticed by its health much earlier.
 */
const MESSAGE_TIMEOUT_MS = 60_000;
/** What a translated body may grow to; the gateway limits what clients send. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;
const UNARY_TYPE = 'application/json';

/** `mayGoOn`: a rule may have another backend beside this one. */
export function translateFilters(
  provider: ProviderIr,
  families: readonly ApiFamily[],
  mayGoOn: boolean,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  const { choosesPath } = providerFacts(provider.schema);
  const asking = (answers: 'BUFFERED' | 'STREAMED'): ExtensionsFiltersHttpExtProcV3ExternalProcessor => ({
    ...bothBodies(answers),
    ...(mayGoOn && { request_attributes: [ATTEMPT_ATTRIBUTE, CONNECTED_ATTRIBUTE] }),
  });
  return families.flatMap((family) => {
    const isMixed = servesSome(provider, family);
    const whole = wholeFilter(filterName(family, 'whole'));
    const head = headFilter(filterName(family, 'head'), choosesPath === true);
    return [
      processingFilter(filterName(family, 'unary'), asking('BUFFERED'), streamType(provider), isMixed),
      processingFilter(filterName(family, 'stream'), asking('STREAMED'), UNARY_TYPE, isMixed),
      { ...(isMixed ? matched(whole.name, unlessTranslated(), whole) : whole), disabled: true },
      { ...(isMixed ? matched(head.name, unlessTranslated(), head) : head), disabled: true },
      ...(mayGoOn ? [refusalFilter(filterName(family, 'refusal'))] : []),
    ];
  });
}

/** Takes some endpoints of the family as they are: what a route switches on for another backend may meet these. */
function servesSome(provider: ProviderIr, family: ApiFamily): boolean {
  return API_ENDPOINTS.some(({ name, api }) => api === family && nativePath(name, provider) !== undefined);
}

/** The same for copies of requests: no route switches anything on there, and nobody reads what comes back. */
export function mirrorFilters(
  provider: ProviderIr,
  families: readonly ApiFamily[],
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  if (families.length === 0) return [];
  const { choosesPath } = providerFacts(provider.schema);
  return [
    { ...askingFilter('headgate/translate/mirror', REQUESTS_ALONE, unlessTranslated()), disabled: false },
    wholeFilter('headgate/translate/mirror/whole'),
    ...(choosesPath ? [headFilter('headgate/translate/mirror/head', true)] : []),
  ];
}

/** Holds the headers of a request until its body is translated. */
export function wholeFilter(name: string): PlainFilter {
  const typed_config = typedAny('envoy.extensions.filters.http.buffer.v3.Buffer', {
    max_request_bytes: MAX_BODY_BYTES,
  });
  return { name, typed_config };
}

function headFilter(name: string, choosesPath: boolean): PlainFilter {
  return scriptFilter(name, headScript(choosesPath), {
    shared_vm_id: choosesPath ? 'headgate/path' : 'headgate/head',
  });
}

export function headScript(choosesPath: boolean): string {
  return choosesPath ? HEAD_SCRIPT + PATH_SCRIPT : HEAD_SCRIPT;
}

/**
 * Notes the head of an answer for the processor: Envoy lets no expression see headers that it does not send there. An answer
 * without a body never comes to the processor; it is marked for the script, from which ext_proc hides the length.
 */
const HEAD_SCRIPT = `local NAMES = { ${READ_HEADERS.map((name) => `'${name}'`).join(', ')} }
function envoy_on_response(handle)
  local headers, values = handle:headers(), {}
  for i = 1, #NAMES do values[i] = headers:get(NAMES[i]) or '' end
  handle:streamInfo():dynamicMetadata():set('${METADATA_NAMESPACE}', '${ANSWER_KEY}', table.concat(values, '\\${ANSWER_SEPARATOR.charCodeAt(0)}'))
  if headers:get('content-length') == '0' and values[1] == '200' then headers:replace(':status', '204') end
end
`;

/** Where the translation has chosen the path; `whole` has waited for it. */
const PATH_SCRIPT = `function envoy_on_request(handle)
  local translated = handle:streamInfo():dynamicMetadata():get('${TRANSLATED_NAMESPACE}')
  local path = translated and translated.${PATH_KEY}
  if path and path ~= '' then handle:headers():replace(':path', path) end
end
`;

/** Media type of a provider's streams. */
export function streamType({ schema }: ProviderIr): string {
  return providerFacts(schema).streamType ?? 'text/event-stream';
}

/** The script says by `accept` whether a stream is asked for; a filter is passed over where the other one is meant. */
function processingFilter(
  name: string,
  asking: ExtensionsFiltersHttpExtProcV3ExternalProcessor,
  skippedType: string,
  isMixed: boolean,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return askingFilter(
    name,
    asking,
    isMixed ? unlessTranslated(unlessAccepted(skippedType)) : unlessAccepted(skippedType),
  );
}

/** The body of the request, then that of the answer, whole or in pieces. */
export function bothBodies(answers: 'BUFFERED' | 'STREAMED'): ExtensionsFiltersHttpExtProcV3ExternalProcessor {
  return {
    ...REQUESTS_ALONE,
    processing_mode: { ...NO_BODIES, request_body_mode: 'BUFFERED', response_body_mode: answers },
    response_attributes: [ANSWER_ATTRIBUTE],
  };
}

/**
 * Asks once more where the translation has refused the request and another backend may follow. Of all that a filter of an
 * attempt can answer by itself, Envoy takes only a streamed answer to headers for one that may be retried.
 */
function refusalFilter(name: string): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return askingFilter(
    name,
    {
      processing_mode: { ...NO_BODIES, request_header_mode: 'SEND' },
      // The reason alone; no header is any business of the processor's.
      forward_rules: { allowed_headers: { patterns: [{ exact: ':method' }] } },
      request_attributes: [REFUSAL_ATTRIBUTE, CONNECTED_ATTRIBUTE],
    },
    unlessNoted(TRANSLATED_NAMESPACE, REFUSAL_KEY),
  );
}

const NO_BODIES = {
  request_header_mode: 'SKIP',
  request_body_mode: 'NONE',
  response_header_mode: 'SKIP',
  response_body_mode: 'NONE',
  request_trailer_mode: 'SKIP',
  response_trailer_mode: 'SKIP',
} as const;

export const REQUESTS_ALONE = {
  processing_mode: { ...NO_BODIES, request_body_mode: 'BUFFERED' },
  request_attributes: [ATTEMPT_ATTRIBUTE],
  metadata_options: { receiving_namespaces: { untyped: [TRANSLATED_NAMESPACE] } },
} as const;

/** A filter that asks the processor, except where the matcher says to skip it; switched on by routes. */
function askingFilter(
  name: string,
  processor: ExtensionsFiltersHttpExtProcV3ExternalProcessor,
  xds_matcher: XdsTypeMatcherV3Matcher,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return {
    ...matched(name, xds_matcher, {
      name: 'envoy.filters.http.ext_proc',
      typed_config: externalProcessor(processor),
    }),
    disabled: true,
  };
}

export function externalProcessor(what: ExtensionsFiltersHttpExtProcV3ExternalProcessor): Any {
  return typedAny('envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor', {
    grpc_service: { envoy_grpc: { cluster_name: PROCESSOR_CLUSTER, authority: 'headgate' } },
    message_timeout: protoDuration(MESSAGE_TIMEOUT_MS),
    status_on_error: { code: 'ServiceUnavailable' },
    ...what,
  });
}

/** What of a route's configuration switches a filter on that stands in its place switched off. */
export const SWITCHED_ON = {
  processor: typedAny('envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute', { overrides: {} }),
  script: typedAny('envoy.extensions.filters.http.lua.v3.LuaPerRoute', {}),
  whole: typedAny('envoy.extensions.filters.http.buffer.v3.BufferPerRoute', {
    buffer: { max_request_bytes: MAX_BODY_BYTES },
  }),
} as const;

/** What switches the filters of a client's API on, as part of a route. `mayGoOn`: another backend may follow. */
export function translateSwitch(family: ApiFamily, mayGoOn: boolean): { [name: string]: Any } {
  const { processor, script, whole } = SWITCHED_ON;
  return {
    // Of a cluster that has no such filter Envoy takes no notice.
    [TRANSLATED_LUA_FILTER]: script,
    [filterName(family, 'unary')]: processor,
    [filterName(family, 'stream')]: processor,
    [filterName(family, 'head')]: script,
    ...(mayGoOn && { [filterName(family, 'refusal')]: processor }),
    [filterName(family, 'whole')]: whole,
  };
}
