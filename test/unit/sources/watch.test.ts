import { execFile } from 'node:child_process';
import { appendFile, mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import {
  createDirectorySource,
  createStaticSource,
  type ReadResult,
  type Source,
  type WatchOptions,
} from '../../../src/sources/index.ts';
import { backend, codes, createScratch, names, type Scratch, validate } from './fixtures.ts';

const run = promisify(execFile);

describe('createDirectorySource', () => {
  let scratch: Scratch;
  let source: Source;
  let changes: ReadResult[];

  beforeEach(async () => {
    scratch = await createScratch();
    changes = [];
  });
  afterEach(async () => {
    await source.close();
    await scratch.remove();
  });

  /** Events alone, unless told otherwise: the regular look would hide a change that was not seen. */
  async function start(paths: readonly string[], options: Partial<WatchOptions> = {}): Promise<ReadResult> {
    source = createDirectorySource(paths, { env: {}, validate, resyncMs: 3_600_000, ...options });
    source.onChange((result) => changes.push(result));
    return source.start();
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await sleep(10);
  }

  function currentNames(): string[] {
    return source.current?.ok ? names(source.current) : [];
  }

  /** Changes so far, seen to be all of them: one more edit comes after them. */
  async function settledChanges(file: string): Promise<number> {
    const before = changes.length;
    await appendFile(file, `---\n${backend(`marker-${before}`)}`);
    await until(() => currentNames().includes(`marker-${before}`));
    return changes.length - 1;
  }

  it('tells of an edit, once, and of nothing when objects stay the same', async () => {
    await scratch.write('a.yaml', backend('a'));
    expect(names(await start([scratch.root]))).to.deep.equal(['a']);
    await scratch.write('a.yaml', backend('b'));
    await until(() => changes.length > 0);
    expect(currentNames()).to.deep.equal(['b']);
    expect(source.lastGood).to.equal(source.current?.ok && source.current.set);

    await scratch.write('a.yaml', `# comment\n${backend('b')}`);
    const seen = (): unknown => source.current?.ok && source.current.set.objects[0]?.locate([])?.line;
    await until(() => seen() === 2);
    expect(await settledChanges(scratch.path('a.yaml'))).to.equal(1);
  });

  it('loads only what changed', async () => {
    await scratch.write('a.yaml', backend('a'));
    await scratch.write('b.yaml', backend('b'));
    await start([scratch.root]);
    // Files that are older than a moment.
    await sleep(100);
    await source.reload();
    const before = source.lastGood?.objects;
    await scratch.write('b.yaml', backend('b', 'host: other.example'));
    await until(() => changes.length > 0);
    const after = source.lastGood?.objects;
    expect(after?.[0]).to.equal(before?.[0]);
    expect(after?.[1]?.object.spec).to.deep.equal({ host: 'other.example' });
  });

  it('sees a change of the same size right after the one before', async () => {
    await scratch.write('a.yaml', backend('a0'));
    await start([scratch.root], { quietMs: 0 });
    for (let i = 1; i < 10; i += 1) {
      const last = `a${i}`;
      await scratch.write('a.yaml', backend(last));
      await until(() => currentNames().join() === last);
    }
  });

  it('tells of new and removed files and directories, renames, and editors that replace the file', async () => {
    await scratch.write('a.yaml', backend('a'));
    await start([scratch.root]);
    await mkdir(scratch.path('sub'));
    await sleep(250);
    await scratch.write('sub/b.yaml', backend('b'));
    await until(() => currentNames().join() === 'a,b');
    await rename(scratch.path('sub/b.yaml'), scratch.path('sub/c.yaml'));
    await scratch.write('.a.yaml.tmp', backend('aa'));
    await rename(scratch.path('.a.yaml.tmp'), scratch.path('a.yaml'));
    await until(() => currentNames().join() === 'aa,b');
    await rename(scratch.path('sub'), scratch.path('.gone'));
    await until(() => currentNames().join() === 'aa');
    expect(await settledChanges(scratch.path('a.yaml'))).to.equal(3);
  });

  it('watches a single file through replacement', async () => {
    await scratch.write('a.yaml', backend('a'));
    await scratch.write('other.yaml', 'broken: [');
    await start([scratch.path('a.yaml')]);
    await scratch.write('new', backend('b'));
    await rename(scratch.path('new'), scratch.path('a.yaml'));
    await until(() => currentNames().join() === 'b');
    await scratch.write('a.yaml', backend('c'));
    await until(() => currentNames().join() === 'c');
    expect(await settledChanges(scratch.path('a.yaml'))).to.equal(2);
  });

  it('takes a swap of a ConfigMap volume as one change', async () => {
    const version = async (name: string, objects: string[]): Promise<void> => {
      for (const object of objects) await scratch.write(`${name}/${object}.yaml`, backend(object, `version: ${name}`));
      await symlink(name, scratch.path('..data_tmp'));
      await rename(scratch.path('..data_tmp'), scratch.path('..data'));
    };
    await version('..v1', ['a', 'b']);
    await symlink('..data/a.yaml', scratch.path('a.yaml'));
    await symlink('..data/b.yaml', scratch.path('b.yaml'));
    expect(names(await start([scratch.root]))).to.deep.equal(['a', 'b']);
    for (const name of ['..v2', '..v3']) {
      const before = changes.length;
      await version(name, ['a', 'b']);
      await until(() => changes.length > before);
      const result = source.current;
      const versions = result?.ok && result.set.objects.map(({ object }) => JSON.stringify(object.spec));
      expect(versions).to.deep.equal(Array(2).fill(`{"version":"${name}"}`));
    }
    expect(await settledChanges(scratch.path('..v3/a.yaml'))).to.equal(2);
  });

  it('takes a swap of git-sync as one change with its commit', async () => {
    const swap = async (commit: string, object: string): Promise<void> => {
      await scratch.write(`git/.worktrees/${commit}/policy/a.yaml`, backend(object));
      await symlink(`.worktrees/${commit}`, scratch.path('git/tmp'));
      await rename(scratch.path('git/tmp'), scratch.path('git/current'));
    };
    const [one, two] = ['a'.repeat(40), 'b'.repeat(40)] as const;
    await swap(one, 'a');
    await start([scratch.path('git/current/policy')]);
    await swap(two, 'b');
    await until(() => changes.length > 0);
    expect(currentNames()).to.deep.equal(['b']);
    expect(source.lastGood?.revision.commit).to.equal(two);
    await rm(scratch.path(`git/.worktrees/${one}`), { recursive: true });
    expect(await settledChanges(scratch.path('git/current/policy/a.yaml'))).to.equal(1);
  });

  it('takes a git checkout of many files as one change with its commit', async () => {
    const repo = scratch.path('repo');
    const git = async (...args: string[]): Promise<string> => {
      const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
      return (await run('git', ['-C', repo, ...identity, ...args])).stdout.trim();
    };
    const files = Array.from({ length: 300 }, (_, i) => `repo/d${i % 7}/f${i}.yaml`);
    for (const [i, file] of files.entries()) await scratch.write(file, backend(`o${i}`, 'version: one'));
    await git('init', '-q', '-b', 'one');
    await git('add', '.');
    await git('commit', '-q', '-m', 'one');
    await git('checkout', '-q', '-b', 'two');
    for (const [i, file] of files.entries()) await scratch.write(file, backend(`o${i}`, 'version: two'));
    await git('commit', '-q', '-a', '-m', 'two');
    await start([repo]);
    await git('checkout', '-q', 'one');
    await until(() => changes.length > 0);
    const texts = new Set(source.lastGood?.objects.map(({ object }) => JSON.stringify(object.spec)));
    expect([...texts]).to.deep.equal(['{"version":"one"}']);
    const head = await git('rev-parse', 'HEAD');
    await until(() => source.lastGood?.revision.commit === head);
    expect(changes.length).to.equal(1);

    await git('commit', '-q', '--allow-empty', '-m', 'no change of files');
    const next = await git('rev-parse', 'HEAD');
    await until(() => source.lastGood?.revision.commit === next);
    expect(await settledChanges(scratch.path('repo/d0/f0.yaml'))).to.equal(1);
  });

  it('waits while Git holds its lock, and not for ever', async () => {
    await scratch.write('.git/HEAD', 'ref: refs/heads/main\n');
    await scratch.write('a.yaml', backend('a'));
    await start([scratch.root]);
    await writeFile(scratch.path('.git/index.lock'), '');
    await scratch.write('a.yaml', backend('half'));
    await sleep(400);
    expect(changes).to.deep.equal([]);
    await scratch.write('a.yaml', backend('whole'));
    await unlink(scratch.path('.git/index.lock'));
    await until(() => changes.length > 0);
    expect(currentNames()).to.deep.equal(['whole']);
    await source.close();

    await writeFile(scratch.path('.git/index.lock'), '');
    expect(names(await start([scratch.root], { holdMs: 200 }))).to.deep.equal(['whole']);
  });

  it('keeps the last good revision over a broken one and tells of the recovery', async () => {
    await scratch.write('a.yaml', backend('a'));
    await start([scratch.root]);
    const good = source.lastGood;
    await scratch.write('a.yaml', 'a: [');
    await until(() => changes.length === 1);
    expect(source.current?.ok).to.equal(false);
    expect(source.lastGood).to.equal(good);
    await scratch.write('a.yaml', backend('a'));
    await until(() => changes.length === 2);
    expect(source.current?.ok).to.equal(true);
    expect(source.lastGood?.revision.hash).to.equal(good?.revision.hash);
  });

  it('refuses while its directory is gone and picks it up again', async () => {
    await scratch.write('deep/policy/a.yaml', backend('a'));
    // A directory that vanishes while its watcher is replaced may take an event along: that is what the regular look is for.
    await start([scratch.path('deep/policy')], { resyncMs: 2000 });
    await rm(scratch.path('deep'), { recursive: true });
    await until(() => changes.length === 1);
    expect(codes(changes[0] as ReadResult, scratch.root)).to.deep.equal(['HG0802 deep/policy:1:1']);
    expect(source.lastGood?.objects.length).to.equal(1);
    await scratch.write('deep/policy/a.yaml', backend('b'));
    await until(() => currentNames().join() === 'b');
    expect(await settledChanges(scratch.path('deep/policy/a.yaml'))).to.equal(2);
  });

  it('starts without its directory', async () => {
    const result = await start([scratch.path('later')]);
    expect(codes(result, scratch.root)).to.deep.equal(['HG0802 later:1:1']);
    await scratch.write('later/a.yaml', backend('a'));
    await until(() => currentNames().join() === 'a');
  });

  it('takes files that are written one by one as one change', async () => {
    await scratch.write('a.yaml', backend('a'));
    await start([scratch.root], { quietMs: 500, maxWaitMs: 60_000 });
    for (let i = 0; i < 20; i += 1) {
      await scratch.write(`f${i}.yaml`, backend(`f${i}`));
      await sleep(20);
    }
    await until(() => changes.length > 0);
    expect(currentNames().length).to.equal(21);
    expect(changes.length).to.equal(1);
  });

  it('does not wait for ever while files keep changing', async () => {
    await scratch.write('a.yaml', backend('a0'));
    await start([scratch.root], { maxWaitMs: 200, holdMs: 100 });
    for (let i = 1; changes.length === 0; i += 1) {
      await scratch.write('a.yaml', backend(`a${i}`));
      await sleep(20);
    }
    expect(currentNames()).not.to.deep.equal(['a0']);
  });

  it('sees changes without events, by polling and by the regular look', async () => {
    await scratch.write('a.yaml', backend('a'));
    await start([scratch.root], { pollMs: 50 });
    await scratch.write('sub/b.yaml', backend('b'));
    await until(() => currentNames().join() === 'a,b');
    expect(changes.length).to.equal(1);
    await source.close();

    // A link two steps outside the source: no directory of it is watched.
    await scratch.write('far/x/y/c.yaml', backend('c'));
    await symlink(scratch.path('far/x'), scratch.path('link'));
    await start([scratch.path('link')], { resyncMs: 50 });
    await rename(scratch.path('far'), scratch.path('away'));
    await until(() => source.current?.ok === false);
  });

  it('reads again when told, with variables as they are then', async () => {
    const env: Record<string, string> = { NAME: 'one' };
    await scratch.write('a.yaml', backend('${NAME}'));
    await start([scratch.root], { env });
    env.NAME = 'two';
    expect(names(await source.reload())).to.deep.equal(['two']);
    await source.reload();
    expect(changes.length).to.equal(1);
  });

  it('reads standard input once', async () => {
    let reads = 0;
    const stdin = async (): Promise<string> => {
      reads += 1;
      return backend('s');
    };
    await scratch.write('a.yaml', backend('a'));
    await start(['-', scratch.root], { stdin });
    expect(names(await source.reload())).to.deep.equal(['a', 's']);
    expect(reads).to.equal(1);
  });

  it('tells nothing after it is closed or not listened to any more', async () => {
    await scratch.write('a.yaml', backend('a'));
    await start([scratch.root]);
    const heard: ReadResult[] = [];
    const stop = source.onChange((result) => heard.push(result));
    stop();
    await scratch.write('a.yaml', backend('b'));
    await until(() => changes.length === 1);
    expect(heard).to.deep.equal([]);
    await scratch.write('a.yaml', backend('c'));
    await source.close();
    await sleep(200);
    expect(changes.length).to.equal(1);
  });
});

describe('createStaticSource', () => {
  it('holds its set and tells of what replaces it', async () => {
    const set = { revision: { hash: 'one' }, objects: [], findings: [] };
    const source = createStaticSource(set);
    const changes: ReadResult[] = [];
    source.onChange((result) => changes.push(result));
    expect(await source.start()).to.deep.equal({ ok: true, set });
    source.replace({ ok: true, set: { ...set } });
    source.replace({ ok: false, findings: [] });
    source.replace({ ok: true, set });
    await source.close();
    expect(changes.map((change) => change.ok)).to.deep.equal([false, true]);
    expect(source.lastGood).to.equal(set);
  });
});
