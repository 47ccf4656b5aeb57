import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** Where Git keeps what belongs to a work tree. */
export interface GitDirectory {
  /** Holds HEAD and index.lock. */
  readonly directory: string;
  /** Holds the refs; another one in a linked work tree. */
  readonly common: string;
}

const OBJECT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** A file's trimmed text; `undefined` when it is not there or not readable, because all of this is best effort. */
async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, { encoding: 'utf8', signal: AbortSignal.timeout(2000) }).then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** Looks for the Git work tree that holds a file or directory. */
export async function findGitDirectory(path: string): Promise<GitDirectory | undefined> {
  for (let at = path; ; at = dirname(at)) {
    const dotGit = join(at, '.git');
    const stats = await stat(dotGit).catch(() => undefined);
    if (stats?.isDirectory()) return { directory: dotGit, common: dotGit };
    if (stats?.isFile()) {
      // A linked work tree or submodule: the file says where.
      const target = /^gitdir: (.+)$/.exec((await textOf(dotGit)) ?? '')?.[1];
      if (target === undefined) return undefined;
      const found = resolve(at, target);
      const common = await textOf(join(found, 'commondir'));
      return { directory: found, common: common === undefined ? found : resolve(found, common) };
    }
    if (at === dirname(at)) return undefined;
  }
}

async function resolveRef(git: GitDirectory, ref: string): Promise<string | undefined> {
  for (const directory of [git.directory, git.common]) {
    const text = await textOf(join(directory, ref));
    if (text !== undefined && OBJECT_ID.test(text)) return text;
  }
  const packed = (await textOf(join(git.common, 'packed-refs'))) ?? '';
  for (const line of packed.split('\n')) {
    const [id = '', name] = line.split(' ');
    if (name === ref && OBJECT_ID.test(id)) return id;
  }
  return undefined;
}

async function headOf(git: GitDirectory): Promise<string | undefined> {
  const head = (await textOf(join(git.directory, 'HEAD'))) ?? '';
  if (OBJECT_ID.test(head)) return head;
  const ref = /^ref: (\S+)$/.exec(head)?.[1];
  return ref === undefined ? undefined : resolveRef(git, ref);
}

/** git-sync checks each commit out into a directory of that name, often without the repository beside it. */
function commitInPath(path: string): string | undefined {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const name = basename(at).replace(/^rev-/, '');
    if (OBJECT_ID.test(name)) return name;
  }
  return undefined;
}

/**
 * The commit checked out where a file or directory stands.
 * Shape: a real path in (symbolic links resolved). `undefined` where there is no Git. Local edits do not show.
 */
export async function findCommit(path: string): Promise<string | undefined> {
  const git = await findGitDirectory(path);
  return (git && (await headOf(git))) ?? commitInPath(path);
}

/** The commit of several sources, where all of them that stand in a Git work tree agree. */
export async function findCommonCommit(paths: readonly string[]): Promise<string | undefined> {
  const commits = new Set<string>();
  for (const path of paths) {
    const commit = await findCommit(path);
    if (commit !== undefined) commits.add(commit);
  }
  return commits.size === 1 ? [...commits][0] : undefined;
}

/** True while a Git command is changing the work tree. */
export async function isGitBusy(path: string): Promise<boolean> {
  const git = await findGitDirectory(path);
  if (!git) return false;
  return stat(join(git.directory, 'index.lock')).then(
    () => true,
    () => false,
  );
}
