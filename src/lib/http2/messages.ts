/** gRPC messages for clients on node:http2: in the bytes of a stream a flag, four bytes of length, the message. */
import { GatewayError } from '../errors.ts';
import { MESSAGE_HEAD } from './streams.ts';

/** Puts messages together from the chunks of a stream. */
export class MessageReader {
  private readonly maxBytes: number;
  private readonly take: (message: Buffer) => void;
  private held: Buffer[] = [];
  private heldBytes = 0;
  // With the prefix; until the length is known, of the prefix alone.
  private wanted = MESSAGE_HEAD;

  /** `take` gets each message: a view of the chunk, where it came in one. */
  constructor(maxBytes: number, take: (message: Buffer) => void) {
    this.maxBytes = maxBytes;
    this.take = take;
  }

  /** Errors: GatewayError `limit_exceeded`, `invalid_input`; after that nothing can be read any more. */
  push(chunk: Buffer): void {
    if (this.heldBytes + chunk.length < this.wanted) {
      this.held.push(chunk);
      this.heldBytes += chunk.length;
      return;
    }
    const bytes = this.heldBytes === 0 ? chunk : Buffer.concat([...this.held, chunk]);
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      this.wanted = left < MESSAGE_HEAD ? MESSAGE_HEAD : MESSAGE_HEAD + this.messageLength(bytes, at);
      if (left < this.wanted) break;
      at += this.wanted;
      this.take(bytes.subarray(at - this.wanted + MESSAGE_HEAD, at));
    }
    this.held = at === bytes.length ? [] : [bytes.subarray(at)];
    this.heldBytes = bytes.length - at;
  }

  private messageLength(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) throw new GatewayError('invalid_input', 'compressed messages are not supported');
    const length = bytes.readUInt32BE(at + 1);
    if (length <= this.maxBytes) return length;
    throw new GatewayError('limit_exceeded', `a message of ${length} bytes: the limit is ${this.maxBytes}`);
  }
}

/** The bytes of a message in a stream. */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(MESSAGE_HEAD + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, MESSAGE_HEAD);
  return bytes;
}
