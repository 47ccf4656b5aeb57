import { expect } from 'chai';
import { validateObject } from '../../../src/resources/index.ts';
import { aigatewayCorpus } from '../../kube/corpus-aigateway.ts';

describe('AI gateway kinds: verdicts', () => {
  for (const { name, object, valid, field } of aigatewayCorpus) {
    it(name, () => {
      const result = validateObject(object, () => undefined);
      const errors = result.findings.filter((finding) => finding.level === 'error');
      if (valid) expect(errors).to.deep.equal([]);
      else expect(errors.map((finding) => finding.field ?? '')).to.include(field);
      expect(result.valid).to.equal(valid);
    });
  }
});
