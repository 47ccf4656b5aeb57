import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { API_ENDPOINTS } from '../../../src/ir/index.ts';
import {
  CHAT_ALONE,
  goldenTargetsOf,
  renderTranslation,
  startChatAlone,
  startTargets,
  TRANSLATE_FOLDER,
  targetsOf,
  translateSources,
} from '../../golden/translate-golden.ts';
import type { Target } from './carry.ts';

const isUpdate = process.env.UPDATE_GOLDEN === '1';

describe('translations: goldens', () => {
  let targets: ReadonlyMap<string, Target>;
  const wanted = new Set<string>();
  before(async () => {
    targets = new Map<string, Target>([...(await startTargets()), [CHAT_ALONE, await startChatAlone()]]);
  });
  after(async () => {
    for (const { fake } of targets.values()) await fake.close();
  });

  for (const [endpoint, names] of translateSources()) {
    it(`${endpoint} is an endpoint that is translated, with payloads`, () => {
      expect(API_ENDPOINTS.map(({ name }) => name)).to.include(endpoint);
      expect(names).to.not.deep.equal([]);
      expect(targetsOf(endpoint)).to.not.deep.equal([]);
    });

    for (const name of names) {
      for (const who of goldenTargetsOf(endpoint)) {
        it(`${endpoint}/${name} at ${who}`, async () => {
          const { file, text, accepted } = await renderTranslation(endpoint, name, targets.get(who) as Target);
          wanted.add(file);
          expect(accepted, `${who} refuses what it is sent:\n${text}`).to.equal(true);
          const path = join(TRANSLATE_FOLDER, file);
          if (isUpdate) writeFileSync(path, text);
          expect(existsSync(path), `${path} is missing; make it with UPDATE_GOLDEN=1`).to.equal(true);
          expect(text, file).to.equal(readFileSync(path, 'utf8'));
        });
      }
    }
  }

  it('have a payload each', () => {
    for (const [endpoint] of translateSources()) {
      const goldens = readdirSync(join(TRANSLATE_FOLDER, endpoint)).filter((file) => !file.endsWith('.json'));
      const orphans = goldens.filter((file) => !wanted.has(join(endpoint, file)));
      if (isUpdate) for (const file of orphans) rmSync(join(TRANSLATE_FOLDER, endpoint, file));
      else expect(orphans).to.deep.equal([]);
    }
  });
});
