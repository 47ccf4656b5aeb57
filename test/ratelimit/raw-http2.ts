/** HTTP/2 frame by frame: for what no client library would send. */
import { connect, type Socket } from 'node:net';
import { until } from '../support/index.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface RawHttp2 {
  readonly frames: Frame[];
  readonly isClosed: () => boolean;
  send(...bytes: Buffer[]): void;
  /** Waits for a frame. */
  frame(wanted: (frame: Frame) => boolean, what: string): Promise<Frame>;
  close(): void;
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header that no table keeps and no code shortens. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** Connects, and says what every client says first. */
export async function connectRaw(port: number, settings: Buffer = Buffer.alloc(0)): Promise<RawHttp2> {
  const frames: Frame[] = [];
  let closed = false;
  let rest: Buffer = Buffer.alloc(0);
  const socket = await new Promise<Socket>((resolve) => {
    const own: Socket = connect(port, '127.0.0.1', () => resolve(own));
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9) {
      const size = rest.readUIntBE(0, 3);
      if (rest.length < 9 + size) break;
      const payload = rest.subarray(9, 9 + size);
      frames.push({ type: rest[3] ?? 0, flags: rest[4] ?? 0, stream: rest.readUInt32BE(5), payload });
      rest = rest.subarray(9 + size);
    }
  });
  socket.write(Buffer.concat([PREFACE, frame(4, 0, 0, settings)]));
  return {
    frames,
    isClosed: () => closed,
    send: (...bytes) => void socket.write(Buffer.concat(bytes)),
    frame: (wanted, what) => until(() => frames.find(wanted), { what }),
    close: () => void socket.destroy(),
  };
}
