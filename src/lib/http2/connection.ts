/**
 * One HTTP/2 connection of a gRPC server (RFC 9113). One piece: frames, flow control and the streams' lives are one state
 * machine. It is written by hand because a rate limit service does almost nothing else than this: with node:http2 a call
 * costs more than twice as much (bench/README.md).
 */
import type { Socket } from 'node:net';
import { GatewayError } from '../errors.ts';
import {
  ANSWER_HEADERS,
  ERROR,
  FLAG,
  FRAME,
  FRAME_HEAD,
  frame,
  goAwayFrame,
  httpStatusBlock,
  OK_TRAILERS,
  PREFACE,
  resetFrame,
  SETTING,
  SETTINGS_ACK,
  settingsFrame,
  statusBlock,
  statusTrailers,
  windowUpdateFrame,
  writeFrameHead,
} from './frames.ts';
import { type Headers, HpackDecoder, HpackError } from './hpack.ts';
import { createStream, MESSAGE_HEAD, type Method, type Receiver, type Stream, type Waiting } from './streams.ts';

export interface ConnectionOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly maxMessageBytes: number;
  readonly maxStreams: number;
  /** What a method threw that is no GatewayError. */
  readonly onBug: (caught: unknown) => void;
  readonly onClose: () => void;
}

export interface Connection {
  /** Takes no new calls; closes when the open ones have ended. */
  drain(): void;
  destroy(): void;
}

const MAX_FRAME = 16_384;
const MAX_HEADER_BLOCK = 65_536;
const MAX_WINDOW = 2 ** 31 - 1;
/** What clients may have on the way to us; given back as soon as it arrives, since `maxBuffered` bounds what is kept. */
const RECEIVE_WINDOW = 16 * 1024 * 1024;
const DEFAULT_WINDOW = 65_535;
/** Unsent bytes at which nothing more is read: who does not read its answers gets no more of them. */
const MAX_UNSENT = 4 * 1024 * 1024;

