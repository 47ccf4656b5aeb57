import { expect } from 'chai';
import { compileCost } from '../../src/lib/cel.ts';
import { CORPUS, REFUSED_HERE } from './corpus.ts';
import { askOracle, SAMPLE_INPUTS } from './oracle.ts';

describe('cost expressions against cel-go', function () {
  // The first run builds the oracle.
  this.timeout(180_000);

  it('agree on every verdict, result and error of the corpus', () => {
    const answers = askOracle(CORPUS, SAMPLE_INPUTS);
    const ours = CORPUS.map((expression) => {
      const compiled = compileCost(expression);
      if (!compiled.ok) return { expression, ok: false };
      const results = SAMPLE_INPUTS.map((inputs) => {
        const result = compiled.cost.evaluate(inputs);
        return 'value' in result ? { value: String(result.value) } : result;
      });
      return { expression, ok: true, results };
    });
    const theirs = CORPUS.map((expression, i) => {
      const answer = answers[i];
      return answer?.ok ? { expression, ok: true, results: answer.results } : { expression, ok: false };
    });
    expect(ours).to.deep.equal(theirs);
    expect(theirs.filter((one) => one.ok).length).to.be.greaterThan(200);
  });

  it('differ only where a cost takes no times', () => {
    const answers = askOracle(REFUSED_HERE, []);
    expect(answers.map((answer) => answer.ok)).to.deep.equal(REFUSED_HERE.map(() => true));
    expect(REFUSED_HERE.map((expression) => compileCost(expression).ok)).to.deep.equal(REFUSED_HERE.map(() => false));
  });
});
