import type { GatewayIr } from '../ir/index.ts';
import { errorBody } from './answers.ts';
import type { Capabilities } from './capabilities.ts';
import { countsQuotas, isLimited } from './limits.ts';
import { NO_PROCESSOR_HEADER } from './names.ts';
import {
  type ConfigAccesslogV3AccessLogFilter,
  type ConfigCoreV3HeaderValueOption,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3LocalReplyConfig,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3ResponseMapper,
  typedAny,
} from './schema/index.ts';

/** Flags of answers that Envoy gives by itself: no healthy upstream, connection failure, overflow, timeouts, resets. */
const FLAGS = ['UH', 'UF', 'UO', 'UT', 'URX', 'UC', 'LR', 'UR', 'SI', 'DT', 'NC', 'NR', 'UPE'] as const;

/** What a client is told for a status, in the words of each API; nothing of Envoy's own words, which name addresses. */
interface Reply {
  readonly status?: number;
  readonly message: string;
  readonly code: string;
  readonly openai: string;
  readonly anthropic: string;
}

const TOO_LARGE: Reply = {
  status: 413,
  message: 'The request body is too large.',
  code: 'request_too_large',
  openai: 'invalid_request_error',
  anthropic: 'request_too_large',
};

/**
 * A limit, of the rate limit service or of this Envoy; `retry-after` says until when. Told by its status, since Envoy flags
 * its own limits too late; a 429 of the script, for a quota, has its own words.
 */
const LIMITED: Reply = {
  status: 429,
  message: 'The rate limit is reached.',
  code: 'rate_limit_exceeded',
  openai: 'rate_limit_error',
  anthropic: 'rate_limit_error',
};

/** For an Envoy that does not add it itself. */
const RETRY_AFTER: ConfigCoreV3HeaderValueOption = {
  header: { key: 'retry-after', value: '%RESP(x-ratelimit-reset)%' },
  append_action: 'ADD_IF_ABSENT',
};

/** The rate limit service gave no verdict, and what is not counted is not served. */
const UNLIMITED: Reply = {
  message: 'Rate limits cannot be checked at the moment.',
  code: 'unavailable',
  openai: 'server_error',
  anthropic: 'overloaded_error',
};

const UNAVAILABLE: Reply = {
  status: 503,
  message: 'No backend could serve the request.',
  code: 'unavailable',
  openai: 'server_error',
  anthropic: 'overloaded_error',
};

const REPLIES: readonly Reply[] = [
  {
    status: 408,
    message: 'The request took too long to arrive.',
    code: 'timeout',
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
  },
  {
    status: 502,
    message: 'The backend broke off its answer.',
    code: 'provider_error',
    openai: 'server_error',
    anthropic: 'api_error',
  },
  UNAVAILABLE,
  {
    status: 504,
    message: 'The backend did not answer in time.',
    code: 'timeout',
    openai: 'server_error',
    anthropic: 'timeout_error',
  },
  {
    message: 'The gateway could not serve the request.',
    code: 'gateway_error',
    openai: 'server_error',
    anthropic: 'api_error',
  },
];

/** The processor could not be reached, or its call broke: no flag of Envoy tells it. An answer of its own stays as it is. */
const PROCESSOR_FAILED: ConfigAccesslogV3AccessLogFilter = {
  extension_filter: {
    name: 'envoy.access_loggers.extension_filters.cel',
    typed_config: typedAny('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', {
      expression: "response.code_details.startsWith('ext_proc_error')",
    }),
  },
};

const NO_PROCESSOR: ConfigCoreV3HeaderValueOption = { header: { key: NO_PROCESSOR_HEADER, value: '1' } };

/** Envoy's own errors in the shape of the API that the client speaks, by path. */
export function localReplies(
  gateway: GatewayIr,
  { features }: Capabilities,
): ExtensionsFiltersNetworkHttpConnectionManagerV3LocalReplyConfig {
  const ofEnvoy: ConfigAccesslogV3AccessLogFilter = { response_flag_filter: { flags: FLAGS } };
  const anthropic = ofAnthropic(gateway.endpointPrefixes.anthropic);
  return {
    mappers: [
      ...mappers(TOO_LARGE, [statusIs(413)], anthropic),
      ...(isLimited(gateway)
        ? [
            ...mappers(
              LIMITED,
              [statusIs(429), ...(countsQuotas(gateway) ? [isNotOfScript] : [])],
              anthropic,
              features.has('retry_after') ? [] : [RETRY_AFTER],
            ),
            ...mappers(UNLIMITED, [hasFlag('RLSE')], anthropic),
          ]
        : []),
      ...(features.has('detail_filter') ? mappers(UNAVAILABLE, [PROCESSOR_FAILED], anthropic, [NO_PROCESSOR]) : []),
      ...REPLIES.flatMap((reply) =>
        mappers(reply, [ofEnvoy, ...(reply.status === undefined ? [] : [statusIs(reply.status)])], anthropic),
      ),
    ],
  };
}

/** The script notes when it refuses a request for its quota; Envoy takes a value that is not there for one that matches. */
const isNotOfScript: ConfigAccesslogV3AccessLogFilter = {
  metadata_filter: {
    matcher: { filter: 'headgate', path: [{ key: 'refused' }], value: { string_match: { exact: '' } } },
    match_if_key_not_found: true,
  },
};

/** The path may be a provider's by now; then the script has noted what the client spoke. */
function ofAnthropic(prefix: string): ConfigAccesslogV3AccessLogFilter {
  const noted: ConfigAccesslogV3AccessLogFilter = {
    metadata_filter: {
      matcher: { filter: 'headgate', path: [{ key: 'api' }], value: { string_match: { exact: 'anthropic' } } },
      match_if_key_not_found: false,
    },
  };
  const path: ConfigAccesslogV3AccessLogFilter = {
    header_filter: { header: { name: ':path', string_match: { prefix: `${prefix}/v1/messages` } } },
  };
  return { or_filter: { filters: [noted, path] } };
}

function mappers(
  reply: Reply,
  conditions: readonly ConfigAccesslogV3AccessLogFilter[],
  anthropic: ConfigAccesslogV3AccessLogFilter,
  headers_to_add: readonly ConfigCoreV3HeaderValueOption[] = [],
): ExtensionsFiltersNetworkHttpConnectionManagerV3ResponseMapper[] {
  const { code, message } = reply;
  const added = headers_to_add.length === 0 ? {} : { headers_to_add };
  return [
    {
      ...jsonReply(allOf([...conditions, anthropic]), errorBody('anthropic', reply.anthropic, code, message)),
      ...added,
    },
    { ...jsonReply(allOf(conditions), errorBody('openai', reply.openai, code, message)), ...added },
  ];
}

function allOf(filters: readonly ConfigAccesslogV3AccessLogFilter[]): ConfigAccesslogV3AccessLogFilter {
  const [first] = filters;
  return filters.length === 1 && first ? first : { and_filter: { filters } };
}

function hasFlag(flag: string): ConfigAccesslogV3AccessLogFilter {
  return { response_flag_filter: { flags: [flag] } };
}

function statusIs(status: number): ConfigAccesslogV3AccessLogFilter {
  return {
    status_code_filter: {
      comparison: { op: 'EQ', value: { default_value: status, runtime_key: `headgate.local_reply.${status}` } },
    },
  };
}

function jsonReply(
  filter: ConfigAccesslogV3AccessLogFilter,
  body: string,
): ExtensionsFiltersNetworkHttpConnectionManagerV3ResponseMapper {
  return {
    filter,
    body_format_override: { text_format_source: { inline_string: body }, content_type: 'application/json' },
  };
}
