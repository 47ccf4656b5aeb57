import { expect } from 'chai';
import { type CostInputs, compileCost } from '../../../src/lib/cel.ts';

const INPUTS: CostInputs = {
  model: 'gpt-4o',
  backend: 'openai',
  route_name: 'default/chat',
  input_tokens: 100n,
  cached_input_tokens: 40n,
  cache_creation_input_tokens: 0n,
  output_tokens: 7n,
  total_tokens: 107n,
  reasoning_tokens: 0n,
};

function refusal(expression: string): { message: string; position?: number } {
  const compiled = compileCost(expression);
  if (compiled.ok) throw new Error(`compiled: ${expression}`);
  return compiled;
}

function cost(expression: string, inputs: Partial<CostInputs> = {}): unknown {
  const compiled = compileCost(expression);
  if (!compiled.ok) throw new Error(compiled.message);
  return compiled.cost.evaluate({ ...INPUTS, ...inputs });
}

describe('compileCost', () => {
  it('computes a weighted sum in unsigned integers', () => {
    const weighted = '(input_tokens - cached_input_tokens) + cached_input_tokens / 10u + output_tokens * 4u';
    expect(cost(weighted)).to.deep.equal({ value: 92n });
  });

  it('keeps all 64 bits', () => {
    expect(cost('input_tokens + 1u', { input_tokens: 2n ** 64n - 2n })).to.deep.equal({ value: 2n ** 64n - 1n });
    expect(cost('input_tokens + 1u', { input_tokens: 2n ** 64n - 1n })).to.deep.equal({
      error: 'unsigned integer overflow',
    });
  });

  it('gives an error where unsigned subtraction goes below zero, and where a result is negative', () => {
    expect(cost('input_tokens - output_tokens', { input_tokens: 1n })).to.deep.equal({
      error: 'unsigned integer overflow',
    });
    expect(cost('int(input_tokens) - int(output_tokens)', { input_tokens: 1n })).to.deep.equal({
      error: 'the result is negative (-6)',
    });
  });

  it('points at what does not fit', () => {
    expect(refusal('input_tokens * 0.1')).to.deep.equal({
      ok: false,
      message: "found no matching overload for '_*_' applied to '(uint, double)'",
      position: 13,
    });
    expect(refusal('1u + tokens')).to.include({ message: "undeclared reference to 'tokens'", position: 5 });
    expect(refusal('input_tokens +')).to.include({ message: 'unexpected end', position: 14 });
  });

  it('tries the expression with zeros', () => {
    expect(refusal('1000u / input_tokens').message).to.equal(
      'the expression fails when all counts are zero: division by zero',
    );
    expect(cost('input_tokens == 0u ? 0u : 1000u / input_tokens')).to.deep.equal({ value: 10n });
  });

  it('refuses results that are no integer', () => {
    expect(refusal('model').message).to.equal('a cost must be an int or a uint, the expression gives string');
    expect(refusal('double(input_tokens)').message).to.contain('gives double');
    expect(refusal('dyn(model)').message).to.contain('not an integer but string');
  });

  it('says why times are not available', () => {
    expect(refusal("duration('1h').getHours()").message).to.equal(
      'timestamps and durations are not available in a cost',
    );
  });

  it('gives a checked tree', () => {
    const compiled = compileCost('input_tokens * 2u');
    expect(compiled.ok && compiled.cost.ast).to.deep.equal({
      kind: 'call',
      at: 13,
      fn: '_*_',
      type: { kind: 'uint' },
      args: [
        { kind: 'variable', at: 0, name: 'input_tokens', type: { kind: 'uint' } },
        { kind: 'const', at: 15, value: { kind: 'uint', value: 2n }, type: { kind: 'uint' } },
      ],
    });
  });

  it('bounds length, nesting, operations and work', () => {
    expect(refusal(`1${' '.repeat(20_000)}`).message).to.contain('longer than');
    expect(refusal(`${'('.repeat(5_000)}1${')'.repeat(5_000)}`).message).to.contain('nested too deeply');
    expect(refusal(`${'['.repeat(5_000)}`).message).to.contain('nested too deeply');
    expect(refusal(`1${'+1'.repeat(5_000)}`).message).to.contain('operations');
    expect(refusal(`model${'.a'.repeat(5_000)}`).message).to.contain('operations');
    expect(refusal('-'.repeat(9_000)).message).to.equal('unexpected end');
    const ten = '[0,1,2,3,4,5,6,7,8,9]';
    expect(refusal(`${`${ten}.map(a,`.repeat(8)}1${')'.repeat(8)}.size()`).message).to.contain('too long');
    let doubling = "'aaaaaaaaaaaaaaaa'";
    for (let i = 0; i < 30; i++) doubling = `[${doubling}].map(s, s + s)[0]`;
    expect(refusal(`size(${doubling})`).message).to.contain('too long');
  });

  it('takes a price list of hundreds of models', () => {
    const prices = Array.from({ length: 300 }, (_, i) => `'vendor/model-${i}':${i + 1}u`).join(',');
    const expression = `model in {${prices}} ? {${prices}}[model] * total_tokens : total_tokens`;
    expect(cost(expression, { model: 'vendor/model-9' })).to.deep.equal({ value: 1070n });
    expect(cost(expression)).to.deep.equal({ value: 107n });
  });
});
