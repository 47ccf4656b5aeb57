import { expect } from 'chai';
import fc from 'fast-check';
import { compileCost } from '../../src/lib/cel.ts';
import { costExpressions } from '../cel-oracle/generate.ts';
import { askOracle, SAMPLE_INPUTS } from '../cel-oracle/oracle.ts';

describe('compileCost on generated expressions', function () {
  this.timeout(180_000);

  it('agrees with cel-go on verdicts, results and errors', () => {
    // One run of the oracle for each batch: a process for each expression would take minutes.
    const batches = fc.array(costExpressions(4), { minLength: 200, maxLength: 200, size: 'max' });
    fc.assert(
      fc.property(batches, (expressions) => {
        const answers = askOracle(expressions, SAMPLE_INPUTS);
        expressions.forEach((expression, i) => {
          const compiled = compileCost(expression);
          const answer = answers[i];
          expect(compiled.ok, `${expression}: ${JSON.stringify(answer)}`).to.equal(answer?.ok);
          if (!compiled.ok) return;
          const results = SAMPLE_INPUTS.map((inputs) => compiled.cost.evaluate(inputs));
          const shown = results.map((one) => ('value' in one ? { value: String(one.value) } : one));
          expect(shown, expression).to.deep.equal(answer?.results);
        });
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  it('never throws, whatever the text', () => {
    const pieces = [
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '?',
      ':',
      ',',
      '.',
      '-',
      '!',
      '1',
      '1u',
      '.5',
      "'a'",
      '"',
      'model',
      'in',
      ' ',
    ];
    const soup = fc.array(fc.constantFrom(...pieces, '.map(x,', 'has(', '&&', '+', 'x'), { maxLength: 30 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          soup.map((parts) => parts.join('')),
        ),
        (text) => {
          const compiled = compileCost(text);
          if (!compiled.ok) expect(compiled.message).to.be.a('string').with.length.greaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});
