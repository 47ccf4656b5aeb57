import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { sortedBy } from '../lib/compare.ts';
import type { Finding, FindingCode } from '../lib/findings.ts';
import { contentHash } from '../lib/hash.ts';

/** A file to read. */
export interface SourceFile {
  /** As the user gave it: what findings say. */
  readonly name: string;
  /** Where it really is; `-` for standard input. */
  readonly path: string;
  /** Changes when the file does; standard input has none. */
  readonly stamp?: string;
}

/** What the given paths hold at one moment. */
export interface FoundFiles {
  readonly files: readonly SourceFile[];
  readonly findings: readonly Finding[];
  /** Real path of each given path that exists. */
  readonly roots: readonly string[];
  /** Directories whose changes matter: those of the source in whole, others for the named entries. */
  readonly watched: ReadonlyMap<string, ReadonlySet<string> | 'all'>;
  /** Changes whenever a file is added, removed, replaced or written. */
  readonly fingerprint: string;
  /**
   * A file changed within the last moments. File systems stamp changes by the tick, so another change of the same size
   * in that tick would leave the fingerprint as it is.
   */
  readonly fresh: boolean;
}

/** Longer than a tick of any kernel's clock. */
const FRESH_MS = 50;

interface Search {
  readonly files: SourceFile[];
  readonly findings: Finding[];
  /** Real paths already taken: a file or directory reached by two ways is read once. */
  readonly seen: Set<string>;
  readonly watched: Map<string, Set<string> | 'all'>;
  /** Real path of the given path that is being searched. */
  root: string;
  fresh: boolean;
}

function reasonOf(caught: unknown): string {
  const code = caught instanceof Error && 'code' in caught ? String(caught.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory',
    ENOTDIR: 'no such file or directory',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EISDIR: 'it is a directory',
    ELOOP: 'too many symbolic links',
    ABORT_ERR: 'it took too long',
  };
  return reasons[code] ?? (code === '' ? 'it could not be read' : code);
}

/** A finding about a file as a whole. */
export function fileFinding(code: FindingCode, file: string, what: string, caught?: unknown): Finding {
  const message = caught === undefined ? what : `${what}: ${reasonOf(caught)}`;
  return { code, level: 'error', message, place: { file, line: 1, column: 1 } };
}

function watchEntry(search: Search, directory: string, entry: string): void {
  const names = search.watched.get(directory);
  if (names === 'all') return;
  if (names) names.add(entry);
  else search.watched.set(directory, new Set([entry]));
}

/**
 * Notes every directory entry that decides where a path leads: its own, and each symbolic link on the way. A swap of
 * `..data` (ConfigMap) or of git-sync's link changes such an entry and no file.
 */
async function watchWay(search: Search, path: string): Promise<void> {
  let rest = resolve(path).split(sep).filter(Boolean);
  let at: string = sep;
  for (let links = 0; rest.length > 0 && links < 40; ) {
    const [part = '', ...others] = rest;
    const here = join(at, part);
    rest = others;
    const stats = await lstat(here).catch(() => undefined);
    if (!stats || rest.length === 0 || stats.isSymbolicLink()) watchEntry(search, at, part);
    if (!stats) return;
    if (!stats.isSymbolicLink()) {
      at = here;
      continue;
    }
    const target = await readlink(here).catch(() => '');
    links += 1;
    rest = [...target.split(sep).filter(Boolean), ...rest];
    if (isAbsolute(target)) at = sep;
  }
}

function addFile(search: Search, name: string, path: string, stats: BigIntStats): void {
  if (search.seen.has(path)) return;
  search.seen.add(path);
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = stats;
  search.files.push({ name, path, stamp: [name, path, dev, ino, size, mtimeNs, ctimeNs].join('\u0001') });
  if (Math.abs(Date.now() - Number(ctimeMs)) < FRESH_MS) search.fresh = true;
}

function isYamlName(name: string): boolean {
  return /\.ya?ml$/.test(name);
}

/** True when a directory holds the root itself: a link there would read the surroundings of the source. */
function holdsRoot(search: Search, path: string): boolean {
  return search.root === path || search.root.startsWith(path.endsWith(sep) ? path : `${path}${sep}`);
}

async function searchEntry(search: Search, name: string, directory: string, entry: Dirent): Promise<void> {
  const path = join(directory, entry.name);
  try {
    const real = entry.isSymbolicLink() ? await realpath(path) : path;
    const stats = await stat(real, { bigint: true });
    if (stats.isDirectory()) {
      if (entry.isSymbolicLink()) {
        if (holdsRoot(search, real)) return;
        await watchWay(search, path);
      }
      await searchDirectory(search, name, real);
    } else if (isYamlName(entry.name) && stats.isFile()) {
      if (entry.isSymbolicLink()) {
        await watchWay(search, path);
        await watchWay(search, real);
      }
      addFile(search, name, real, stats);
    }
  } catch (caught) {
    // A regular entry that is gone by now was removed while we looked; the next change tells.
    const gone = caught instanceof Error && 'code' in caught && caught.code === 'ENOENT' && !entry.isSymbolicLink();
    if (!gone && isYamlName(entry.name)) {
      search.findings.push(fileFinding('HG0101', name, 'the file cannot be read', caught));
    }
  }
}

/** Hidden entries are left out: `.git`, editors' files, and `..data`, whose files the links beside it lead to. */
async function searchDirectory(search: Search, name: string, directory: string): Promise<void> {
  if (search.seen.has(directory)) return;
  search.seen.add(directory);
  search.watched.set(directory, 'all');
  let entries: Dirent[];
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (caught) {
    search.findings.push(fileFinding('HG0101', name, 'the directory cannot be read', caught));
    return;
  }
  for (const entry of sortedBy(entries, (item) => item.name)) {
    if (entry.name.startsWith('.')) continue;
    await searchEntry(search, `${name.replace(/\/+$/, '')}/${entry.name}`, directory, entry);
  }
}

async function searchPath(search: Search, path: string): Promise<void> {
  await watchWay(search, path);
  try {
    const real = await realpath(path);
    const stats = await stat(real, { bigint: true });
    search.root = real;
    if (stats.isDirectory()) {
      await searchDirectory(search, path, real);
    } else {
      await watchWay(search, real);
      // Named files are read whatever their names, pipes too (`<(command)`).
      addFile(search, path, real, stats);
    }
  } catch (caught) {
    search.root = '';
    search.findings.push(fileFinding('HG0802', path, 'the source cannot be reached', caught));
  }
}

/**
 * Finds the files of sources: files, directories (recursively, `*.yaml` and `*.yml`), `-` for standard input.
 * Errors: HG0802 for a source that is not there, HG0101 for what is in it and cannot be read.
 */
export async function findFiles(paths: readonly string[]): Promise<FoundFiles> {
  const search: Search = { files: [], findings: [], seen: new Set(), watched: new Map(), root: '', fresh: false };
  const roots: string[] = [];
  for (const path of paths) {
    if (path !== '-') {
      await searchPath(search, path);
      if (search.root !== '') roots.push(search.root);
    } else if (!search.seen.has('-')) {
      search.seen.add('-');
      search.files.push({ name: '-', path: '-' });
    }
  }
  const { files, findings, watched, fresh } = search;
  const stamps = files.map((file) => file.stamp ?? file.name);
  const problems = findings.map((finding) => `${finding.place?.file} ${finding.message}`);
  return { files, findings, roots, watched, fingerprint: contentHash(...stamps, ...problems), fresh };
}
