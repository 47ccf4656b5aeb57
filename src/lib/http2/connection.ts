/**
 * One HTTP/2 connection of a gRPC server (RFC 9113). One piece: frames, flow control and the streams' lives are one state
 * machine. It is written by hand because a rate limit service does almost nothing else than this: with node:http2 a call
 * costs more than twice as much (bench/README.md).
 */
import type { Socket } from 'node:net';
import { GatewayError } from '../errors.ts';
import {
  ANSWER_HEADERS,
  dataFrames,
  ERROR,
  FLAG,
  FRAME,
  FRAME_HEAD,
  frame,
  frameHead,
  goAwayFrame,
  httpStatusBlock,
  IDENTITY_ONLY,
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
import { createOutput, MAX_COPIED } from './output.ts';
import { framesOf } from './shared-frames.ts';
import { StreamTable } from './stream-table.ts';
import {
  createStream,
  type DuplexAnswers,
  MESSAGE_HEAD,
  type Method,
  type Receiver,
  type Stream,
  type Waiting,
} from './streams.ts';

export interface ConnectionOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly maxMessageBytes: number;
  readonly maxStreams: number;
  /** What a client may send of a call before it is given more room; that is given at half of it. */
  readonly windowBytes: number;
  /** Calls that a client may give up within a minute. */
  readonly maxResets: number;
  /** What a method threw that is no GatewayError. */
  readonly onBug: (caught: unknown) => void;
  readonly onClose: () => void;
}

export interface Connection {
  /** Takes no new calls; closes when the open ones have ended. */
  drain(): void;
  destroy(): void;
  ping(): void;
  /** Grows with each sign of life. */
  readonly framesHeard: number;
}

