/** Frames of what many calls send: calls on streams of one number, which mostly is the first one, send equal bytes. */
import { FRAME, FRAME_HEAD, writeFrameHead } from './frames.ts';

interface Entry {
  readonly stream: number;
  readonly maxFrame: number;
  framed: Buffer | undefined;
}

const entries = new WeakMap<Buffer, Entry>();

/** All of `data` in DATA frames, once another call on a stream of that number has sent it; undefined until then. */
export function framesOf(data: Buffer, stream: number, maxFrame: number): Buffer | undefined {
  const entry = entries.get(data);
  if (entry === undefined) {
    entries.set(data, { stream, maxFrame, framed: undefined });
    return undefined;
  }
  if (entry.stream !== stream || entry.maxFrame !== maxFrame) return undefined;
  entry.framed ??= frame(data, entry);
  return entry.framed;
}

function frame(data: Buffer, { stream, maxFrame }: Entry): Buffer {
  const target = Buffer.allocUnsafe(data.length + FRAME_HEAD * Math.ceil(data.length / maxFrame));
  let to = 0;
  for (let at = 0; at < data.length; at += maxFrame) {
    const end = Math.min(at + maxFrame, data.length);
    to = writeFrameHead(target, to, end - at, FRAME.data, 0, stream);
    to += data.copy(target, to, at, end);
  }
  return target;
}
