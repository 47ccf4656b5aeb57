/** Buckets of memory in a file, so that a restart forgets nothing but what was counted since the last save. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GatewayError } from '../../lib/errors.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { MemoryStore, SavedWindow } from './memory.ts';

export interface StateFileOptions {
  readonly path: string;
  readonly logger: Logger;
  /** Default every 5 s, where something has changed. */
  readonly intervalMs?: number;
}

const FORMAT = 'headgate-ratelimit-1';
/** Buckets of one line; between lines other work gets its turn. */
const LINE_BUCKETS = 5000;

/**
 * Loads what a file has of windows that still run, then saves the store there again and again, and once more when it is
 * closed. A crash loses what was counted since the last save. Errors: GatewayError `invalid_input` for a file that is none.
 */
export async function persistStore(store: MemoryStore, options: StateFileOptions): Promise<MemoryStore> {
  const { path, logger, intervalMs = 5000 } = options;
  await load(store, path);
  let saved = store.revision;
  let saving: Promise<void> | undefined;

  const save = (): Promise<void> => {
    saving ??= write().finally(() => {
      saving = undefined;
    });
    return saving;
  };

  async function write(): Promise<void> {
    const { revision } = store;
    if (revision === saved) return;
    try {
      await writeState(store, path);
      saved = revision;
    } catch (caught) {
      const reason = caught instanceof Error ? caught.message : String(caught);
      logger.error({ component: 'ratelimit', file: path, reason }, 'the state cannot be saved');
    }
  }

  const timer = setInterval(save, intervalMs);
  timer.unref();
  return {
    ...store,
    get size() {
      return store.size;
    },
    get revision() {
      return store.revision;
    },
    async close() {
      clearInterval(timer);
      await saving;
      await save();
      await store.close();
    },
  };
}

async function load(store: MemoryStore, path: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (caught) {
    if (caught instanceof Error && 'code' in caught && caught.code === 'ENOENT') return;
    throw GatewayError.from(caught, 'invalid_input', `${path} cannot be read`);
  }
  const [head, ...lines] = text.split('\n');
  if (head !== FORMAT) throw new GatewayError('invalid_input', `${path} is no state file of the rate limit service`);
  const now = Date.now() / 1000;
  for (const line of lines) if (line !== '') store.restore(parseWindow(line, path), now);
}

function parseWindow(line: string, path: string): SavedWindow {
  try {
    const [start, length, counts] = JSON.parse(line) as [number, number, [string, number][]];
    if (Number.isInteger(start) && length > 0 && Array.isArray(counts)) return { start, length, counts };
  } catch {
    // Said below, as for a line of another shape.
  }
  throw new GatewayError('invalid_input', `${path} has a line that is no window`);
}

/** Beside the old file and then over it: a reader finds one or the other. */
async function writeState(store: MemoryStore, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.new`;
  const file = await open(fresh, 'w', 0o600);
  try {
    await file.write(`${FORMAT}\n`);
    for (const { start, length, counts } of [...store.windows()]) {
      let some: [string, number][] = [];
      for (const bucket of counts) {
        some.push(bucket);
        if (some.length < LINE_BUCKETS) continue;
        await file.write(`${JSON.stringify([start, length, some])}\n`);
        some = [];
      }
      if (some.length > 0) await file.write(`${JSON.stringify([start, length, some])}\n`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
}
