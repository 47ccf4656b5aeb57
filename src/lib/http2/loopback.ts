/** Calls of a server's methods without a socket: through the whole connection, and nobody reads what comes back. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { serveConnection } from './connection.ts';
import { FLAG, FRAME, frame, literal, PREFACE, SETTING, settingsFrame, windowUpdateFrame } from './frames.ts';
import { MESSAGE_HEAD, type Method } from './streams.ts';

export interface Loopback {
  /** Sends all messages at once, and ends the call. */
  call(messages: readonly Buffer[]): void;
  close(): void;
}

const WIDEST = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;

/** Creates a connection on which one method is called. */
export function createLoopback(path: string, method: Method, onBug: (caught: unknown) => void): Loopback {
  const pipe = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
    writev: (_chunks, done) => done(),
  });
  const connection = serveConnection(Object.assign(pipe, { setNoDelay: () => pipe }) as unknown as Socket, {
    methods: new Map([[path, method]]),
    maxMessageBytes: WIDEST,
    maxStreams: WIDEST,
    windowBytes: WIDEST,
    maxResets: Number.POSITIVE_INFINITY,
    onBug,
    onClose: () => undefined,
  });
  const block = Buffer.concat([
    literal(':method', 'POST'),
    literal(':path', path),
    literal('content-type', 'application/grpc'),
  ]);
  let stream = 1;
  pipe.push(PREFACE);
  pipe.push(settingsFrame([[SETTING.initialWindowSize, WIDEST]]));
  pipe.push(windowUpdateFrame(0, WIDEST - DEFAULT_WINDOW));
  return {
    call(messages) {
      const frames = messages.map((message) => frame(FRAME.data, 0, stream, framed(message)));
      pipe.push(Buffer.concat([frame(FRAME.headers, FLAG.endHeaders, stream, block), ...frames]));
      pipe.push(frame(FRAME.data, FLAG.endStream, stream, Buffer.alloc(0)));
      stream += 2;
    },
    close: () => connection.destroy(),
  };
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(MESSAGE_HEAD);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
