/** gRPC messages in the bytes of a stream: a flag, four bytes of length, the message. */
import { GatewayError } from './errors.ts';

/** Bytes in front of each message. */
export const PREFIX_BYTES = 5;

/** Puts messages together from the chunks of a stream. */
export class MessageReader {
  private readonly maxBytes: number;
  private readonly take: (message: Buffer) => void;
  private held: Buffer[] = [];
  private heldBytes = 0;
  // With the prefix; until the length is known, of the prefix alone.
  private wanted = PREFIX_BYTES;

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
      this.wanted = left < PREFIX_BYTES ? PREFIX_BYTES : PREFIX_BYTES + this.messageLength(bytes, at);
      if (left < this.wanted) break;
      at += this.wanted;
      this.take(bytes.subarray(at - this.wanted + PREFIX_BYTES, at));
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

/** Writes the prefix of a message of that length. */
export function writePrefix(target: Buffer, length: number): void {
  target[0] = 0;
  target.writeUInt32BE(length, 1);
}
