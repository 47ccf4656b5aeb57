import type { GatewayIr } from '../ir/index.ts';
import type {
  ConfigAccesslogV3AccessLogFilter,
  ExtensionsFiltersNetworkHttpConnectionManagerV3LocalReplyConfig,
  JsonValue,
} from './schema/index.ts';

/** Flags of answers that Envoy gives by itself: no healthy upstream, connection failure, overflow, timeouts, resets. */
const FLAGS = ['UH', 'UF', 'UO', 'UT', 'URX', 'UC', 'LR', 'UR', 'SI', 'DT', 'NC', 'NR', 'UPE'] as const;

/** Envoy's own errors in the shape of the API that the client speaks, by path. */
export function localReplies(gateway: GatewayIr): ExtensionsFiltersNetworkHttpConnectionManagerV3LocalReplyConfig {
  const ofEnvoy: ConfigAccesslogV3AccessLogFilter = {
    or_filter: {
      filters: [
        { response_flag_filter: { flags: FLAGS } },
        {
          status_code_filter: {
            comparison: { op: 'EQ', value: { default_value: 413, runtime_key: 'headgate.local_reply.too_large' } },
          },
        },
      ],
    },
  };
  const prefix = gateway.endpointPrefixes.anthropic;
  const ofAnthropic: ConfigAccesslogV3AccessLogFilter = {
    or_filter: {
      filters: [
        {
          metadata_filter: {
            matcher: { filter: 'headgate', path: [{ key: 'api' }], value: { string_match: { exact: 'anthropic' } } },
            match_if_key_not_found: false,
          },
        },
        { header_filter: { header: { name: ':path', string_match: { prefix: `${prefix}/v1/messages` } } } },
      ],
    },
  };
  return {
    mappers: [
      { filter: { and_filter: { filters: [ofEnvoy, ofAnthropic] } }, body_format_override: jsonBody(anthropicError) },
      { filter: ofEnvoy, body_format_override: jsonBody(openaiError) },
    ],
  };
}

const anthropicError = { type: 'error', error: { type: 'api_error', message: '%LOCAL_REPLY_BODY%' } };
const openaiError = {
  error: { message: '%LOCAL_REPLY_BODY%', type: 'server_error', param: null, code: '%RESPONSE_CODE_DETAILS%' },
};

function jsonBody(format: { [key: string]: JsonValue }): {
  json_format: { [key: string]: JsonValue };
  content_type: string;
} {
  return { json_format: format, content_type: 'application/json' };
}
