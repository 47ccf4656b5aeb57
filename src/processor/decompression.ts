/** Answers that a provider, or what stands before it, compressed although nobody asked. */
import {
  type BrotliDecompress,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  type Gunzip,
} from 'node:zlib';
import { GatewayError } from '../lib/errors.ts';

/** Takes what the bytes held, or why they cannot be read. */
type Receive = (plain: Uint8Array | GatewayError) => void;

export interface Decompression {
  /** Gives all that the bytes hold, also of a block that is not whole. In the order of calls, one call for each. */
  readonly push: (bytes: Uint8Array, isLast: boolean, receive: Receive) => void;
  readonly close: () => void;
}

// The end of a body that breaks off is for its reader to see: what came before it is good.
const whole = { finishFlush: constants.Z_SYNC_FLUSH };
const STREAMS: ReadonlyMap<string, () => Gunzip | BrotliDecompress> = new Map([
  ['gzip', () => createGunzip(whole)],
  ['x-gzip', () => createGunzip(whole)],
  ['deflate', () => createInflate(whole)],
  ['br', () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })],
]);
const NOTHING = new Uint8Array();

/** Shape: `maxBytes` is the most that one push may hold: a few bytes may stand for millions. */
export function createDecompression(encoding: string, maxBytes: number): Decompression {
  const stream = STREAMS.get(encoding)?.();
  let failure = stream ? undefined : failed('The provider compressed its answer in an unknown way.');
  let pieces: Buffer[] = [];
  let size = 0;
  let isOver = false;
  const waiting: Receive[] = [];

  function give(): void {
    const plain = failure ?? (pieces.length === 0 ? NOTHING : Buffer.concat(pieces));
    pieces = [];
    size = 0;
    waiting.shift()?.(plain);
  }
  const giveAll = (): void => {
    isOver = true;
    while (waiting.length > 0) give();
  };

  stream?.on('data', (piece: Buffer) => {
    pieces.push(piece);
    size += piece.length;
    if (size > maxBytes) stream.destroy(failed('The answer of the provider is too large.'));
  });
  stream?.on('end', giveAll);
  stream?.on('error', (cause) => {
    failure ??=
      cause instanceof GatewayError ? cause : failed('The compressed answer of the provider cannot be read.', cause);
    giveAll();
  });

  return {
    push(bytes, isLast, receive) {
      waiting.push(receive);
      if (!stream || isOver) giveAll();
      else if (isLast) stream.end(bytes);
      else stream.write(bytes, (error) => !error && !isOver && give());
    },
    close() {
      waiting.length = 0;
      stream?.destroy();
    },
  };
}

function failed(message: string, cause?: unknown): GatewayError {
  return new GatewayError('provider_failed', message, { cause });
}
