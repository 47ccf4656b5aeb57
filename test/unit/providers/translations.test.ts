import { expect } from 'chai';
import { API_ENDPOINTS } from '../../../src/ir/index.ts';
import { PROVIDER_SCHEMAS, providerFacts, servesNatively, translatedPath } from '../../../src/providers/index.ts';
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
          expect(translates(endpoint, schema), `${endpoint} passes unchanged`).to.equal(false);
          continue;
        }
        expect(translates(endpoint, schema), endpoint).to.equal(isTranslated);
        // What is translated needs a place to go to.
        const path = translatedPath(endpoint, provider)?.path;
        expect(path === undefined, `path of ${endpoint}`).to.equal(!isTranslated);
        if (isTranslated) expect(providerFacts(schema).translated).to.have.property(endpoint);
      }
    });
  }
});
