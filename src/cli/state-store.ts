import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LimitsConfig } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { contentHash } from '../lib/hash.ts';
import type { Revision } from '../resources/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { assembleSnapshot, type EncodedResource, type SavedSnapshot, typeSnapshot } from '../xds/index.ts';
import type { ServedCounts } from './revisions.ts';

/** What is served, as it outlives the process. It holds credentials: whoever reads it has them. */
export interface SavedState {
  readonly revision: Revision;
  readonly counts: ServedCounts;
  /** ISO 8601. */
  readonly savedAt: string;
  readonly views: readonly SavedView[];
  /** That the rate limit service has to know. */
  readonly limits?: LimitsConfig;
}

export interface SavedView extends SavedSnapshot {
  readonly gateway: string;
  /** Of the Envoys it was compiled for. */
  readonly envoyVersion: string;
  readonly features: readonly string[];
}

export interface StateStore {
  /** What an earlier process left; undefined where there is nothing that can be used, which is logged. */
  load(): Promise<SavedState | undefined>;
  /** Writes what `read` gives then, a little later; calls in between melt into one. */
  save(read: () => SavedState | undefined): void;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}

const FORMAT = 1;
const FILE = 'served.json';

/** A store in a directory of its own, made private. Errors: GatewayError `invalid_input` where it cannot be written. */
export async function createStateStore(directory: string, logger: Logger, delayMs = 2000): Promise<StateStore> {
  await prepare(directory, logger);
  const path = join(directory, FILE);
  let pending: (() => SavedState | undefined) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const state = pending?.();
    pending = undefined;
    if (state === undefined) return;
    try {
      await replaceFile(path, encodeState(state));
    } catch (caught) {
      const { message } = GatewayError.from(caught, 'unavailable');
      logger.error({ path, reason: message }, 'what is served cannot be saved: a restart needs the source');
    }
  }

  return {
    async load() {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) return undefined;
      try {
        return decodeState(text);
      } catch (caught) {
        const { message } = GatewayError.from(caught, 'invalid_input');
        logger.warn({ path, reason: message }, 'what was saved cannot be used');
        return undefined;
      }
    },
    save(read) {
      pending = read;
      timer ??= setTimeout(() => {
        writing = writing.then(write);
      }, delayMs);
      timer.unref();
    },
    close() {
      writing = writing.then(write);
      return writing;
    },
  };
}

async function prepare(directory: string, logger: Logger): Promise<void> {
  try {
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (made !== undefined) await chmod(directory, 0o700);
    const { mode } = await stat(directory);
    if ((mode & 0o077) !== 0) logger.warn({ directory }, 'the state directory is open to others: chmod 700 closes it');
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input', `the state directory ${directory} cannot be used`);
  }
}

/** Whoever reads the file sees all of the old content or all of the new one, also after a crash. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

interface StoredResource {
  readonly name: string;
  readonly version: string;
  readonly any: string;
  readonly requires?: EncodedResource['requires'];
  readonly accepted?: boolean;
}

interface StoredState extends Omit<SavedState, 'views'> {
  readonly format: number;
  readonly views: readonly (Omit<SavedView, 'snapshot' | 'accepted'> & {
    readonly types: readonly { readonly typeUrl: string; readonly resources: readonly StoredResource[] }[];
  })[];
}

/** Shape: the hash of the rest, a line break, JSON. */
function encodeState({ views, ...head }: SavedState): string {
  const stored: StoredState = {
    format: FORMAT,
    ...head,
    views: views.map(({ snapshot, accepted, ...view }) => {
      const known = new Set(accepted);
      return {
        ...view,
        types: [...snapshot.types.values()].map(({ typeUrl, resources }) => ({
          typeUrl,
          resources: [...resources.values()].map((resource) => ({
            name: resource.name,
            version: resource.version,
            any: Buffer.from(resource.any).toString('base64'),
            ...(resource.requires && { requires: resource.requires }),
            ...(known.has(resource) && { accepted: true }),
          })),
        })),
      };
    }),
  };
  const json = JSON.stringify(stored);
  return `${contentHash(json)}\n${json}\n`;
}

/** Errors: GatewayError `invalid_input`. */
function decodeState(text: string): SavedState {
  const end = text.indexOf('\n');
  const json = text.slice(end + 1).trimEnd();
  if (contentHash(json) !== text.slice(0, end)) throw new GatewayError('invalid_input', 'the file is damaged');
  // The hash says that it is what this program wrote.
  const { format, views, ...head } = JSON.parse(json) as StoredState;
  if (format !== FORMAT) throw new GatewayError('invalid_input', `its format ${format} is not known`);
  return { ...head, views: views.map(decodeView) };
}

function decodeView({ types, ...view }: StoredState['views'][number]): SavedView {
  const accepted: EncodedResource[] = [];
  const decoded = types.map(({ typeUrl, resources }) => {
    const byName = new Map<string, EncodedResource>();
    for (const { name, version, any, requires, accepted: isAccepted } of resources) {
      const bytes = Buffer.from(any, 'base64');
      const resource = { name, version, any: bytes, since: Date.now(), ...(requires && { requires }) };
      byName.set(name, resource);
      if (isAccepted) accepted.push(resource);
    }
    return [typeUrl, typeSnapshot(typeUrl, byName)] as const;
  });
  return { ...view, snapshot: assembleSnapshot(new Map(decoded)), accepted };
}
