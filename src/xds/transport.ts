/** What carries a stream: gRPC outside, a record of what was sent in tests. */
import type { GatewayError } from '../lib/errors.ts';

/** The carrier of a stream. */
export interface Transport {
  send(body: Buffer, nonce: string): void;
  /** Nothing that was sent waits for the client to read. */
  readonly idle: boolean;
  /** Since when the oldest of what was sent waits for the client to read; `performance.now()`. */
  readonly blockedSince: number | undefined;
  /** Ends the stream, behind what was sent. */
  fail(error: GatewayError): void;
  /** Ends it at once, whatever the client has not read. */
  cut(error: GatewayError): void;
  readonly peer: string;
}