/** An error of the whole connection. */
class ConnectionError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Serves a connection until it ends. */
export function serveConnection(socket: Socket, options: ConnectionOptions): Connection {
  const { methods, maxMessageBytes, maxStreams } = options;
  const streams = new Map<number, Stream>();
  const decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: MAX_HEADER_BLOCK });
  const maxBuffered = Math.max(8 * 1024 * 1024, 2 * maxMessageBytes);
  let rest: Buffer = Buffer.alloc(0);
  let hasPreface = false;
  let lastStream = 0;
  let sendRoom = DEFAULT_WINDOW;
  let initialRoom = DEFAULT_WINDOW;
  let maxFrame = MAX_FRAME;
  let received = 0;
  let buffered = 0;
  /** Calls that are not answered yet, those that their client has given up among them. */
  let underWay = 0;
  let isDraining = false;
  let isClosed = false;
  /** Headers whose block goes on in the next frame. */
  let open: { stream: number; flags: number; parts: Buffer[]; size: number } | undefined;
  let out: Buffer[] = [];
  let isFlushPlanned = false;

  function flush(): void {
    isFlushPlanned = false;
    if (out.length === 0 || isClosed) return;
    const [first = Buffer.alloc(0)] = out;
    socket.write(out.length === 1 ? first : Buffer.concat(out));
    out = [];
    if (socket.writableLength > MAX_UNSENT && !socket.isPaused()) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  }

  function write(bytes: Buffer): void {
    out.push(bytes);
    if (isFlushPlanned) return;
    isFlushPlanned = true;
    // Answers of one turn go out together, those of promises that settle in it too.
    setImmediate(flush);
  }

  function close(code: number, why = ''): void {
    if (isClosed) return;
    out.push(goAwayFrame(lastStream, code, why));
    flush();
    isClosed = true;
    socket.end();
    end();
  }

  function end(): void {
    for (const stream of streams.values()) stream.onGone?.();
    streams.clear();
  }

  function forget(stream: Stream): void {
    if (!streams.delete(stream.id)) return;
    buffered -= stream.received;
    stream.parts = [];
    stream.received = 0;
    if (isDraining && streams.size === 0) close(ERROR.none);
  }

  // Sending

  /** Sends what waits, as far as there is room; headers need none. */
  function pump(stream: Stream): void {
    for (let next = stream.waiting[0]; next !== undefined; next = stream.waiting[0]) {
      const { block, data, endStream } = next;
      if (block) write(frame(FRAME.headers, FLAG.endHeaders | (endStream ? FLAG.endStream : 0), stream.id, block));
      else if (data) {
        const size = Math.min(data.length, maxFrame, sendRoom, stream.sendRoom);
        if (size <= 0 && data.length > 0) return;
        write(frame(FRAME.data, 0, stream.id, data.subarray(0, size)));
        sendRoom -= size;
        stream.sendRoom -= size;
        if (size < data.length) {
          stream.waiting[0] = { data: data.subarray(size), endStream };
          continue;
        }
      }
      stream.waiting.shift();
      if (endStream) finish(stream);
    }
  }

  function finish(stream: Stream): void {
    // An answer before the end of the request: the client need not send the rest.
    if (!stream.isHalfClosed) write(resetFrame(stream.id, ERROR.none));
    forget(stream);
  }

  function send(stream: Stream, ...waiting: Waiting[]): void {
    if (streams.get(stream.id) !== stream) return;
    stream.waiting.push(...waiting);
    pump(stream);
  }

  function framed(message: Buffer): Buffer {
    const target = Buffer.allocUnsafe(MESSAGE_HEAD + message.length);
    target[0] = 0;
    target.writeUInt32BE(message.length, 1);
    target.set(message, MESSAGE_HEAD);
    return target;
  }

  /** The common answer in one piece: headers, one message, trailers. */
  function answer(stream: Stream, message: Buffer): void {
    const size = MESSAGE_HEAD + message.length;
    if (streams.get(stream.id) !== stream) return;
    if (size > maxFrame || size > sendRoom || size > stream.sendRoom) {
      send(
        stream,
        { block: ANSWER_HEADERS, endStream: false },
        { data: framed(message), endStream: false },
        { block: OK_TRAILERS, endStream: true },
      );
      return;
    }
    sendRoom -= size;
    const { id } = stream;
    const target = Buffer.allocUnsafe(3 * FRAME_HEAD + ANSWER_HEADERS.length + size + OK_TRAILERS.length);
    let at = writeFrameHead(target, 0, ANSWER_HEADERS.length, FRAME.headers, FLAG.endHeaders, id);
    target.set(ANSWER_HEADERS, at);
    at = writeFrameHead(target, at + ANSWER_HEADERS.length, size, FRAME.data, 0, id);
    target[at] = 0;
    target.writeUInt32BE(message.length, at + 1);
    target.set(message, at + MESSAGE_HEAD);
    at += size;
    at = writeFrameHead(target, at, OK_TRAILERS.length, FRAME.headers, FLAG.endHeaders | FLAG.endStream, id);
    target.set(OK_TRAILERS, at);
    write(target);
    finish(stream);
  }

  /** One of many answers; the headers go out in front of the first one, in one piece with it where there is room. */
  function answerMore(stream: Stream, message: Buffer): void {
    if (streams.get(stream.id) !== stream) return;
    const block = stream.hasAnswered ? EMPTY : ANSWER_HEADERS;
    const isFirst = !stream.hasAnswered;
    const size = MESSAGE_HEAD + message.length;
    stream.hasAnswered = true;
    if (stream.waiting.length > 0 || size > maxFrame || size > sendRoom || size > stream.sendRoom) {
      if (isFirst) stream.waiting.push({ block, endStream: false });
      send(stream, { data: framed(message), endStream: false });
      return;
    }
    sendRoom -= size;
    stream.sendRoom -= size;
    const target = Buffer.allocUnsafe((isFirst ? FRAME_HEAD + block.length : 0) + FRAME_HEAD + size);
    let at = 0;
    if (isFirst) {
      at = writeFrameHead(target, 0, block.length, FRAME.headers, FLAG.endHeaders, stream.id);
      target.set(block, at);
      at += block.length;
    }
    at = writeFrameHead(target, at, size, FRAME.data, 0, stream.id);
    target[at] = 0;
    target.writeUInt32BE(message.length, at + 1);
    target.set(message, at + MESSAGE_HEAD);
    write(target);
  }

  function endAnswers(stream: Stream): void {
    const waiting: Waiting[] = stream.hasAnswered ? [] : [{ block: ANSWER_HEADERS, endStream: false }];
    send(stream, ...waiting, { block: OK_TRAILERS, endStream: true });
  }

  function fail(stream: Stream, caught: unknown): void {
    const known = caught instanceof GatewayError;
    if (!known) options.onBug(caught);
    const [status, message] = known ? [caught.grpcStatus, caught.message] : [13, 'internal error'];
    stream.onGone?.();
    const block = stream.hasAnswered ? statusTrailers(status, message) : statusBlock(status, message);
    send(stream, { block, endStream: true });
  }

  // Calls

  function dispatch(stream: Stream): void {
    const path = stream.headers.get(':path') ?? '';
    const method = methods.get(path);
    if (!method) {
      send(stream, { block: statusBlock(12, `there is no method ${path}`), endStream: true });
      return;
    }
    try {
      const message = messageOf(stream);
      if (method.kind === 'duplex') return;
      if (method.kind === 'streaming') {
        openAnswers(stream, message, method.open);
        return;
      }
      const result = method.answer(message);
      if (result instanceof Promise) settle(stream, result);
      else answer(stream, result);
    } catch (caught) {
      fail(stream, caught);
    }
  }

  function settle(stream: Stream, result: Promise<Buffer>): void {
    underWay += 1;
    result.then(
      (message) => {
        underWay -= 1;
        answer(stream, message);
      },
      (caught: unknown) => {
        underWay -= 1;
        fail(stream, caught);
      },
    );
  }

  function openAnswers(stream: Stream, message: Buffer, start: OpenMethod): void {
    send(stream, { block: ANSWER_HEADERS, endStream: false });
    stream.hasAnswered = true;
    stream.onGone = start(message, {
      send: (one) => answerMore(stream, one),
      end: () => endAnswers(stream),
    });
  }

  /** A call that both sides send messages in begins with its headers. */
  function openDuplex(stream: Stream, start: OpenDuplex): void {
    try {
      const receiver = start({ send: (one) => answerMore(stream, one), end: () => endAnswers(stream) });
      stream.receiver = receiver;
      stream.onGone = () => receiver.gone();
    } catch (caught) {
      fail(stream, caught);
    }
  }

  /** Hands on the messages that are whole by now. */
  function readDuplex(stream: Stream, receiver: Receiver): void {
    try {
      while (stream.received >= stream.wanted && streams.get(stream.id) === stream) {
        const [first = EMPTY] = stream.parts;
        const bytes = first.length >= stream.wanted ? first : Buffer.concat(stream.parts);
        if (bytes !== first) stream.parts = [bytes];
        if (bytes[0] !== 0) throw new GatewayError('invalid_input', 'compressed messages are not taken');
        const size = MESSAGE_HEAD + bytes.readUInt32BE(1);
        stream.wanted = size;
        if (stream.received < size) return;
        if (bytes.length < size) {
          stream.parts = [Buffer.concat(stream.parts)];
          continue;
        }
        const left = bytes.length - size;
        if (left === 0) stream.parts.shift();
        else stream.parts[0] = bytes.subarray(size);
        stream.received -= size;
        buffered -= size;
        stream.wanted = MESSAGE_HEAD;
        giveRoom(stream, size);
        receiver.message(bytes.subarray(MESSAGE_HEAD, size));
      }
    } catch (caught) {
      fail(stream, caught);
    }
  }

  function giveRoom(stream: Stream, size: number): void {
    stream.consumed += size;
    if (stream.consumed < maxMessageBytes / 2 || stream.isHalfClosed) return;
    write(windowUpdateFrame(stream.id, stream.consumed));
    stream.consumed = 0;
  }

  /** The one message of a request. */
  function messageOf(stream: Stream): Buffer {
    const { parts } = stream;
    const [first = Buffer.alloc(0)] = parts;
    const bytes = parts.length === 1 ? first : Buffer.concat(parts);
    if (bytes.length < MESSAGE_HEAD) throw new GatewayError('invalid_input', 'there is no message');
    if (bytes[0] !== 0) throw new GatewayError('invalid_input', 'compressed messages are not taken');
    const size = bytes.readUInt32BE(1);
    if (bytes.length !== MESSAGE_HEAD + size) throw new GatewayError('invalid_input', 'one whole message is expected');
    return bytes.subarray(MESSAGE_HEAD);
  }

  // Receiving

  function onHeaders(id: number, flags: number, block: Buffer): void {
    const headers = decoder.decode(block);
    const known = streams.get(id);
    if (known) {
      // Trailers of a request say nothing that is of use.
      if ((flags & FLAG.endStream) === 0) throw new ConnectionError(ERROR.protocol, 'headers within a stream');
      onRequestEnd(known);
      return;
    }
    if (id % 2 === 0 || id <= lastStream) {
      if (id % 2 === 1) return;
      throw new ConnectionError(ERROR.protocol, 'a stream that is not the client’s');
    }
    lastStream = id;
    if (isDraining || streams.size >= maxStreams) {
      write(resetFrame(id, ERROR.refusedStream));
      return;
    }
    if (underWay > 2 * maxStreams) throw new ConnectionError(ERROR.enhanceYourCalm, 'too many calls given up');
    const stream = createStream(id, headers, initialRoom);
    streams.set(id, stream);
    const refusal = refusalOf(headers);
    if (refusal !== undefined) {
      stream.isHalfClosed = (flags & FLAG.endStream) !== 0;
      send(stream, { block: httpStatusBlock(refusal), endStream: true });
      return;
    }
    const method = methods.get(headers.get(':path') ?? '');
    if (method?.kind === 'duplex') openDuplex(stream, method.open);
    if (flags & FLAG.endStream) onRequestEnd(stream);
  }

  function onRequestEnd(stream: Stream): void {
    stream.isHalfClosed = true;
    if (stream.receiver) {
      try {
        stream.receiver.end();
      } catch (caught) {
        fail(stream, caught);
      }
    } else dispatch(stream);
  }

  function onData(id: number, flags: number, payload: Buffer, frameBytes: number): void {
    received += frameBytes;
    if (received >= RECEIVE_WINDOW / 2) {
      write(windowUpdateFrame(0, received));
      received = 0;
    }
    const stream = streams.get(id);
    if (!stream) {
      if (id === 0 || id > lastStream) throw new ConnectionError(ERROR.protocol, 'data of no stream');
      return;
    }
    stream.received += payload.length;
    buffered += payload.length;
    if (payload.length > 0) stream.parts.push(payload);
    if (sizeOf(stream) > maxMessageBytes || buffered > maxBuffered) {
      const why = buffered > maxBuffered ? 'too much at once' : `a message of more than ${maxMessageBytes} bytes`;
      fail(stream, new GatewayError('limit_exceeded', why));
      return;
    }
    if (stream.receiver) readDuplex(stream, stream.receiver);
    if (flags & FLAG.endStream) onRequestEnd(stream);
  }

  function onSettings(flags: number, payload: Buffer): void {
    if (flags & FLAG.ack) return;
    if (payload.length % 6 !== 0) throw new ConnectionError(ERROR.frameSize, 'settings');
    for (let at = 0; at < payload.length; at += 6) {
      const id = payload.readUInt16BE(at);
      const value = payload.readUInt32BE(at + 2);
      if (id === SETTING.initialWindowSize) {
        if (value > MAX_WINDOW) throw new ConnectionError(ERROR.flowControl, 'the window is too large');
        for (const stream of streams.values()) stream.sendRoom += value - initialRoom;
        initialRoom = value;
      } else if (id === SETTING.maxFrameSize) {
        if (value < MAX_FRAME || value >= 2 ** 24) throw new ConnectionError(ERROR.protocol, 'the frame size');
        maxFrame = value;
      }
    }
    write(SETTINGS_ACK);
    for (const stream of [...streams.values()]) pump(stream);
  }

  function onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError(ERROR.frameSize, 'window update');
    const increment = payload.readUInt32BE(0) % 2 ** 31;
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ERROR.protocol, 'a window update of nothing');
      sendRoom += increment;
      if (sendRoom > MAX_WINDOW) throw new ConnectionError(ERROR.flowControl, 'the window is too large');
      for (const stream of [...streams.values()]) if (stream.waiting.length > 0) pump(stream);
      return;
    }
    const stream = streams.get(id);
    if (!stream) return;
    stream.sendRoom += increment;
    if (increment === 0 || stream.sendRoom > MAX_WINDOW) {
      write(resetFrame(id, increment === 0 ? ERROR.protocol : ERROR.flowControl));
      stream.onGone?.();
      forget(stream);
    } else pump(stream);
  }

  function onReset(id: number): void {
    const stream = streams.get(id);
    if (!stream) {
      if (id > lastStream) throw new ConnectionError(ERROR.protocol, 'a reset of no stream');
      return;
    }
    stream.onGone?.();
    forget(stream);
  }

  function onFrame(type: number, flags: number, id: number, whole: Buffer): void {
    if (open && type !== FRAME.continuation) throw new ConnectionError(ERROR.protocol, 'headers are cut off');
    if (type === FRAME.headers) {
      const block = fragmentOf(flags, whole);
      if (flags & FLAG.endHeaders) onHeaders(id, flags, block);
      else open = { stream: id, flags, parts: [block], size: block.length };
    } else if (type === FRAME.data) onData(id, flags, unpadded(flags, whole), whole.length);
    else if (type === FRAME.settings) onSettings(flags, whole);
    else if (type === FRAME.windowUpdate) onWindowUpdate(id, whole);
    else if (type === FRAME.reset) onReset(id);
    else if (type === FRAME.ping) {
      if (whole.length !== 8) throw new ConnectionError(ERROR.frameSize, 'ping');
      if ((flags & FLAG.ack) === 0) write(frame(FRAME.ping, FLAG.ack, 0, whole));
    } else if (type === FRAME.continuation) onContinuation(id, flags, whole);
    else if (type === FRAME.push) throw new ConnectionError(ERROR.protocol, 'a push of a client');
    // Clients that go away end the connection themselves, and unknown frames mean nothing.
  }

  function onContinuation(id: number, flags: number, block: Buffer): void {
    if (open?.stream !== id) throw new ConnectionError(ERROR.protocol, 'a continuation of nothing');
    open.parts.push(block);
    open.size += block.length;
    if (open.size > MAX_HEADER_BLOCK || open.parts.length > 64) {
      throw new ConnectionError(ERROR.enhanceYourCalm, 'too many headers');
    }
    if ((flags & FLAG.endHeaders) === 0) return;
    const { flags: first, parts } = open;
    open = undefined;
    onHeaders(id, first, Buffer.concat(parts));
  }

  function onChunk(chunk: Buffer): void {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!hasPreface) {
      const size = Math.min(bytes.length, PREFACE.length);
      if (!bytes.subarray(0, size).equals(PREFACE.subarray(0, size))) {
        throw new ConnectionError(ERROR.protocol, 'not HTTP/2');
      }
      hasPreface = size === PREFACE.length;
      if (hasPreface) bytes = bytes.subarray(size);
    }
    let at = 0;
    while (hasPreface && !isClosed && bytes.length - at >= FRAME_HEAD) {
      const size = bytes.readUIntBE(at, 3);
      if (size > MAX_FRAME) throw new ConnectionError(ERROR.frameSize, 'a frame is too large');
      const next = at + FRAME_HEAD + size;
      if (next > bytes.length) break;
      const id = bytes.readUInt32BE(at + 5) % 2 ** 31;
      onFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, id, bytes.subarray(at + FRAME_HEAD, next));
      at = next;
    }
    rest = at === bytes.length ? EMPTY : bytes.subarray(at);
  }

  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    if (isClosed) return;
    try {
      onChunk(chunk);
    } catch (caught) {
      if (caught instanceof ConnectionError) close(caught.code, caught.message);
      else if (caught instanceof HpackError) close(ERROR.compression, caught.message);
      else {
        options.onBug(caught);
        close(ERROR.protocol);
      }
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    isClosed = true;
    end();
    options.onClose();
  });
  write(
    settingsFrame([
      [SETTING.maxConcurrentStreams, maxStreams],
      [SETTING.initialWindowSize, maxMessageBytes + MESSAGE_HEAD],
      [SETTING.maxHeaderListSize, MAX_HEADER_BLOCK],
    ]),
  );
  write(windowUpdateFrame(0, RECEIVE_WINDOW - DEFAULT_WINDOW));

  return {
    drain() {
      if (isDraining || isClosed) return;
      isDraining = true;
      if (streams.size === 0) close(ERROR.none);
      else write(goAwayFrame(lastStream, ERROR.none));
    },
    destroy: () => void socket.destroy(),
  };
}

const EMPTY = Buffer.alloc(0);

type OpenMethod = Extract<Method, { kind: 'streaming' }>['open'];
type OpenDuplex = Extract<Method, { kind: 'duplex' }>['open'];

/** Bytes of the message that arrives: what its head says, since one that is too large never arrives as a whole. */
function sizeOf({ parts, received }: Stream): number {
  const [first] = parts;
  return first !== undefined && first.length >= MESSAGE_HEAD ? first.readUInt32BE(1) : received;
}

/** The HTTP status that says why something is no call; undefined lets it pass. */
function refusalOf(headers: Headers): number | undefined {
  if (headers.get(':method') !== 'POST') return 405;
  return headers.get('content-type')?.startsWith('application/grpc') === true ? undefined : 415;
}

function unpadded(flags: number, whole: Buffer): Buffer {
  if ((flags & FLAG.padded) === 0) return whole;
  const padding = whole[0] ?? 0;
  if (whole.length < 1 + padding) throw new ConnectionError(ERROR.protocol, 'padding');
  return whole.subarray(1, whole.length - padding);
}

function fragmentOf(flags: number, whole: Buffer): Buffer {
  const block = unpadded(flags, whole);
  return (flags & FLAG.priority) === 0 ? block : block.subarray(5);
}
