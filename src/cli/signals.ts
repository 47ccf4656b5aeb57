import type { Source } from '../sources/index.ts';
import type { Logger } from '../telemetry/index.ts';

/** A terminal's Ctrl-C arrives more than once where a package manager passes it on as well. */
const SAME_SIGNAL_MS = 1000;

/**
 * Resolves at the first SIGTERM or SIGINT. A second one, later than what may be the same, ends the process at once.
 */
export function untilTerminated(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const listener = (signal: NodeJS.Signals): void => {
      const now = Date.now();
      if (first === undefined) {
        first = now;
        resolve(signal);
      } else if (now - first > SAME_SIGNAL_MS) {
        process.exit(0);
      }
    };
    process.on('SIGTERM', listener);
    process.on('SIGINT', listener);
  });
}

/** Reads the source again at each SIGHUP, variables included. */
export function reloadOnHangup(source: Source, logger: Logger): void {
  process.on('SIGHUP', () => {
    logger.info({ component: 'source' }, 'reading the source again (SIGHUP)');
    source.reload().catch((caught: unknown) => {
      logger.warn(
        { component: 'source' },
        `not read again: ${caught instanceof Error ? caught.message : String(caught)}`,
      );
    });
  });
}
