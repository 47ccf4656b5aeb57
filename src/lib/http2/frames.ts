/** Frames of HTTP/2 (RFC 9113) that a gRPC server writes. */

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const ERROR = {
  none: 0,
  protocol: 1,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const FRAME_HEAD = 9;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function writeFrameHead(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  target.writeUIntBE(length, at, 3);
  target[at + 3] = type;
  target[at + 4] = flags;
  target.writeUInt32BE(stream, at + 5);
  return at + FRAME_HEAD;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(FRAME_HEAD + payload.length);
  writeFrameHead(target, 0, payload.length, type, flags, stream);
  target.set(payload, FRAME_HEAD);
  return target;
}

export function frameHead(length: number, type: number, flags: number, stream: number): Buffer {
  const target = Buffer.allocUnsafe(FRAME_HEAD);
  writeFrameHead(target, 0, length, type, flags, stream);
  return target;
}

/** Data in as many frames as it takes, in one piece. */
export function dataFrames(stream: number, data: Buffer, maxFrame: number): Buffer {
  const target = Buffer.allocUnsafe(data.length + Math.ceil(data.length / maxFrame) * FRAME_HEAD);
  let to = 0;
  for (let at = 0; at < data.length; at += maxFrame) {
    const size = Math.min(maxFrame, data.length - at);
    to = writeFrameHead(target, to, size, FRAME.data, 0, stream);
    to += data.copy(target, to, at, at + size);
  }
  return target;
}

function uint32(...values: number[]): Buffer {
  const target = Buffer.allocUnsafe(4 * values.length);
  values.forEach((value, i) => void target.writeUInt32BE(value, 4 * i));
  return target;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(6 * settings.length);
  settings.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frame(FRAME.settings, 0, 0, payload);
}

export const SETTINGS_ACK = frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(0));

export function resetFrame(stream: number, error: number): Buffer {
  return frame(FRAME.reset, 0, stream, uint32(error));
}

export function windowUpdateFrame(stream: number, increment: number): Buffer {
  return frame(FRAME.windowUpdate, 0, stream, uint32(increment));
}

export function goAwayFrame(lastStream: number, error: number, why = ''): Buffer {
  return frame(FRAME.goAway, 0, 0, Buffer.concat([uint32(lastStream, error), Buffer.from(why)]));
}

/** A literal header that no table keeps; names and values below 127 bytes, or longer values. */
export function literal(name: string, value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const head = bytes.length < 127 ? [bytes.length] : [127, ...tail(bytes.length - 127)];
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from(head), bytes]);
}

function tail(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...tail(Math.floor(value / 128))];
}

const STATUS_200 = Buffer.from([0x88]);

/** The block of the headers of an answer. */
export const ANSWER_HEADERS = Buffer.concat([STATUS_200, literal('content-type', 'application/grpc')]);

/** What a client learns whose messages are compressed. */
export const IDENTITY_ONLY = literal('grpc-accept-encoding', 'identity');

/** The block of trailers that say all is well. */
export const OK_TRAILERS = literal('grpc-status', '0');

/** The block of an answer that is only a status; `message` is shortened to what fits one frame. */
export function statusBlock(status: number, message: string): Buffer {
  return Buffer.concat([ANSWER_HEADERS, statusTrailers(status, message)]);
}

/** The block of trailers that say what went wrong. */
export function statusTrailers(status: number, message: string): Buffer {
  // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: percent-encoding of UTF-8.
  const encoded = Buffer.from(message.slice(0, 1000))
    .toString('latin1')
    .replace(/[^\x20-\x24\x26-\x7e]/g, percent);
  return Buffer.concat([literal('grpc-status', String(status)), literal('grpc-message', encoded)]);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The block of an answer to what is no gRPC. */
export function httpStatusBlock(status: number): Buffer {
  return literal(':status', String(status));
}
