import { open } from 'node:fs/promises';
import { type Finding, type FindingCode, sortFindings } from '../lib/findings.ts';
import { type LoadedObject, type ObjectSet, validateObject } from '../resources/index.ts';
import type { Environment } from './environment.ts';
import { type FoundFiles, fileFinding, findFiles, type SourceFile } from './find.ts';
import { findCommonCommit } from './git.ts';
import { assembleObjects, type LoadedFile, loadObjects, type Validate } from './objects.ts';
import { identityKey } from './revision.ts';
import { parseYaml } from './yaml.ts';

/** Objects of files by their paths, with the stamp the file had. */
export type FileCache = Map<string, { readonly stamp: string; readonly file: LoadedFile }>;

export interface ReadOptions {
  /** Values of `${VAR}`. */
  readonly env: Environment;
  /** Reads standard input, for the source `-`. */
  readonly stdin?: () => Promise<string>;
  /** Every error refuses the revision. */
  readonly strict?: boolean;
  /** Unknown fields are warnings. */
  readonly ignoreUnknown?: boolean;
  readonly signal?: AbortSignal;
  /** What files held when they were last read; those that did not change are not read again. */
  readonly cache?: FileCache;
  /** Replaces the check of resources, in tests. */
  readonly validate?: Validate;
}

/** A revision, or why there is none. */
export type ReadResult =
  | { readonly ok: true; readonly set: ObjectSet }
  | {
      readonly ok: false;
      readonly findings: readonly Finding[];
      /** What could be read beside what is wrong, for a start that has nothing better; absent with `strict`. */
      readonly readable?: ObjectSet;
    };

/** What makes a revision unreadable for what it is. All other errors isolate one object. */
const REFUSING: ReadonlySet<FindingCode> = new Set([
  'HG0101',
  'HG0102',
  'HG0104',
  'HG0105',
  'HG0109',
  'HG0802',
] as const);

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const READ_DEADLINE_MS = 30_000;
/** Files read at the same time: enough to hide the disk's latency, far below any limit of open files. */
const PARALLEL_READS = 16;

const EMPTY_FILE: LoadedFile = { entries: [], findings: [] };

/** Reads in pieces and counts, so that a device or pipe without an end is refused instead of filling the memory. */
async function readBytes(path: string, signal: AbortSignal): Promise<Buffer | undefined> {
  const handle = await open(path);
  try {
    const pieces: Buffer[] = [];
    let size = 0;
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE_BYTES));
      if (bytesRead === 0) break;
      size += bytesRead;
      if (size > MAX_FILE_BYTES) return undefined;
      pieces.push(buffer.subarray(0, bytesRead));
    }
    return Buffer.concat(pieces);
  } finally {
    await handle.close();
  }
}

async function readText(file: SourceFile, options: ReadOptions): Promise<string | Finding> {
  if (file.path === '-') {
    return options.stdin ? options.stdin() : fileFinding('HG0101', '-', 'there is no standard input to read');
  }
  const deadline = AbortSignal.timeout(READ_DEADLINE_MS);
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline;
  const bytes = await readBytes(file.path, signal);
  if (!bytes) return fileFinding('HG0101', file.name, `the file is larger than ${MAX_FILE_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fileFinding('HG0102', file.name, 'the file is not UTF-8 text');
  }
}

async function readFile(file: SourceFile, options: ReadOptions): Promise<LoadedFile> {
  const cached = options.cache?.get(file.path);
  if (cached && cached.stamp === file.stamp) return cached.file;
  try {
    const text = await readText(file, options);
    if (typeof text !== 'string') return { entries: [], findings: [text] };
    const { documents, findings } = parseYaml(file.name, text, options.env);
    const loaded = loadObjects(documents, options.validate ?? validateObject, {
      ignoreUnknown: options.ignoreUnknown ?? false,
    });
    return { entries: loaded.entries, findings: [...findings, ...loaded.findings] };
  } catch (caught) {
    options.signal?.throwIfAborted();
    return { entries: [], findings: [fileFinding('HG0101', file.name, 'the file cannot be read', caught)] };
  }
}

async function readAll(files: readonly SourceFile[], options: ReadOptions): Promise<LoadedFile[]> {
  const results: LoadedFile[] = files.map(() => EMPTY_FILE);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      const file = files[index];
      if (file) results[index] = await readFile(file, options);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, worker));
  return results;
}

/** Keeps what was read, and nothing else. A file that has just changed may change again without its stamp showing it. */
function fillCache(cache: FileCache, found: FoundFiles, loaded: readonly LoadedFile[]): void {
  cache.clear();
  if (found.fresh) return;
  for (const [index, { path, stamp }] of found.files.entries()) {
    const file = loaded[index];
    const unread = file?.findings.some((finding) => finding.code === 'HG0101') ?? true;
    if (file && stamp !== undefined && !unread) cache.set(path, { stamp, file });
  }
}

/** What a refused revision can say of itself: of two objects with one identity neither counts. No commit: it is not all. */
function readableOf(objects: readonly LoadedObject[], hash: string, findings: readonly Finding[]): ObjectSet {
  const byIdentity = new Map<string, LoadedObject>();
  for (const loaded of objects) {
    const key = identityKey(loaded.id);
    byIdentity.set(key, byIdentity.has(key) ? { ...loaded, valid: false } : loaded);
  }
  return { revision: { hash }, objects: [...byIdentity.values()], findings };
}

/** Reads files that were found before. */
export async function readFound(found: FoundFiles, options: ReadOptions): Promise<ReadResult> {
  const files = await readAll(found.files, options);
  if (options.cache) fillCache(options.cache, found, files);
  const { objects, findings, hash } = assembleObjects(files);
  const all = sortFindings([...found.findings, ...findings]);
  const refused = all.some(
    (finding) => finding.level === 'error' && (options.strict === true || REFUSING.has(finding.code)),
  );
  if (refused) {
    if (options.strict === true) return { ok: false, findings: all };
    return { ok: false, findings: all, readable: readableOf(objects, hash, all) };
  }
  const commit = await findCommonCommit(found.roots);
  const revision = { hash, ...(commit !== undefined && { commit }) };
  return { ok: true, set: { revision, objects, findings: all } };
}

/**
 * Reads sources once: files, directories, `-` for standard input.
 * Shape: paths as the user gave them; places in findings begin with them. Two paths to one file read it once.
 * Errors: the revision is refused for HG0101, HG0102, HG0104, HG0105, HG0109 and HG0802, with `strict` for any error;
 * rejects only when `signal` is aborted.
 */
export async function readSources(paths: readonly string[], options: ReadOptions): Promise<ReadResult> {
  return readFound(await findFiles(paths), options);
}
