/** What ends connections that nobody ended: a peer that is gone without a word, and old age. */
import type { Connection } from './connection.ts';

/** Pings; a connection from which nothing at all is heard for `timeoutMs` after one is cut off. */
export interface Keepalive {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** A connection is told to go after `maxMs`, a tenth more or less, and cut off `graceMs` later. */
export interface ConnectionAge {
  readonly maxMs: number;
  readonly graceMs: number;
}

/** Returns how to stop. */
export function keepAlive(connection: Connection, { intervalMs, timeoutMs }: Keepalive): () => void {
  let late: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    clearTimeout(late);
    const heard = connection.framesHeard;
    connection.ping();
    late = setTimeout(() => {
      if (connection.framesHeard === heard) connection.destroy();
    }, timeoutMs).unref();
  }, intervalMs).unref();
  return () => {
    clearInterval(timer);
    clearTimeout(late);
  };
}

/** Returns how to stop. */
export function limitAge(connection: Connection, { maxMs, graceMs }: ConnectionAge): () => void {
  // A tenth more or less: what came at once does not leave at once.
  const age = maxMs * (0.9 + 0.2 * Math.random());
  let timer = setTimeout(() => {
    connection.drain();
    timer = setTimeout(() => connection.destroy(), graceMs).unref();
  }, age).unref();
  return () => clearTimeout(timer);
}
