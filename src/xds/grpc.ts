/**
 * gRPC calls over node:http2. The bytes of a response are shared by all streams that get it: what differs, the length and
 * the nonce, goes out in front of them as a chunk of its own, and nothing is copied (docs/decisions.md).
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { GatewayError } from '../lib/errors.ts';
import { MessageReader, PREFIX_BYTES, writePrefix } from '../lib/framing.ts';
import type { Transport } from './transport.ts';
import { encodeNonce } from './wire.ts';

/** A call with messages in both directions. */
export interface Call extends Transport {
  readonly socket: Socket;
}

/** What becomes of a call. */
export interface CallHandler {
  /** Must not throw. */
  message(bytes: Buffer): void;
  /** Called once, when the client has ended its side or the call is over. */
  closed(): void;
}

/** Answers that each follow from one request. */
export interface Answers {
  answerStatus(request: Buffer, call: Pick<Call, 'socket'>): Buffer;
  /** What a client is told of an error. */
  explain(caught: unknown): GatewayError;
  /** A call is one request and its answer, not a stream of them. */
  readonly once: boolean;
}

// Codes of gRPC that no GatewayError has.
const OK = 0;
const UNIMPLEMENTED = 12;

const HEADERS = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity' };

// Up to here a copy costs less than another chunk.
const MAX_COPIED = 4096;

class StreamCall implements Call {
  blockedSince: number | undefined;
  readonly peer: string;
  private readonly stream: ServerHttp2Stream;
  private unsent = 0;

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream;
    // Now, since a connection that is gone does not know it any more.
    const { remoteAddress = '', remotePort = '' } = socketOf(stream);
    this.peer = `${remoteAddress}:${remotePort}`;
  }

  get idle(): boolean {
    return this.unsent === 0;
  }

  get socket(): Socket {
    return socketOf(this.stream);
  }

  send(body: Buffer, nonce: string): void {
    const { stream } = this;
    if (!openForWriting(stream)) return;
    this.unsent += 1;
    this.blockedSince ??= performance.now();
    // Fields of a message may come in any order.
    const field = encodeNonce(nonce);
    const inHead = PREFIX_BYTES + field.length;
    const copies = body.length <= MAX_COPIED;
    const head = Buffer.allocUnsafe(copies ? inHead + body.length : inHead);
    writePrefix(head, field.length + body.length);
    head.set(field, PREFIX_BYTES);
    if (copies) {
      head.set(body, inHead);
      stream.write(head, this.onSent);
      return;
    }
    stream.cork();
    stream.write(head);
    stream.write(body, this.onSent);
    stream.uncork();
  }

  private readonly onSent = (): void => {
    this.unsent -= 1;
    this.blockedSince = this.unsent === 0 ? undefined : performance.now();
  };

  fail(error: GatewayError): void {
    finish(this.stream, error.grpcStatus, error.message);
  }

  cut(error: GatewayError): void {
    this.fail(error);
    // The status waits behind what is not read.
    if (!this.idle) this.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

/** Serves a conversation. */
export function serveCall(stream: ServerHttp2Stream, maxBytes: number, accept: (call: Call) => CallHandler): void {
  const call = new StreamCall(stream);
  const handler = accept(call);
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    handler.closed();
  };
  const reader = new MessageReader(maxBytes, (message) => {
    if (open) handler.message(message);
  });
  stream.on('data', (chunk: Buffer) => {
    if (!open) return;
    try {
      reader.push(chunk);
    } catch (caught) {
      close();
      call.fail(GatewayError.from(caught, 'unavailable'));
    }
  });
  stream.on('end', () => {
    close();
    finish(stream, OK);
  });
  stream.on('close', close);
  // The stream closes behind it; without a listener the event would end the process.
  stream.on('error', close);
}

/** Serves answers, one at a time: a client that asks and does not read costs one of them. */
export function serveAnswers(
  stream: ServerHttp2Stream,
  maxBytes: number,
  { answerStatus, explain, once }: Answers,
): void {
  const requests: Buffer[] = [];
  const reader = new MessageReader(maxBytes, (message) => requests.push(message));
  const pump = (): void => {
    for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
      if (!openForWriting(stream)) return;
      const body = answerStatus(request, { socket: socketOf(stream) });
      const head = Buffer.allocUnsafe(PREFIX_BYTES);
      writePrefix(head, body.length);
      stream.write(head);
      const room = stream.write(body);
      if (once) finish(stream, OK);
      else if (!room) stream.pause();
      if (once || !room) return;
    }
    stream.resume();
  };
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (caught) {
      requests.length = 0;
      const { grpcStatus, message } = explain(caught);
      finish(stream, grpcStatus, message);
    }
  };
  stream.on('data', (chunk: Buffer) =>
    attempt(() => {
      reader.push(chunk);
      pump();
    }),
  );
  stream.on('drain', () => attempt(pump));
  stream.on('end', () => finish(stream, OK));
  stream.on('error', () => undefined);
}

/** Answers a call to something that is not there. */
export function refuseCall(stream: ServerHttp2Stream, reason: string): void {
  stream.on('error', () => undefined);
  finish(stream, UNIMPLEMENTED, reason);
}

/** Whether messages can still be written; the headers go out in front of the first one. */
function openForWriting(stream: ServerHttp2Stream): boolean {
  if (stream.destroyed || stream.closed || stream.writableEnded) return false;
  if (!stream.headersSent) stream.respond(HEADERS, { waitForTrailers: true });
  return true;
}

/** Ends a stream with a status. */
function finish(stream: ServerHttp2Stream, code: number, message = ''): void {
  if (stream.destroyed || stream.closed || stream.writableEnded) return;
  const trailers = {
    'grpc-status': String(code),
    ...(message === '' ? {} : { 'grpc-message': percentEncode(message) }),
  };
  if (!stream.headersSent) {
    stream.respond({ ...HEADERS, ...trailers }, { endStream: true });
    return;
  }
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end();
}

function socketOf(stream: ServerHttp2Stream): Socket {
  const socket = stream.session?.socket;
  if (socket === undefined) throw new GatewayError('unavailable', 'the connection is gone');
  return socket;
}

// Everything that is not printable ASCII, and the sign itself.
const ENCODED = /[^\x20-\x24\x26-\x7e]+/g;

/** Source: the gRPC protocol over HTTP/2, Percent-Encoded. */
function percentEncode(text: string): string {
  return text.replace(ENCODED, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
