import { COST_NAMESPACE, METADATA_NAMESPACE } from './names.ts';
import { type ConfigAccesslogV3AccessLog, typedAny } from './schema/index.ts';

/** One JSON object a request on standard output: where it went, what it cost and how long it took. */
export function accessLog(): ConfigAccesslogV3AccessLog {
  return {
    name: 'envoy.access_loggers.stdout',
    typed_config: typedAny('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
      log_format: {
        json_format: {
          time: '%START_TIME%',
          method: '%REQ(:METHOD)%',
          // Without the query: some clients send keys in it.
          path: '%PATH(NQ:ORIG_OR_PATH)%',
          host: '%REQ(:AUTHORITY)%',
          request_id: '%REQ(X-REQUEST-ID)%',
          status: '%RESPONSE_CODE%',
          flags: '%RESPONSE_FLAGS%',
          details: '%RESPONSE_CODE_DETAILS%',
          route: '%ROUTE_NAME%',
          cluster: '%UPSTREAM_CLUSTER%',
          attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
          model: `%DYNAMIC_METADATA(${METADATA_NAMESPACE}:model)%`,
          tried: `%DYNAMIC_METADATA(${METADATA_NAMESPACE}:tried)%`,
          usage: `%DYNAMIC_METADATA(${METADATA_NAMESPACE}:usage)%`,
          costs: `%DYNAMIC_METADATA(${COST_NAMESPACE})%`,
          first_byte_ms: '%RESPONSE_DURATION%',
          duration_ms: '%DURATION%',
          bytes_received: '%BYTES_RECEIVED%',
          bytes_sent: '%BYTES_SENT%',
        },
      },
    }),
  };
}
