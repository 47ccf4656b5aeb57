import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const TEXT = readFileSync(join(ROOT, 'test', 'wire', 'README.md'), 'utf8');
/** The last cell of each row. */
const CELLS = [...TEXT.matchAll(/^\|.*\| ([^|]+) \|$/gm)].map((match) => match[1] ?? '');

describe('house: test/wire/README.md', () => {
  it('names every test file of the folder', () => {
    const files = readdirSync(join(ROOT, 'test', 'wire')).filter((name) => name.endsWith('.test.ts'));
    const named = new Set(CELLS.flatMap((cell) => cell.split(', ')));
    expect(files.filter((file) => !named.has(file.replace('.test.ts', '')))).to.deep.equal([]);
  });

  it('names nothing that is not there', () => {
    const paths = [...TEXT.matchAll(/`((?:test|bench|src)\/[^`]+)`/g)].map((match) => match[1] ?? '');
    expect(paths).to.not.be.empty;
    const isThere = (path: string): boolean => ['', '.test.ts'].some((end) => existsSync(join(ROOT, path + end)));
    expect(paths.filter((path) => !isThere(path))).to.deep.equal([]);
  });
});
