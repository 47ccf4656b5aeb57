import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { backend, codes, createScratch, findingsOf, names, read, type Scratch } from './fixtures.ts';

describe('readSources', () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await createScratch();
  });
  afterEach(() => scratch.remove());

  it('reads directories recursively, *.yaml and *.yml, all documents, nothing hidden', async () => {
    await scratch.write('b.yaml', `${backend('b1')}---\n# a comment alone\n---\n---\n${backend('b2')}`);
    await scratch.write('deep/er/c.yml', backend('c'));
    await scratch.write('comment.yaml', '# nothing here\n');
    await scratch.write('empty.yaml', '');
    await scratch.write('notes.txt', 'not: [yaml');
    await scratch.write('.git/config.yaml', 'not: [yaml');
    await scratch.write('.hidden.yaml', 'not: [yaml');
    const result = await read([scratch.root]);
    expect(names(result)).to.deep.equal(['b1', 'b2', 'c']);
    expect(findingsOf(result)).to.deep.equal([]);
  });

  it('takes several sources, files of any name, standard input, and each file once', async () => {
    await scratch.write('dir/a.yaml', backend('a'));
    await scratch.write('other.conf', backend('o'));
    const sources = [scratch.path('dir'), scratch.path('dir/a.yaml'), scratch.path('other.conf'), '-', '-'];
    const result = await read(sources, { stdin: async () => backend('s') });
    expect(names(result)).to.deep.equal(['a', 'o', 's']);
    expect(codes(await read(['-']))).to.deep.equal(['HG0101 -:1:1']);
  });

  it('reads JSON and flattens lists, with places in them', async () => {
    const item = (name: string, more: object = {}) => ({ metadata: { name }, ...more });
    const typed = { apiVersion: 'example.com/v1', kind: 'Backend' };
    const list = {
      apiVersion: 'v1',
      kind: 'List',
      items: [item('a', typed), item('b', { ...typed, spec: { bad: 1 } })],
    };
    await scratch.write('list.yaml', `# one\n${JSON.stringify(list, undefined, 1)}`);
    await scratch.write('typed.yaml', JSON.stringify({ ...typed, kind: 'BackendList', items: [item('c')] }));
    await scratch.write('none.yaml', 'apiVersion: v1\nkind: List\nitems:\n');
    const result = await read([scratch.root]);
    expect(names(result)).to.deep.equal(['a', 'b', 'c']);
    expect(codes(result, scratch.root)).to.deep.equal(['HG0106 list.yaml:20:12']);
  });

  it('keeps an invalid object in the set, and leaves out unknown kinds with a warning', async () => {
    await scratch.write('a.yaml', `${backend('good')}---\n${backend('broken', 'bad: 1')}`);
    await scratch.write('k.yaml', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n');
    const result = await read([scratch.root]);
    expect(names(result)).to.deep.equal(['broken', 'good']);
    expect(result.ok && result.set.objects.map((object) => object.valid)).to.deep.equal([false, true]);
    expect(codes(result, scratch.root)).to.deep.equal(['HG0106 a.yaml:13:8', 'HG0110 k.yaml:1:1']);
    expect((await read([scratch.root], { strict: true })).ok).to.equal(false);
    expect((await read([scratch.path('k.yaml')], { strict: true })).ok).to.equal(true);
  });

  it('refuses two objects of one identity and names both places, whatever their versions', async () => {
    await scratch.write('a.yaml', backend('x'));
    await scratch.write('b.yaml', `---\n${backend('x').replace('example.com/v1', 'example.com/v2')}`);
    const result = await read([scratch.root]);
    expect(result.ok).to.equal(false);
    expect(codes(result, scratch.root)).to.deep.equal(['HG0105 b.yaml:2:1']);
    expect(findingsOf(result)[0]?.message).to.contain(`${scratch.path('a.yaml')}:1:1`);
    expect(findingsOf(result)[0]?.object).to.equal('Backend/default/x');
  });

  it('refuses what is not an object, with its place', async () => {
    await scratch.write('a.yaml', `${backend('a')}---\njust text\n---\n- a\n---\nkind: Backend\n---\n42\n`);
    await scratch.write('list.yaml', 'apiVersion: v1\nkind: List\nitems: 3\n');
    await scratch.write('name.yaml', 'apiVersion: example.com/v1\nkind: Backend\nmetadata: {}\n');
    const result = await read([scratch.root]);
    expect(result.ok).to.equal(false);
    expect(codes(result, scratch.root)).to.deep.equal([
      'HG0109 a.yaml:8:1',
      'HG0109 a.yaml:10:1',
      'HG0109 a.yaml:12:1',
      'HG0109 a.yaml:14:1',
      'HG0109 list.yaml:1:1',
      'HG0109 name.yaml:3:1',
    ]);
    expect(JSON.stringify(findingsOf(result))).not.to.contain('just text');
  });

  it('refuses a source that is not there, and a file that cannot be read or is not text', async () => {
    expect(codes(await read([scratch.path('none')]), scratch.root)).to.deep.equal(['HG0802 none:1:1']);
    await scratch.write('a.yaml', backend('a'));
    await symlink('gone.yaml', scratch.path('dangling.yaml'));
    await symlink('gone', scratch.path('dangling'));
    await writeFile(scratch.path('latin.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
    const result = await read([scratch.root]);
    expect(result.ok).to.equal(false);
    expect(codes(result, scratch.root)).to.deep.equal(['HG0101 dangling.yaml:1:1', 'HG0102 latin.yaml:1:1']);
  });

  it('refuses a file without permission to read it', async () => {
    await scratch.write('a.yaml', backend('a'));
    await chmod(scratch.path('a.yaml'), 0o000);
    // Root may read everything: there the file is simply read.
    const expected = process.getuid?.() === 0 ? [] : ['HG0101 a.yaml:1:1'];
    expect(codes(await read([scratch.root]), scratch.root)).to.deep.equal(expected);
  });

  it('reads a ConfigMap volume once', async () => {
    await scratch.write('..2026_01/a.yaml', backend('a'));
    await scratch.write('..2026_01/b.yaml', backend('b'));
    await symlink('..2026_01', scratch.path('..data'));
    await symlink('..data/a.yaml', scratch.path('a.yaml'));
    await symlink('..data/b.yaml', scratch.path('b.yaml'));
    const result = await read([scratch.root]);
    expect(names(result)).to.deep.equal(['a', 'b']);
    const place = result.ok && result.set.objects[0]?.locate([]);
    expect(place).to.deep.equal({ file: scratch.path('a.yaml'), line: 1, column: 1 });
  });

  it('reads a git-sync volume once and takes the commit from the directory', async () => {
    const commit = '0123456789abcdef0123456789abcdef01234567';
    await scratch.write(`.worktrees/${commit}/policy/a.yaml`, backend('a'));
    await symlink(`.worktrees/${commit}`, scratch.path('current'));
    for (const source of [scratch.root, scratch.path('current'), scratch.path('current/policy')]) {
      expect(names(await read([source]))).to.deep.equal(['a']);
    }
    const result = await read([scratch.path('current/policy')]);
    expect(result.ok && result.set.revision.commit).to.equal(commit);
  });

  it('survives symbolic links in a loop and to the outside world', async () => {
    await scratch.write('src/a.yaml', backend('a'));
    await scratch.write('outside.yaml', backend('outside'));
    await scratch.write('shared/s.yaml', backend('s'));
    await mkdir(scratch.path('src/sub'));
    await symlink('..', scratch.path('src/up'));
    await symlink('/', scratch.path('src/world'));
    await symlink('..', scratch.path('src/sub/back'));
    await symlink('self', scratch.path('src/self'));
    await symlink('../shared', scratch.path('src/shared'));
    const result = await read([scratch.path('src')]);
    expect(names(result)).to.deep.equal(['a', 's']);
    expect(findingsOf(result)).to.deep.equal([]);
  });

  it('names files as the user did', async () => {
    await scratch.write('dir/a.yaml', 'x: [');
    const fromHere = relative(process.cwd(), scratch.path('dir'));
    for (const given of [fromHere, `${fromHere}/`, scratch.path('dir'), `./${fromHere}`]) {
      const [finding] = findingsOf(await read([given]));
      expect(finding?.place?.file).to.equal(`${given.replace(/\/$/, '')}/a.yaml`);
    }
    const file = join(fromHere, 'a.yaml');
    expect(findingsOf(await read([file]))[0]?.place?.file).to.equal(file);
  });

  it('never quotes the values of a Secret', async () => {
    await scratch.write(
      's.yaml',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nspec: {bad: 1}\nstringData: {k: hush-hush}\ndata: {k: 12345678}\n',
    );
    const result = await read([scratch.root]);
    expect(codes(result, scratch.root)).to.deep.equal(['HG0106 s.yaml:4:13']);
    expect(JSON.stringify(findingsOf(result))).not.to.match(/hush|12345678/);
    const object = result.ok ? result.set.objects[0]?.object : undefined;
    expect(object?.stringData).to.deep.equal({ k: 'hush-hush' });
  });

  it('hashes what objects say: not files, order, comments or layout; values of variables too', async () => {
    await scratch.write('one/a.yaml', `${backend('a')}---\n${backend('b', 'host: ${HOST}')}`);
    await scratch.write(
      'two/z.yml',
      '# hello\n{kind: Backend, apiVersion: example.com/v1, metadata: {name: a}, spec: {host: a.example}}',
    );
    await scratch.write('two/b.yaml', backend('b', 'host: "b.example" # here'));
    const hash = async (name: string, env = {}): Promise<unknown> => {
      const result = await read([scratch.path(name)], { env });
      return result.ok && result.set.revision.hash;
    };
    const first = await hash('one', { HOST: 'b.example' });
    expect(first).to.match(/^[0-9a-f]{16}$/);
    expect(await hash('two')).to.equal(first);
    expect(await hash('one', { HOST: 'c.example' })).not.to.equal(first);
  });

  it('stops when it is told to', async () => {
    await scratch.write('a.yaml', backend('a'));
    const failure = await read([scratch.root], { signal: AbortSignal.abort() }).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(failure).to.have.property('name', 'AbortError');
  });
});
