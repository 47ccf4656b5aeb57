import { GatewayError } from '../../lib/errors.ts';
import { sseEvent } from '../../lib/sse.ts';
import type { ProviderError } from '../conversation.ts';
import { encodeText, failureOf } from '../exchange.ts';
import type { TranslatedResponse } from '../translation.ts';
import { writeMessagesError } from './messages-errors.ts';

const NOTHING = new Uint8Array();
const ENDED_EARLY = { status: 502, message: 'The provider ended the stream before the answer was whole' };
/** Above any event of a stream. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;

/** The event that ends a stream which failed. */
export function errorEvent(error: ProviderError): string {
  return sseEvent(JSON.stringify(writeMessagesError(error)), 'error');
}

/** What passes a stream on. Errors: GatewayError `provider_failed` for bytes that are none. */
export interface Passage {
  readonly push: (bytes: Uint8Array) => Uint8Array;
  /** What is held of a stream that is over. */
  readonly rest?: () => Uint8Array;
  /** Whether the message is whole, or has failed in the provider's own words. */
  readonly isWhole: () => boolean;
}

/** A stream that keeps its bytes and ends in a failure where its message is not whole. */
export function passStream(status: number, { push, rest, isWhole }: Passage): TranslatedResponse {
  let hasFailed = false;
  return {
    contentType: 'text/event-stream',
    kind: 'stream',
    status: () => status,
    push(bytes) {
      if (hasFailed) return NOTHING;
      try {
        return push(bytes);
      } catch (caught) {
        hasFailed = true;
        return encodeText(errorEvent(failureOf(caught)));
      }
    },
    end() {
      if (hasFailed) return NOTHING;
      const last = rest?.() ?? NOTHING;
      return isWhole() ? last : encodeText(errorEvent(ENDED_EARLY));
    },
  };
}

const LAST_EVENT = /"type"\s*:\s*"(?:message_stop|error)"/;

/** Server-sent events of the Messages API as they are, each when it is whole: none is ever sent in halves. */
export function createEventPassage(): Passage {
  let held: Buffer[] = [];
  let size = 0;
  let isLast = false;

  return {
    push(bytes) {
      held.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      size += bytes.length;
      if (size > MAX_HELD_BYTES)
        throw new GatewayError('provider_failed', 'the provider sent an event that is too large');
      // Events end in a blank line, whose bytes may come apart: a piece without a line end cannot complete one.
      if (!bytes.includes(10) && !bytes.includes(13)) return NOTHING;
      const joined = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
      const end = lastEventEnd(joined);
      const rest = joined.subarray(end);
      held = rest.length === 0 ? [] : [rest];
      size = rest.length;
      if (end === 0) return NOTHING;
      const whole = joined.subarray(0, end);
      isLast ||= LAST_EVENT.test(whole.toString('latin1'));
      return whole;
    },
    rest() {
      // Some forget the blank line behind the last event; half an event says nothing.
      const text = Buffer.concat(held).toString();
      if (isLast || !LAST_EVENT.test(text) || !text.trimEnd().endsWith('}')) return NOTHING;
      isLast = true;
      return encodeText(`${text.trimEnd()}\n\n`);
    },
    isWhole: () => isLast,
  };
}

/** Where the last whole event ends; 0 where there is none. */
function lastEventEnd(bytes: Buffer): number {
  const ends = ['\n\n', '\r\n\r\n', '\r\r'].map((end) => {
    const at = bytes.lastIndexOf(end);
    return at < 0 ? 0 : at + end.length;
  });
  return Math.max(...ends);
}
