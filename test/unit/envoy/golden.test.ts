import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkResources } from '../../../src/envoy/check-resources.ts';
import {
  compileGolden,
  environmentInput,
  GOLDEN_FOLDER,
  goldenNames,
  readGolden,
  renderGolden,
  versionsOf,
} from '../../golden/envoy-golden.ts';

const isUpdate = process.env.UPDATE_GOLDEN === '1';
const ENVIRONMENT = join(GOLDEN_FOLDER, 'environment.in.yaml');
if (isUpdate) writeFileSync(ENVIRONMENT, environmentInput());

describe('envoy: goldens', () => {
  const names = goldenNames();
  const rendered = new Map<string, string>();
  before(async () => {
    for (const name of names) for (const [file, text] of await renderGolden(name)) rendered.set(file, text);
    if (!isUpdate) return;
    for (const [file, text] of rendered) writeFileSync(join(GOLDEN_FOLDER, file), text);
    for (const file of orphans()) rmSync(join(GOLDEN_FOLDER, file));
  });
  const orphans = (): string[] =>
    readdirSync(GOLDEN_FOLDER).filter((file) => !file.endsWith('.in.yaml') && !rendered.has(file));

  it('has an input for each golden', () => {
    expect(orphans()).to.deep.equal([]);
    expect(names).to.include('quickstart');
  });

  it('has the input of the environment as it is written today', () => {
    expect(readFileSync(ENVIRONMENT, 'utf8')).to.equal(environmentInput());
  });

  it('shows no secret', () => {
    for (const [file, text] of rendered) {
      const secret = /.*(?:sk-of-|sk-golden|PRIVATE KEY).*/.exec(text)?.[0];
      expect(secret, file).to.equal(undefined);
    }
  });

  for (const name of names) {
    it(name, () => {
      const files = [...rendered].filter(([file]) => file.startsWith(`${name}.1.`));
      expect(files.length).to.be.greaterThan(1);
      for (const [file, text] of files) {
        const path = join(GOLDEN_FOLDER, file);
        expect(existsSync(path), `${path} is missing; make it with UPDATE_GOLDEN=1`).to.equal(true);
        expect(text, file).to.equal(readFileSync(path, 'utf8'));
      }
    });

    it(`${name} encodes, keeps the constraints of the API and fits together`, async () => {
      const input = await readGolden(name);
      for (const version of versionsOf(name)) {
        for (const { resources } of compileGolden(input, version)) expect(checkResources(resources)).to.deep.equal([]);
      }
    });
  }
});
