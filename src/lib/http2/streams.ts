/** What the methods of a gRPC server are, and the state of one call. */
import type { Socket } from 'node:net';
import type { GatewayError } from '../errors.ts';
import type { Headers } from './hpack.ts';

/** Bytes in front of a message: a flag, and its length in four bytes. */
export const MESSAGE_HEAD = 5;

/** The answering side of a call that has many answers. */
export interface Answers {
  send(message: Buffer): void;
  end(): void;
}

/** The answering side of a call in which both sides send messages. */
export interface DuplexAnswers extends Answers {
  /** `shared` is the rest of the message, as it may be of the messages of many calls; it is not copied where it is large. */
  send(message: Buffer, shared?: Buffer): void;
  /** Ends the answers with a status, behind what was sent. The receiver is not told. */
  fail(error: GatewayError): void;
  /** Ends them at once, whatever the client has not read. */
  cut(): void;
  /** Since when the oldest of what was sent waits for the client to read; `performance.now()`. */
  blockedSince(): number | undefined;
  /** Messages wait for the client to have room for them. */
  isFull(): boolean;
}

/** Where a call comes from. */
export interface Caller {
  readonly socket: Socket;
}

/** Of a call with one answer. */
export interface UnaryCaller extends Caller {
  /** What to do when the client resets the call, before it is answered or behind the answer, which it has not taken then. */
  onReset(act: () => void): void;
}

/** The asking side of a call in which both sides send as many messages as they like. */
export interface Receiver {
  /** Shape: `message` is a view of what has arrived, to be read or copied at once. */
  message(message: Buffer): void;
  /** The client sends nothing more. Ends the answers, now or later. */
  end(): void;
  /** The client has gone, or the call has failed. */
  gone(): void;
  /** Nothing waits for the client to have room any more. */
  emptied?(): void;
}

/** A method: one answer, or as many as it likes. What it throws or rejects with becomes the status of the call. */
export type Method =
  | { readonly kind: 'unary'; readonly answer: (message: Buffer, caller: UnaryCaller) => Buffer | Promise<Buffer> }
  /** Returns what to do when the client has gone. */
  | { readonly kind: 'streaming'; readonly open: (message: Buffer, answers: Answers) => () => void }
  | { readonly kind: 'duplex'; readonly open: (answers: DuplexAnswers, caller: Caller) => Receiver };

/** Bytes that wait for the client to have room. */
export interface Waiting {
  readonly block?: Buffer;
  readonly data?: Buffer;
  readonly endStream: boolean;
  /** Other calls send the same data. */
  readonly isShared?: boolean;
  /** Bytes of the data that are sent. */
  sent?: number;
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
  /** Since when none of that has moved. */
  blockedSince: number | undefined;
  onGone: (() => void) | undefined;
  /** Present in a duplex call. */
  receiver: Receiver | undefined;
  /** Of a duplex call: bytes of the next message, its head included, as far as they are known. */
  wanted: number;
  /** Of a duplex call: bytes that the client has not been given room for again. */
  consumed: number;
  hasAnswered: boolean;
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
    blockedSince: undefined,
    onGone: undefined,
    receiver: undefined,
    wanted: MESSAGE_HEAD,
    consumed: 0,
    hasAnswered: false,
  };
}
