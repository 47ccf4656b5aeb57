import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { formatFinding, sortFindings } from '../../../src/lib/findings.ts';
import { translate } from '../../../src/policy/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { OPTIONS } from './fixtures.ts';

const FOLDER = 'test/golden/policy';
const IN = '.in.yaml';
const OUT = '.out.yaml';
const isUpdate = process.env.UPDATE_GOLDEN === '1';

const files = readdirSync(FOLDER).sort();
const names = files.filter((file) => file.endsWith(IN)).map((file) => file.slice(0, -IN.length));

async function render(name: string): Promise<string> {
  const read = await readSources([join(FOLDER, name + IN)], { env: {} });
  if (!read.ok) throw new Error(`refused: ${read.findings.map(formatFinding).join('\n')}`);
  const { ir, secrets, findings, conditions, listeners } = translate(read.set, OPTIONS);
  const value = {
    findings: sortFindings([...read.set.findings, ...findings]).map(formatFinding),
    ir,
    secrets: [...secrets].map(([secret, { kind }]) => ({ name: secret, kind })),
    listeners,
    conditions: conditions.map((c) =>
      [
        c.object,
        c.parent && `of ${c.parent}`,
        c.section && `#${c.section}`,
        `${c.type}=${c.status}`,
        c.reason,
        c.message,
      ]
        .filter(Boolean)
        .join(' '),
    ),
  };
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}

describe('policy: goldens', () => {
  it('have an input each', () => {
    const orphans = files.filter((file) => !names.some((name) => file === name + IN || file === name + OUT));
    if (isUpdate) for (const orphan of orphans) rmSync(join(FOLDER, orphan));
    else expect(orphans).to.deep.equal([]);
    expect(names.length).to.be.greaterThan(0);
  });

  for (const name of names) {
    it(name, async () => {
      const path = join(FOLDER, name + OUT);
      const actual = await render(name);
      if (isUpdate) writeFileSync(path, actual);
      expect(existsSync(path), `${path} is missing; make it with UPDATE_GOLDEN=1`).to.equal(true);
      expect(actual).to.equal(readFileSync(path, 'utf8'));
    });
  }
});
