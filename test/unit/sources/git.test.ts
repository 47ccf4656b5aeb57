import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { findCommit, isGitBusy } from '../../../src/sources/git.ts';
import { backend, createScratch, type Scratch } from './fixtures.ts';

const run = promisify(execFile);

describe('findCommit', () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await createScratch();
  });
  afterEach(() => scratch.remove());

  async function git(directory: string, ...args: string[]): Promise<string> {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
    const { stdout } = await run('git', ['-C', directory, ...identity, ...args]);
    return stdout.trim();
  }

  async function repository(): Promise<string> {
    await scratch.write('repo/policy/a.yaml', backend('a'));
    const repo = scratch.path('repo');
    await git(repo, 'init', '-q', '-b', 'main');
    await git(repo, 'add', '.');
    await git(repo, 'commit', '-q', '-m', 'one');
    return repo;
  }

  it('finds the commit from any directory of a work tree, on a branch, detached and packed', async () => {
    const repo = await repository();
    const head = await git(repo, 'rev-parse', 'HEAD');
    expect(await findCommit(repo)).to.equal(head);
    expect(await findCommit(scratch.path('repo/policy'))).to.equal(head);
    await git(repo, 'pack-refs', '--all');
    expect(await findCommit(repo)).to.equal(head);
    await git(repo, 'checkout', '-q', '--detach');
    await git(repo, 'commit', '-q', '--allow-empty', '-m', 'two');
    expect(await findCommit(repo)).to.equal(await git(repo, 'rev-parse', 'HEAD'));
  });

  it('finds the commit of a linked work tree, on a branch of its own', async () => {
    const repo = await repository();
    const linked = scratch.path('linked');
    await git(repo, 'worktree', 'add', '-q', '-b', 'other', linked);
    await git(linked, 'commit', '-q', '--allow-empty', '-m', 'two');
    const head = await git(linked, 'rev-parse', 'HEAD');
    expect(head).not.to.equal(await git(repo, 'rev-parse', 'HEAD'));
    expect(await findCommit(linked)).to.equal(head);
  });

  it('is unknown without a repository, without a commit, and where .git leads nowhere', async () => {
    await mkdir(scratch.path('plain'));
    expect(await findCommit(scratch.path('plain'))).to.equal(undefined);
    await mkdir(scratch.path('new'));
    await git(scratch.path('new'), 'init', '-q');
    expect(await findCommit(scratch.path('new'))).to.equal(undefined);
    await scratch.write('lost/.git', 'gitdir: /nowhere/at/all\n');
    expect(await findCommit(scratch.path('lost'))).to.equal(undefined);
  });

  it('tells while Git changes the work tree', async () => {
    const repo = await repository();
    expect(await isGitBusy(repo)).to.equal(false);
    await writeFile(scratch.path('repo/.git/index.lock'), '');
    expect(await isGitBusy(scratch.path('repo/policy'))).to.equal(true);
  });
});
