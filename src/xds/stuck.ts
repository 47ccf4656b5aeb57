/** Clients that hold resources of the server and do nothing with them: they are cut off. */
import { GatewayError } from '../lib/errors.ts';
import type { Transport } from './transport.ts';

/** A stream as far as its patience is concerned. */
export interface Watched {
  readonly transport: Transport;
  readonly openedAt: number;
  /** The client has said who it is. */
  readonly identified: boolean;
}

/** Looks at all streams from time to time, and hands over those that took too long. Returns how to stop. */
export function watchStuck<T extends Watched>(
  stuckMs: number,
  streams: () => Iterable<T>,
  cut: (stream: T, error: GatewayError) => void,
): () => void {
  const timer = setInterval(() => {
    const limit = performance.now() - stuckMs;
    for (const stream of [...streams()]) {
      const { blockedSince } = stream.transport;
      if (blockedSince !== undefined && blockedSince < limit) {
        cut(stream, new GatewayError('timeout', 'the client does not read'));
      } else if (!stream.identified && stream.openedAt < limit) {
        cut(stream, new GatewayError('timeout', 'the client does not ask for anything'));
      }
    }
  }, stuckMs / 4);
  timer.unref();
  return () => clearInterval(timer);
}
