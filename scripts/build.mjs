/**
 * Builds src into dist, when something that it is made of changed (or always, with --force). Plain Node without
 * dependencies, since set-up runs it. The compiler takes only TypeScript along: other files of src are copied here.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
/** Where a build is made: the last good one stays in place until the next one is complete. */
const staging = join(root, `dist.${process.pid}`);
const stamp = join(dist, '.built-from');

/** @returns {string[]} files of src, relative to the root, in a fixed order */
function sources() {
  const names = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1));
  return names.sort();
}

/** @param {string[]} files */
function digest(files) {
  const hash = createHash('sha256');
  for (const file of [...files, 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/build.mjs']) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** @param {string[]} files */
function compile(files) {
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  const args = ['-p', 'tsconfig.build.json', '--outDir', staging];
  const { status } = spawnSync(compiler, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('the build failed: see the messages of the compiler above');
  for (const file of files.filter((name) => !name.endsWith('.ts'))) {
    const target = join(staging, file.slice('src/'.length));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, file), target);
  }
  chmodSync(join(staging, 'cli', 'main.js'), 0o755);
}

/** Builds unless dist is what these sources give already. Returns whether it built. */
export function build({ force = false } = {}) {
  const files = sources();
  const wanted = digest(files);
  if (!force && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false;
  try {
    compile(files);
    writeFileSync(join(staging, '.built-from'), wanted);
    rmSync(dist, { recursive: true, force: true });
    renameSync(staging, dist);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    build({ force: process.argv.includes('--force') });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
