import { readFile } from 'node:fs/promises';
import { GatewayError } from '../lib/errors.ts';
import type { Logger } from '../telemetry/index.ts';

/** Often enough for certificates and policies, and nothing to watch that a swapped symbolic link could cut off. */
const POLL_MS = 2000;

export interface WatchedFilesOptions<T> {
  readonly paths: readonly string[];
  /** What the contents mean, in the order of `paths`. Errors: throws where they mean nothing; then the last good ones count. */
  readonly parse: (contents: readonly Buffer[]) => T;
  readonly logger: Logger;
  readonly pollMs?: number;
}

/** Files that are read again when they change. */
export interface WatchedFiles<T> {
  readonly current: T;
  onChange(listener: (value: T) => void): () => void;
  close(): void;
}

/** Reads files that belong together, and keeps looking. Errors: GatewayError `invalid_input` where the first read fails. */
export async function watchFiles<T>(options: WatchedFilesOptions<T>): Promise<WatchedFiles<T>> {
  const { paths, parse, logger, pollMs = POLL_MS } = options;
  const listeners = new Set<(value: T) => void>();
  let contents = await readAll(paths);
  let value = parse(contents);
  let reading = false;
  let trouble = '';

  async function look(): Promise<void> {
    const next = await readAll(paths);
    if (next.every((bytes, i) => bytes.equals(contents[i] ?? Buffer.alloc(0)))) return;
    const parsed = parse(next);
    contents = next;
    value = parsed;
    trouble = '';
    logger.info({ files: paths }, 'files have changed and are in use');
    for (const listener of listeners) listener(value);
  }

  const timer = setInterval(() => {
    if (reading) return;
    reading = true;
    look()
      .catch((caught: unknown) => {
        // Between the writes of two files that belong together they do not: said once, and looked at again.
        const { message } = GatewayError.from(caught, 'invalid_input');
        if (message !== trouble)
          logger.warn({ files: paths, reason: message }, 'files have changed and cannot be used');
        trouble = message;
      })
      .finally(() => {
        reading = false;
      });
  }, pollMs);
  timer.unref();
  return {
    get current() {
      return value;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}

function readAll(paths: readonly string[]): Promise<Buffer[]> {
  return Promise.all(paths.map(readBytes));
}

/** A file that a flag names. Errors: GatewayError `invalid_input`. */
export function readBytes(path: string): Promise<Buffer> {
  return readFile(path).catch((caught: unknown) => {
    throw GatewayError.from(caught, 'invalid_input', `${path} cannot be read`);
  });
}
