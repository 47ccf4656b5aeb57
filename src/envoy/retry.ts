import type { RetryIr } from '../ir/index.ts';
import { protoDuration } from '../lib/units.ts';
import { SENTINEL_HEADER } from './names.ts';
import type { ConfigRouteV3RetryPolicy } from './schema/index.ts';

/** Shape: `backends` is how many different backends the route can go to; each of them is tried by default. */
export function retryPolicy(
  retry: RetryIr,
  backends: number,
  streamIdleTimeoutMs: number | undefined,
): ConfigRouteV3RetryPolicy | undefined {
  const numRetries = retry.numRetries ?? backends * retry.attemptsPerBackend - 1;
  const idle = streamIdleTimeoutMs !== undefined && { per_try_idle_timeout: protoDuration(streamIdleTimeoutMs) };
  if (numRetries === 0) return idle ? { num_retries: 0, ...idle } : undefined;
  const failsOver = backends > 1;
  const triggers = [
    ...retry.triggers,
    ...(retry.statusCodes.length > 0 ? ['retriable-status-codes'] : []),
    // Whatever a policy retries: a backend without an endpoint has not been asked at all.
    ...(failsOver ? ['retriable-headers'] : []),
  ];
  return {
    retry_on: triggers.join(','),
    num_retries: numRetries,
    ...(failsOver && { retriable_headers: [{ name: SENTINEL_HEADER, present_match: true }] }),
    ...(retry.statusCodes.length > 0 && { retriable_status_codes: retry.statusCodes }),
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
      : failsOver && { retry_back_off: { base_interval: '0.001s', max_interval: '0.001s' } }),
    ...(failsOver && { refresh_cluster_on_retry: true }),
  };
}
