import { watch } from 'chokidar';
import { GatewayError } from '../lib/errors.ts';

/** Directories and the names in them whose changes matter. */
export type Interest = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

export interface DirectoryWatcher {
  close(): Promise<void>;
}

const READY_DEADLINE_MS = 5000;

function watchedPathOf(details: unknown): string {
  return typeof details === 'object' && details !== null && 'watchedPath' in details ? String(details.watchedPath) : '';
}

/**
 * Watches directories, each by itself and none of its files: a directory tells of writes to files in it as well as of
 * renames and link swaps. `onHint` may be called too often; what really changed is for the caller to find out.
 * Errors: `onError`, when the system refuses to watch (too many watches, for one).
 */
export async function createDirectoryWatcher(
  interest: Interest,
  onHint: () => void,
  onError: (error: GatewayError) => void,
): Promise<DirectoryWatcher> {
  const directories = [...interest.keys()];
  const watcher = watch(directories, {
    depth: 0,
    ignoreInitial: true,
    followSymlinks: false,
    atomic: false,
    ignored: (path) => !interest.has(path),
  });
  watcher.on('error', (caught) => onError(GatewayError.from(caught, 'source_unreadable', 'files cannot be watched')));
  // `all` tells of directories alone, because files are ignored; `raw` of every entry, with its name.
  watcher.on('all', onHint);
  watcher.on('raw', (_event, name, details) => {
    const names = interest.get(watchedPathOf(details));
    if (names === 'all' || names === undefined || !name || names.has(name)) onHint();
  });
  if (directories.length > 0) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, READY_DEADLINE_MS);
      watcher.once('ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  return { close: () => watcher.close() };
}
