/** What a connection sends: frames of one turn go out together, and large parts of them as they are. */
import type { Socket } from 'node:net';

export interface Output {
  write(bytes: Buffer): void;
  /** Sends what was written, now. */
  flush(): void;
  /** Bytes that the kernel has not taken yet. */
  readonly queuedBytes: number;
  /** Since when none of them has moved; `performance.now()`, undefined when there are none. */
  readonly blockedSince: number | undefined;
}

/** Up to here a copy costs less than another part: of parts, on the average. */
export const MAX_COPIED = 4096;

/** Unsent bytes at which nothing more is read: who does not read its answers gets no more of them. */
const MAX_UNSENT = 4 * 1024 * 1024;

/** Creates the output of a socket. `onMoved`: the kernel has taken something. */
export function createOutput(socket: Socket, onMoved: () => void): Output {
  let parts: Buffer[] = [];
  let size = 0;
  let isFlushPlanned = false;
  let underWay = 0;
  let blockedSince: number | undefined;

  function moved(): void {
    underWay -= 1;
    blockedSince = underWay === 0 && size === 0 ? undefined : performance.now();
    onMoved();
  }

  function flush(): void {
    isFlushPlanned = false;
    const [first] = parts;
    if (first === undefined || socket.destroyed || socket.writableEnded) return;
    underWay += 1;
    if (parts.length === 1) socket.write(first, moved);
    else if (size <= MAX_COPIED * parts.length) socket.write(Buffer.concat(parts, size), moved);
    else writeParts(socket, parts, moved);
    parts = [];
    size = 0;
    if (socket.writableLength > MAX_UNSENT && !socket.isPaused()) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  }

  return {
    write(bytes) {
      parts.push(bytes);
      size += bytes.length;
      if (isFlushPlanned) return;
      isFlushPlanned = true;
      blockedSince ??= performance.now();
      // Answers of one turn go out together, those of promises that settle in it too.
      setImmediate(flush);
    },
    flush,
    get queuedBytes() {
      return size + socket.writableLength;
    },
    get blockedSince() {
      return blockedSince;
    },
  };
}

/** All at once, none copied. */
function writeParts(socket: Socket, parts: readonly Buffer[], done: () => void): void {
  socket.cork();
  parts.forEach((part, i) => {
    if (i < parts.length - 1) socket.write(part);
    else socket.write(part, done);
  });
  socket.uncork();
}
