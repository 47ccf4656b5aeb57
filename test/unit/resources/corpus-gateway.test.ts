import { expect } from 'chai';
import { validateObject } from '../../../src/resources/index.ts';
import { corpus } from '../../kube/corpus-gateway.ts';

describe('Gateway API, Envoy Gateway and core kinds: verdicts', () => {
  it('has no two cases of one name', () => {
    expect(new Set(corpus.map((entry) => entry.name)).size).to.equal(corpus.length);
  });

  for (const { name, object, valid, field } of corpus) {
    it(name, () => {
      const result = validateObject(object, () => undefined);
      const errors = result.findings.filter((finding) => finding.level === 'error');
      if (valid) expect(errors).to.deep.equal([]);
      else expect(errors.map((finding) => finding.field ?? '')).to.include(field);
      expect(result.valid).to.equal(valid);
    });
  }
});
