/** What the methods of a gRPC server are, and the state of one call. */
import type { Headers } from './hpack.ts';

/** The answering side of a call that has many answers. */
export interface Answers {
  send(message: Buffer): void;
  end(): void;
}

/** A method: one answer, or as many as it likes. What it throws or rejects with becomes the status of the call. */
export type Method =
  | { readonly kind: 'unary'; readonly answer: (message: Buffer) => Buffer | Promise<Buffer> }
  /** Returns what to do when the client has gone. */
  | { readonly kind: 'streaming'; readonly open: (message: Buffer, answers: Answers) => () => void };

/** Bytes that wait for the client to have room. */
export interface Waiting {
  readonly block?: Buffer;
  readonly data?: Buffer;
  readonly endStream: boolean;
}

export interface Stream {
  readonly id: number;
  readonly headers: Headers;
  /** What has arrived of the message, with its head of five bytes. */
  parts: Buffer[];
  received: number;
  /** Of the client: how much we may send. */
  sendRoom: number;
  /** All of the request is there. */
  isHalfClosed: boolean;
  waiting: Waiting[];
  onGone: (() => void) | undefined;
}

export function createStream(id: number, headers: Headers, sendRoom: number): Stream {
  return {
    id,
    headers,
    parts: [],
    received: 0,
    sendRoom,
    isHalfClosed: false,
    waiting: [],
    onGone: undefined,
  };
}
