import { expect } from 'chai';
import { API_ENDPOINTS } from '../../../src/ir/index.ts';
import { nativePath, PROVIDER_SCHEMAS, servesNatively, translatedPath } from '../../../src/providers/index.ts';
import { translates } from '../../../src/providers/translated-endpoints.ts';
import { createTranslation } from '../../../src/providers/translations.ts';

describe('What the compiler calls translated', () => {
  for (const schema of PROVIDER_SCHEMAS) {
    it(`to ${schema} is what the processor translates`, () => {
      const provider = { schema };
      for (const { name: endpoint } of API_ENDPOINTS) {
        let isTranslated = true;
        try {
          createTranslation({ endpoint, provider, requestId: 'r', nowSeconds: 0, unsupported: 'report' });
        } catch (caught) {
          expect(caught).to.have.property('code', 'not_found');
          isTranslated = false;
        }
        if (servesNatively(endpoint, schema)) {
          expect(translatedPath(endpoint, provider), `${endpoint} passes unchanged`).to.equal(undefined);
          continue;
        }
        expect(translates(endpoint, schema), endpoint).to.equal(isTranslated);
        // What is translated needs a place to go to.
        const path = translatedPath(endpoint, provider)?.path;
        expect(path === undefined, `path of ${endpoint}`).to.equal(!isTranslated);
      }
    });

    it(`to ${schema} stays so where a server has only some of its endpoints`, () => {
      const all = API_ENDPOINTS.map(({ name }) => name).filter((name) => servesNatively(name, schema));
      for (const endpoints of [...all.map((one) => [one]), ...all.map((one) => all.filter((name) => name !== one))]) {
        const provider = { schema, endpoints };
        for (const { name: endpoint } of API_ENDPOINTS) {
          const [native, translated] = [nativePath(endpoint, provider), translatedPath(endpoint, provider)];
          expect(native !== undefined, `${endpoint} of ${endpoints}`).to.equal(endpoints.includes(endpoint));
          if (translated === undefined) continue;
          expect(native).to.equal(undefined);
          // It goes to what the server has.
          expect(endpoints.map((name) => nativePath(name, provider))).to.include(translated.path);
          createTranslation({ endpoint, provider, requestId: 'r', nowSeconds: 0, unsupported: 'report' });
        }
      }
    });
  }
});
