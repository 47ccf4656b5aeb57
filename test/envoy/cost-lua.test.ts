import { expect } from 'chai';
import fc from 'fast-check';
import { emitCostLua } from '../../src/envoy/cost-lua.ts';
import { type CostInputs, type CostResult, compileCost } from '../../src/lib/cel.ts';
import { CORPUS } from '../cel-oracle/corpus.ts';
import { costExpressions } from '../cel-oracle/generate.ts';
import { type LuaResult, runInEnvoy } from '../cel-oracle/lua-host.ts';
import { SAMPLE_INPUTS } from '../cel-oracle/oracle.ts';

interface Case {
  readonly expression: string;
  readonly lua: string;
  readonly expected: readonly CostResult[];
}

function casesOf(expressions: readonly string[], inputs: readonly CostInputs[]): Case[] {
  return expressions.flatMap((expression) => {
    const compiled = compileCost(expression);
    const emitted = compiled.ok ? emitCostLua(compiled.cost.ast) : undefined;
    if (!compiled.ok || !emitted?.ok) return [];
    return [{ expression, lua: emitted.lua, expected: inputs.map((one) => compiled.cost.evaluate(one)) }];
  });
}

/** The one difference: an overflow comes at 2^53 already. */
function agree(expected: CostResult, got: LuaResult): boolean {
  if ('error' in got) return /overflow$/.test(got.error) || ('error' in expected && expected.error === got.error);
  return 'value' in expected && BigInt(got.value) === expected.value;
}

async function expectAgreement(cases: readonly Case[], inputs: readonly CostInputs[]): Promise<{ overflows: number }> {
  const results = await runInEnvoy(
    cases.map((one) => one.lua),
    inputs,
  );
  let overflows = 0;
  const differences = cases.flatMap((one, i) =>
    one.expected.flatMap((expected, j) => {
      const got = results[i]?.[j] ?? { error: 'no result' };
      if ('error' in got && 'value' in expected) overflows++;
      const shown = { ...expected, ...('value' in expected ? { value: String(expected.value) } : {}) };
      return agree(expected, got) ? [] : [{ expression: one.expression, inputs: j, expected: shown, got }];
    }),
  );
  expect(differences).to.deep.equal([]);
  return { overflows };
}

describe("costs in Envoy's Lua", function () {
  this.timeout(120_000);

  it('equal those of the corpus', async () => {
    const cases = casesOf(CORPUS, SAMPLE_INPUTS);
    expect(cases.length).to.be.greaterThan(150);
    await expectAgreement(cases, SAMPLE_INPUTS);
  });

  it('equal those of generated expressions', async () => {
    const cases = casesOf(fc.sample(costExpressions(4), 4_000), SAMPLE_INPUTS);
    expect(cases.length).to.be.greaterThan(1_000);
    const { overflows } = await expectAgreement(cases, SAMPLE_INPUTS);
    expect(overflows).to.be.lessThan(cases.length / 20);
  });

  it('are exact up to 2^53 and an overflow from there', async () => {
    const [zero] = SAMPLE_INPUTS;
    if (zero === undefined) throw new Error('no sample');
    const inputs = [2n ** 53n - 1n, 2n ** 52n, 94_906_265n].map((input_tokens) => ({ ...zero, input_tokens }));
    const cases = casesOf(
      [
        'input_tokens',
        'input_tokens + 1u',
        'input_tokens * 2u',
        'input_tokens * input_tokens',
        'input_tokens / 3u',
        'input_tokens % 1000u',
      ],
      inputs,
    );
    const results = await runInEnvoy(
      cases.map((one) => one.lua),
      inputs,
    );
    const over = { error: 'unsigned integer overflow' };
    expect(results).to.deep.equal([
      [{ value: 9007199254740991 }, { value: 4503599627370496 }, { value: 94906265 }],
      [over, { value: 4503599627370497 }, { value: 94906266 }],
      [over, over, { value: 189812530 }],
      [over, over, { value: 9007199136250225 }],
      [{ value: 3002399751580330 }, { value: 1501199875790165 }, { value: 31635421 }],
      [{ value: 991 }, { value: 496 }, { value: 265 }],
    ]);
  });

  it('see any text of an expression as that text', async () => {
    const texts = fc.sample(fc.string({ unit: 'grapheme', minLength: 1 }), 60);
    const nasty = [...texts, '"]] os.exit() --[["', '\\', '"', '\r\n', '\0', '\\"..model.."', 'é😀\u2028'];
    const [zero] = SAMPLE_INPUTS;
    if (zero === undefined) throw new Error('no sample');
    const inputs = nasty.map((model) => ({ ...zero, model }));
    const expressions = nasty.map(
      (text) => `model == ${JSON.stringify(text)} ? {${JSON.stringify(text)}: 7u}[model] : 0u`,
    );
    const cases = casesOf(expressions, inputs);
    expect(cases).to.have.length(nasty.length);
    await expectAgreement(cases, inputs);
  });

  it('load at the greatest depth that is taken, whatever is nested', async () => {
    const fails = '1u / (input_tokens + 1u) > 1u';
    const nests: readonly (readonly [string, string])[] = [
      ['!(', ')'],
      [`${fails} || (`, ')'],
      [`(${fails} || (`, '))'],
      ['input_tokens > 9u ? true : ', ''],
      [`(${fails} || total_tokens > 1u) ? true : (`, ')'],
      ['(', ' ? true : false)'],
      [`(${fails} || `, ' ? true : false)'],
      ['(', ' == true)'],
      ['[', '].all(x, x)'],
      [`[1].exists(x, ${fails} || `, ')'],
      ['[', '][0]'],
      ['{1: ', '}[1]'],
      ['bool(string(', '))'],
    ];
    const deepest = nests.flatMap(([open, close]) => {
      const depths = Array.from({ length: 60 }, (_, i) => 60 - i);
      const expressions = depths.map((n) => `(${open.repeat(n)}input_tokens > 1u${close.repeat(n)}) ? 1u : 2u`);
      return casesOf(expressions, SAMPLE_INPUTS).slice(0, 1);
    });
    expect(deepest).to.have.length(nests.length);
    await expectAgreement(deepest, SAMPLE_INPUTS);
  });

  it('load at the limits of size', async () => {
    const prices = Array.from({ length: 300 }, (_, i) => `'vendor/model-${i}':${i + 1}u`).join(',');
    const cases = casesOf(
      [
        Array.from({ length: 400 }, (_, i) => `model == 'm${i}'`)
          .join(' || ')
          .concat(' ? 1u : 2u'),
        `input_tokens${' + output_tokens'.repeat(900)}`,
        `model in {${prices}} ? {${prices}}[model] : 0u`,
        '[1,2,3].map(a,[4,5].map(b,[6,7].map(c,a*b*c)))[1][1][1]',
      ],
      SAMPLE_INPUTS,
    );
    expect(cases.map((one) => one.expression.slice(0, 12))).to.have.length(4);
    await expectAgreement(cases, SAMPLE_INPUTS);
  });
});
