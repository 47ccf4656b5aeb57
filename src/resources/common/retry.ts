import { choice, int32, list, object, optional, type Static } from '../schema.ts';
import { Duration, HttpStatus } from './scalars.ts';

/** When and how often a failed request is tried again. */
export const Retry = object({
  numAttemptsPerPriority: optional(int32()),
  numRetries: int32({ minimum: 0, default: 2 }),
  perRetry: optional(
    object({
      backOff: optional(object({ baseInterval: optional(Duration), maxInterval: optional(Duration) })),
      timeout: optional(Duration),
    }),
  ),
  retryOn: optional(
    object({
      httpStatusCodes: optional(list(HttpStatus)),
      triggers: optional(
        list(
          choice([
            '5xx',
            'gateway-error',
            'reset',
            'reset-before-request',
            'connect-failure',
            'retriable-4xx',
            'refused-stream',
            'retriable-status-codes',
            'cancelled',
            'deadline-exceeded',
            'internal',
            'resource-exhausted',
            'unavailable',
          ]),
        ),
      ),
    }),
  ),
});
export type Retry = Static<typeof Retry>;
