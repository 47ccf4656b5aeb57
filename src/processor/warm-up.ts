/**
 * Exchanges that nobody asked for, so that the first ones that somebody does ask for are not those by which Node learns what to
 * compile: cold they cost three to ten times as much (bench/README.md). They go through all that a real one goes through, but for
 * the socket, beside the work of a processor that is ready already. Once it has real work, that does the same.
 */
import { createLoopback } from '../lib/http2/loopback.ts';
import type { Method } from '../lib/http2/streams.ts';
import { createSamples } from './samples.ts';

/** So long the first real request may have to wait. */
const SLICE_MS = 10;
/** Each sample, as often: from about here on nothing gets much faster. */
const ROUNDS = 500;

export interface WarmUp {
  readonly path: string;
  readonly method: Method;
  /** Whether there has been no real request yet. */
  readonly isIdle: () => boolean;
  /** Is told of what a translation throws. */
  readonly onBug: (caught: unknown) => void;
}

/** Begins. Returns how to stop. */
export function warmUp({ path, method, isIdle, onBug }: WarmUp): () => void {
  const loopback = createLoopback(path, method, onBug);
  const samples = createSamples();
  let left = ROUNDS * samples.length;
  let timer = setTimeout(slice, 0).unref();

  function slice(): void {
    const until = performance.now() + SLICE_MS;
    while (left > 0 && performance.now() < until) {
      loopback.call(samples[left % samples.length] ?? []);
      left -= 1;
    }
    if (left > 0 && isIdle()) timer = setTimeout(slice, 0).unref();
    else loopback.close();
  }

  return () => {
    clearTimeout(timer);
    loopback.close();
  };
}
