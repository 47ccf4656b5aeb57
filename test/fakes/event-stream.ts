/**
 * Messages of `application/vnd.amazon.eventstream`, written and read. Source: Smithy, "Amazon Event Stream".
 * Shape: total length, length of headers, CRC of these 8 bytes; headers; payload; CRC of everything before it.
 */
import { crc32 } from 'node:zlib';

/** A message; header values are strings, the only type that Bedrock sends. */
export interface EventMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Buffer;
}

const PRELUDE = 12;
const STRING = 7;

/** One message in bytes. */
export function encodeEvent({ headers, payload }: EventMessage): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => encodeHeader(name, value)));
  const total = PRELUDE + head.length + payload.length + 4;
  const prelude = Buffer.alloc(PRELUDE);
  prelude.writeUInt32BE(total, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const body = Buffer.concat([prelude, head, payload]);
  const end = Buffer.alloc(4);
  end.writeUInt32BE(crc32(body));
  return Buffer.concat([body, end]);
}

function encodeHeader(name: string, value: string): Buffer {
  const key = Buffer.from(name);
  const text = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([Buffer.from([key.length]), key, Buffer.from([STRING]), length, text]);
}

/** A JSON event of a name. */
export function jsonEvent(type: string, value: unknown): Buffer {
  return encodeEvent({
    headers: { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
    payload: Buffer.from(JSON.stringify(value)),
  });
}

/** An exception of the service's model, in the middle of a stream. */
export function exceptionEvent(type: string, value: unknown): Buffer {
  return encodeEvent({
    headers: { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' },
    payload: Buffer.from(JSON.stringify(value)),
  });
}

/** An error that the service's model does not know; it has no payload. */
export function unmodelledErrorEvent(code: string, message: string): Buffer {
  return encodeEvent({
    headers: { ':error-code': code, ':error-message': message, ':message-type': 'error' },
    payload: Buffer.alloc(0),
  });
}

/** All messages of a complete stream. Errors: throws where lengths or checksums are wrong, or bytes are left over. */
export function decodeEvents(bytes: Buffer): EventMessage[] {
  const messages: EventMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const total = at + PRELUDE <= bytes.length ? bytes.readUInt32BE(at) : 0;
    if (total < PRELUDE + 4 || at + total > bytes.length) throw new Error(`event stream is cut at byte ${at}`);
    const message = bytes.subarray(at, at + total);
    if (crc32(message.subarray(0, 8)) !== message.readUInt32BE(8)) throw new Error(`prelude checksum at byte ${at}`);
    if (crc32(message.subarray(0, -4)) !== message.readUInt32BE(total - 4)) {
      throw new Error(`message checksum at byte ${at}`);
    }
    const headEnd = PRELUDE + message.readUInt32BE(4);
    messages.push({
      headers: decodeHeaders(message.subarray(PRELUDE, headEnd)),
      payload: message.subarray(headEnd, -4),
    });
    at += total;
  }
  return messages;
}

function decodeHeaders(bytes: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const nameEnd = at + 1 + bytes.readUInt8(at);
    const name = bytes.toString('utf8', at + 1, nameEnd);
    if (bytes.readUInt8(nameEnd) !== STRING) throw new Error(`header ${name} is no string`);
    const valueEnd = nameEnd + 3 + bytes.readUInt16BE(nameEnd + 1);
    headers[name] = bytes.toString('utf8', nameEnd + 3, valueEnd);
    at = valueEnd;
  }
  return headers;
}
