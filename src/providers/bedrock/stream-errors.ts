import { GatewayError } from '../../lib/errors.ts';
import type { ProviderError } from '../conversation.ts';
import { parseJsonObject } from '../json.ts';
import { errorMessage } from './converse-answer.ts';
import type { EventStreamMessage } from './event-stream.ts';

/** The status that an exception in the middle of a stream would have had. */
const STATUS: Readonly<Record<string, number>> = {
  validationException: 400,
  accessDeniedException: 403,
  resourceNotFoundException: 404,
  modelTimeoutException: 408,
  modelErrorException: 424,
  modelStreamErrorException: 424,
  throttlingException: 429,
  serviceQuotaExceededException: 429,
  modelNotReadyException: 429,
  internalServerException: 500,
  serviceUnavailableException: 503,
};

/** What a message tells of a failure, undefined where it is an event. */
export function readStreamFailure({ headers, payload }: EventStreamMessage): ProviderError | undefined {
  switch (headers.get(':message-type')) {
    case 'exception': {
      const type = headers.get(':exception-type') ?? 'unknown';
      const message = errorMessage(parseJsonObject(payload.toString('utf8')) ?? {});
      return { status: STATUS[type] ?? 500, type, message: message ?? `The provider ended the stream with ${type}` };
    }
    case 'error': {
      const type = headers.get(':error-code') ?? 'unknown';
      return {
        status: 500,
        type,
        message: headers.get(':error-message') ?? `The provider ended the stream with ${type}`,
      };
    }
    default:
      return undefined;
  }
}

/** Bytes that are no event stream, as a failure of the stream. Errors: what is no failure of the provider's is thrown on. */
export function brokenStream(caught: unknown): ProviderError {
  if (!(caught instanceof GatewayError)) throw caught;
  return { status: 502, message: caught.message };
}
