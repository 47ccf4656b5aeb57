/** Messages of `application/vnd.amazon.eventstream`. Source: Smithy, "Amazon Event Stream". */
import { crc32 } from 'node:zlib';
import { GatewayError } from '../../lib/errors.ts';

type Headers = ReadonlyMap<string, string>;

/** One message. Headers that are no text are left out: Bedrock sends none. */
export interface EventStreamMessage {
  readonly headers: Headers;
  readonly payload: Buffer;
}

export interface EventStreamReader {
  /** Errors: GatewayError `provider_failed` for a wrong length or checksum; then the stream is of no more use. */
  readonly push: (bytes: Uint8Array, take: (message: EventStreamMessage) => void) => void;
  /** Whether the stream may end here. */
  readonly isComplete: () => boolean;
}

/** Total length, length of the headers, checksum of both. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** What the specification allows: 128 KiB of headers and a payload of 24 MiB. */
const MAX_MESSAGE_BYTES = 24 * 1024 * 1024 + 128 * 1024 + PRELUDE_BYTES + CHECKSUM_BYTES;

/** Reads messages from bytes that are cut anywhere, and holds no more than one that is not complete. */
export function createEventStreamReader(): EventStreamReader {
  let held: Uint8Array[] = [];
  let size = 0;
  let wanted = PRELUDE_BYTES;
  const headersOf = createHeadersReader();

  return {
    push(bytes, take) {
      held.push(bytes);
      size += bytes.length;
      // Nothing is joined or looked at before enough is there: many small pieces stay cheap.
      if (size < wanted) return;
      const joined =
        held.length === 1 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat(held);
      let at = 0;
      while (joined.length - at >= PRELUDE_BYTES) {
        const length = messageLength(joined, at);
        if (joined.length - at < length) break;
        take(decodeMessage(joined.subarray(at, at + length), headersOf));
        at += length;
      }
      const rest = joined.subarray(at);
      held = rest.length === 0 ? [] : [rest];
      size = rest.length;
      wanted = rest.length >= PRELUDE_BYTES ? rest.readUInt32BE(0) : PRELUDE_BYTES;
    },
    isComplete: () => size === 0,
  };
}

function messageLength(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at);
  const headers = bytes.readUInt32BE(at + 4);
  if (crc32(bytes.subarray(at, at + 8)) !== bytes.readUInt32BE(at + 8)) throw broken('a wrong checksum');
  if (length > MAX_MESSAGE_BYTES || headers > length - PRELUDE_BYTES - CHECKSUM_BYTES) throw broken('a wrong length');
  return length;
}

function decodeMessage(message: Buffer, headersOf: (bytes: Buffer) => Headers): EventStreamMessage {
  const end = message.length - CHECKSUM_BYTES;
  if (crc32(message.subarray(0, end)) !== message.readUInt32BE(end)) throw broken('a wrong checksum');
  const payloadAt = PRELUDE_BYTES + message.readUInt32BE(4);
  return {
    headers: headersOf(message.subarray(PRELUDE_BYTES, payloadAt)),
    payload: message.subarray(payloadAt, end),
  };
}

/** Most messages have the headers of the one before. */
function createHeadersReader(): (bytes: Buffer) => Headers {
  let lastBytes: Buffer | undefined;
  let last: Headers = new Map();
  return (bytes) => {
    if (lastBytes?.equals(bytes) === true) return last;
    last = decodeHeaders(bytes);
    // A copy: what it is a part of would be kept with it.
    lastBytes = Buffer.from(bytes);
    return last;
  };
}

const STRING = 7;
/** Bytes of a value by its type; those of byte arrays (6) and strings (7) begin with their length. */
const VALUE_BYTES = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];

function decodeHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  try {
    for (let at = 0; at < bytes.length; ) {
      const nameEnd = at + 1 + bytes.readUInt8(at);
      const type = bytes.readUInt8(nameEnd);
      const fixed = VALUE_BYTES[type];
      if (fixed === undefined && type !== 6 && type !== STRING) throw broken('an unknown header');
      const valueAt = nameEnd + (fixed === undefined ? 3 : 1);
      const valueEnd = valueAt + (fixed ?? bytes.readUInt16BE(nameEnd + 1));
      if (valueEnd > bytes.length) throw broken('a header that is cut');
      if (type === STRING)
        headers.set(bytes.toString('utf8', at + 1, nameEnd), bytes.toString('utf8', valueAt, valueEnd));
      at = valueEnd;
    }
  } catch (cause) {
    // What reads past the end is a RangeError of Node's.
    throw cause instanceof GatewayError ? cause : broken('a header that is cut');
  }
  return headers;
}

function broken(what: string): GatewayError {
  return new GatewayError('provider_failed', `the event stream of the provider has ${what}`);
}