const MAX_FRAME = 16_384;
const MAX_HEADER_BLOCK = 65_536;
const MAX_WINDOW = 2 ** 31 - 1;
/** What clients may have on the way to us; given back as soon as it arrives, since `maxBuffered` bounds what is kept. */
const RECEIVE_WINDOW = 16 * 1024 * 1024;
const DEFAULT_WINDOW = 65_535;
/** Bytes that wait for the kernel, beyond which data waits for its turn: so that there is progress to be seen. */
const MAX_QUEUED = 1024 * 1024;
const RESETS_MS = 60_000;
/** What goes out in one piece at most, so that nothing waits long behind it. */
const MAX_JOINED = 256 * 1024;
/** Calls of which it is known what to do when they are reset. */
const MAX_ON_RESETS = 10_000;

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
  const { methods, maxMessageBytes, maxStreams, windowBytes } = options;
  const streams = new StreamTable();
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
  let resets = { count: 0, since: 0 };
  /** By call, answered ones among them: a reset may cross its answer. */
  const onResets = new Map<number, () => void>();
  let framesHeard = 0;
  /** Something waits for the kernel to take more. */
  let isThrottled = false;
  const output = createOutput(socket, onMoved);
  const { write } = output;

  function onMoved(): void {
    if (!isThrottled || isClosed) return;
    isThrottled = false;
    pumpAll();
  }

  function pumpAll(): void {
    for (const stream of streams.all()) if (stream.waiting.length > 0) pump(stream);
  }

  function close(code: number, why = ''): void {
    if (isClosed) return;
    write(goAwayFrame(lastStream, code, why));
    output.flush();
    isClosed = true;
    socket.end();
    end();
  }

  function end(): void {
    for (const stream of streams.all()) stream.onGone?.();
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
    let hasMoved = false;
    for (let next = stream.waiting[0]; next !== undefined && pumpOne(stream, next); next = stream.waiting[0]) {
      hasMoved = true;
      stream.waiting.shift();
      if (next.endStream) finish(stream);
    }
    if (stream.waiting.length > 0) {
      if (hasMoved || stream.blockedSince === undefined) stream.blockedSince = performance.now();
      return;
    }
    const wasFull = stream.blockedSince !== undefined;
    stream.blockedSince = undefined;
    if (wasFull) stream.receiver?.emptied?.();
  }

  /** Returns whether all of it is sent. */
  function pumpOne(stream: Stream, next: Waiting): boolean {
    const { block, data, endStream } = next;
    if (block) write(frame(FRAME.headers, FLAG.endHeaders | (endStream ? FLAG.endStream : 0), stream.id, block));
    else if (data) return pumpData(stream, next, data);
    return true;
  }

  function pumpData(stream: Stream, next: Waiting, data: Buffer): boolean {
    let at = next.sent ?? 0;
    if (next.isShared && at === 0 && pumpWhole(stream, data)) return true;
    while (at < data.length) {
      // What is only for this call is copied behind the heads of its frames: parts of their own cost more.
      const most = next.isShared ? maxFrame : MAX_JOINED;
      const size = Math.min(data.length - at, most, sendRoom, stream.sendRoom);
      if (size <= 0) break;
      if (output.queuedBytes > MAX_QUEUED) {
        isThrottled = true;
        break;
      }
      const part = data.subarray(at, at + size);
      if (!next.isShared || size <= MAX_COPIED) write(dataFrames(stream.id, part, maxFrame));
      else {
        write(frameHead(size, FRAME.data, 0, stream.id));
        write(part);
      }
      at += size;
      sendRoom -= size;
      stream.sendRoom -= size;
    }
    if (at > (next.sent ?? 0)) stream.blockedSince &&= performance.now();
    next.sent = at;
    return at === data.length;
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

  function pumpWhole(stream: Stream, data: Buffer): boolean {
    const size = data.length;
    if (size > MAX_QUEUED || size > sendRoom || size > stream.sendRoom || output.queuedBytes > MAX_QUEUED) return false;
    const frames = framesOf(data, stream.id, maxFrame);
    if (frames === undefined) return false;
    write(frames);
    sendRoom -= size;
    stream.sendRoom -= size;
    return true;
  }

  /** A message behind its head; `more` bytes of it follow elsewhere. */
  function framed(message: Buffer, more = 0): Buffer {
    const target = Buffer.allocUnsafe(MESSAGE_HEAD + message.length);
    target[0] = 0;
    target.writeUInt32BE(message.length + more, 1);
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
  function answerMore(stream: Stream, message: Buffer, shared: Buffer = EMPTY): void {
    if (streams.get(stream.id) !== stream) return;
    const block = stream.hasAnswered ? EMPTY : ANSWER_HEADERS;
    const isFirst = !stream.hasAnswered;
    const size = MESSAGE_HEAD + message.length + shared.length;
    stream.hasAnswered = true;
    const hasRoom = size <= maxFrame && size <= sendRoom && size <= stream.sendRoom;
    if (stream.waiting.length > 0 || shared.length > MAX_COPIED || !hasRoom) {
      if (isFirst) stream.waiting.push({ block, endStream: false });
      const data = framed(message, shared.length);
      if (shared.length === 0) send(stream, { data, endStream: false });
      else send(stream, { data, endStream: false }, { data: shared, endStream: false, isShared: true });
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
    target.writeUInt32BE(size - MESSAGE_HEAD, at + 1);
    target.set(message, at + MESSAGE_HEAD);
    target.set(shared, at + MESSAGE_HEAD + message.length);
    write(target);
  }

  function endAnswers(stream: Stream): void {
    const waiting: Waiting[] = stream.hasAnswered ? [] : [{ block: ANSWER_HEADERS, endStream: false }];
    send(stream, ...waiting, { block: OK_TRAILERS, endStream: true });
  }

  function fail(stream: Stream, caught: unknown): void {
    const known = caught instanceof GatewayError;
    if (!known) options.onBug(caught);
    const [status, message] = known ? [caught.grpcStatus, caught.message] : [INTERNAL, 'internal error'];
    stream.onGone?.();
    endWith(stream, status, message);
  }

  function endWith(stream: Stream, status: number, message: string): void {
    const block = stream.hasAnswered ? statusTrailers(status, message) : statusBlock(status, message);
    send(stream, { block, endStream: true });
  }

  /** Ends a call at once, with all that waits. */
  function cut(stream: Stream): void {
    if (streams.get(stream.id) !== stream) return;
    stream.waiting = [];
    write(resetFrame(stream.id, ERROR.enhanceYourCalm));
    stream.onGone?.();
    forget(stream);
  }

  // Calls

  function dispatch(stream: Stream): void {
    const method = methods.get(stream.headers.get(':path') ?? '');
    try {
      const message = messageOf(stream);
      if (method === undefined || method.kind === 'duplex') return;
      if (method.kind === 'streaming') {
        openAnswers(stream, message, method.open);
        return;
      }
      const result = method.answer(message, { socket, onReset: (act) => noteReset(stream.id, act) });
      if (result instanceof Promise) settle(stream, result);
      else answer(stream, result);
    } catch (caught) {
      fail(stream, caught);
    }
  }

  function noteReset(id: number, act: () => void): void {
    onResets.set(id, act);
    if (onResets.size <= MAX_ON_RESETS) return;
    const [oldest = id] = onResets.keys();
    onResets.delete(oldest);
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
      const receiver = start(answersOf(stream), { socket });
      stream.receiver = receiver;
      stream.onGone = () => receiver.gone();
    } catch (caught) {
      fail(stream, caught);
    }
  }

  function answersOf(stream: Stream): DuplexAnswers {
    return {
      send: (message, shared) => answerMore(stream, message, shared),
      end: () => endAnswers(stream),
      fail: ({ grpcStatus, message }) => endWith(stream, grpcStatus, message),
      cut: () => cut(stream),
      // No getters: V8 keeps those of an object in the old generation, and with them all of a call that has ended.
      blockedSince: () => stream.blockedSince ?? output.blockedSince,
      isFull: () => stream.waiting.length > 0,
    };
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
        receiver.message(bytes.subarray(MESSAGE_HEAD, size));
      }
    } catch (caught) {
      fail(stream, caught);
    }
  }

  /** Room for what has arrived: the size of a message limits what is held of it. */
  function giveRoom(stream: Stream, size: number): void {
    stream.consumed += size;
    if (stream.consumed < windowBytes / 2) return;
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
    streams.add(stream);
    const refusal = refusalOf(headers);
    if (refusal !== undefined) {
      stream.isHalfClosed = (flags & FLAG.endStream) !== 0;
      send(stream, { block: httpStatusBlock(refusal), endStream: true });
      return;
    }
    const method = methodOf(stream);
    if (method?.kind === 'duplex') openDuplex(stream, method.open);
    if (method && flags & FLAG.endStream) onRequestEnd(stream);
  }

  /** What is called; where it cannot be served, the call is answered at once. */
  function methodOf(stream: Stream): Method | undefined {
    const { headers } = stream;
    const path = headers.get(':path') ?? '';
    const encoding = headers.get('grpc-encoding') ?? 'identity';
    const method = methods.get(path);
    if (method && encoding === 'identity') return method;
    const why = method ? `the encoding ${encoding} is not supported` : `there is no method ${path}`;
    const block = statusBlock(UNIMPLEMENTED, why);
    send(stream, { block: method ? Buffer.concat([block, IDENTITY_ONLY]) : block, endStream: true });
    return undefined;
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
    const ends = (flags & FLAG.endStream) !== 0;
    if (!ends) giveRoom(stream, frameBytes);
    if (stream.receiver) readDuplex(stream, stream.receiver);
    if (ends) onRequestEnd(stream);
  }

  function onSettings(flags: number, payload: Buffer): void {
    if (flags & FLAG.ack) return;
    if (payload.length % 6 !== 0) throw new ConnectionError(ERROR.frameSize, 'settings');
    for (let at = 0; at < payload.length; at += 6) {
      const id = payload.readUInt16BE(at);
      const value = payload.readUInt32BE(at + 2);
      if (id === SETTING.initialWindowSize) {
        if (value > MAX_WINDOW) throw new ConnectionError(ERROR.flowControl, 'the window is too large');
        for (const stream of streams.all()) stream.sendRoom += value - initialRoom;
        initialRoom = value;
      } else if (id === SETTING.maxFrameSize) {
        if (value < MAX_FRAME || value >= 2 ** 24) throw new ConnectionError(ERROR.protocol, 'the frame size');
        maxFrame = value;
      }
    }
    write(SETTINGS_ACK);
    for (const stream of streams.all()) pump(stream);
  }

  function onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError(ERROR.frameSize, 'window update');
    const increment = payload.readUInt32BE(0) % 2 ** 31;
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ERROR.protocol, 'a window update of nothing');
      sendRoom += increment;
      if (sendRoom > MAX_WINDOW) throw new ConnectionError(ERROR.flowControl, 'the window is too large');
      pumpAll();
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
    onResets.get(id)?.();
    onResets.delete(id);
    const stream = streams.get(id);
    if (!stream) {
      if (id > lastStream) throw new ConnectionError(ERROR.protocol, 'a reset of no stream');
      return;
    }
    stream.onGone?.();
    forget(stream);
    const now = performance.now();
    if (now - resets.since > RESETS_MS) resets = { count: 0, since: now };
    resets.count += 1;
    if (resets.count > options.maxResets) throw new ConnectionError(ERROR.enhanceYourCalm, 'too many calls given up');
  }

  function onFrame(type: number, flags: number, id: number, whole: Buffer): void {
    framesHeard += 1;
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
    let bytes = hasPreface ? chunk : withoutPreface(chunk);
    // A frame that was cut off is put together by itself: most of a chunk are whole ones, which stay where they are.
    while (rest.length > 0 && bytes.length > 0 && !isClosed) {
      const size = rest.length < FRAME_HEAD ? FRAME_HEAD : FRAME_HEAD + rest.readUIntBE(0, 3);
      const part = bytes.subarray(0, size - rest.length);
      bytes = bytes.subarray(part.length);
      rest = readFrames(Buffer.concat([rest, part]));
    }
    if (bytes.length > 0) rest = readFrames(bytes);
  }

  /** What of it is behind the preface, as far as that is there. */
  function withoutPreface(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([rest, chunk]);
    const size = Math.min(bytes.length, PREFACE.length);
    if (!bytes.subarray(0, size).equals(PREFACE.subarray(0, size))) {
      throw new ConnectionError(ERROR.protocol, 'not HTTP/2');
    }
    hasPreface = size === PREFACE.length;
    rest = hasPreface ? EMPTY : bytes;
    return hasPreface ? bytes.subarray(size) : EMPTY;
  }

  /** Gives what is behind the last whole frame. */
  function readFrames(bytes: Buffer): Buffer {
    let at = 0;
    while (!isClosed && bytes.length - at >= FRAME_HEAD) {
      const size = bytes.readUIntBE(at, 3);
      if (size > MAX_FRAME) throw new ConnectionError(ERROR.frameSize, 'a frame is too large');
      const next = at + FRAME_HEAD + size;
      if (next > bytes.length) break;
      const id = bytes.readUInt32BE(at + 5) % 2 ** 31;
      onFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, id, bytes.subarray(at + FRAME_HEAD, next));
      at = next;
    }
    return at === bytes.length ? EMPTY : bytes.subarray(at);
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
      [SETTING.initialWindowSize, windowBytes],
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
    ping() {
      if (!isClosed) write(PING);
    },
    get framesHeard() {
      return framesHeard;
    },
  };
}

const EMPTY = Buffer.alloc(0);
const PING = frame(FRAME.ping, 0, 0, Buffer.alloc(8));
// Codes of gRPC that no GatewayError has.
const UNIMPLEMENTED = 12;
const INTERNAL = 13;

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
