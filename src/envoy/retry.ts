import type { RetryIr } from '../ir/index.ts';
import { protoDuration } from '../lib/units.ts';
import { REFUSED_HEADER } from '../providers/attempt-facts.ts';
import { NEXT_KEY_HEADER, SENTINEL_HEADER } from './names.ts';
import type { ConfigRouteV3RetryPolicy } from './schema/index.ts';

/**
 * Shape: `backends` is how many different backends the route can go to; each of them is tried by default. `furtherKeys`: how
 * many further keys a request may try where a backend refuses the first.
 */
export function retryPolicy(
  retry: RetryIr,
  backends: number,
  furtherKeys: number,
  streamIdleTimeoutMs: number | undefined,
): ConfigRouteV3RetryPolicy | undefined {
  const ofBackends = retry.numRetries ?? backends * retry.attemptsPerBackend - 1;
  const numRetries = ofBackends + furtherKeys;
  const idle = streamIdleTimeoutMs !== undefined && { per_try_idle_timeout: protoDuration(streamIdleTimeoutMs) };
  if (numRetries === 0) return idle ? { num_retries: 0, ...idle } : undefined;
  const failsOver = backends > 1;
  // What is not to be retried otherwise is retried with another key, and for no other reason.
  const retries = ofBackends > 0 ? retry : { ...retry, triggers: [], statusCodes: [] };
  const headers = [
    ...(failsOver ? [SENTINEL_HEADER, REFUSED_HEADER] : []),
    ...(furtherKeys > 0 ? [NEXT_KEY_HEADER] : []),
  ];
  const triggers = [
    ...retries.triggers,
    ...(retries.statusCodes.length > 0 ? ['retriable-status-codes'] : []),
    // Whatever a policy retries: a backend without an endpoint has not been asked at all, and another key may do.
    ...(headers.length > 0 ? ['retriable-headers'] : []),
  ];
  return {
    retry_on: triggers.join(','),
    num_retries: numRetries,
    ...(headers.length > 0 && { retriable_headers: headers.map((name) => ({ name, present_match: true })) }),
    ...(retries.statusCodes.length > 0 && { retriable_status_codes: retries.statusCodes }),
    ...(retry.perTryTimeoutMs !== undefined && { per_try_timeout: protoDuration(retry.perTryTimeoutMs) }),
    ...idle,
    // Never rate_limited_retry_back_off: it would delay the attempt at another provider.
    ...(retry.backOff
      ? {
          retry_back_off: {
            base_interval: protoDuration(retry.backOff.baseIntervalMs),
            max_interval: protoDuration(retry.backOff.maxIntervalMs),
          },
        }
      : headers.length > 0 && { retry_back_off: { base_interval: '0.001s', max_interval: '0.001s' } }),
    ...(failsOver && { refresh_cluster_on_retry: true }),
  };
}
