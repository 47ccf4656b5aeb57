import fc from 'fast-check';
import { COST_COUNTS, COST_NAMES } from '../../src/lib/cel.ts';

/** Types the generator can aim at. It misses at times on purpose, so that refusals are compared too. */
type Aim = 'bool' | 'int' | 'uint' | 'double' | 'string' | 'ints' | 'uints' | 'prices';

const AIMS: readonly Aim[] = ['bool', 'int', 'uint', 'double', 'string', 'ints', 'uints', 'prices'];

const INTS = ['0', '1', '2', '-1', '-7', '10', '255', '0x10', '9223372036854775807', '-9223372036854775808'];
const UINTS = ['0u', '1u', '2u', '10u', '1000u', '0xFFu', '4294967296u', '18446744073709551615u', ...COST_COUNTS];
const DOUBLES = ['0.0', '0.1', '1.5', '-2.5', '1e3', '1e20', '.25'];
const STRINGS = ["''", "'a'", "'gpt-4'", '"mini"', "'1'", "'12'", "'é'", "r'\\d'", ...COST_NAMES];

const LEAVES: Readonly<Record<Aim, readonly string[]>> = {
  bool: ['true', 'false'],
  int: INTS,
  uint: UINTS,
  double: DOUBLES,
  string: STRINGS,
  ints: ['[1, 2, 3]', '[0, 5]', '[]', '[-1]'],
  uints: ['[1u, 2u]', '[input_tokens, output_tokens]', '[0u]', '[]'],
  prices: ["{'gpt-4': 30u, 'a': 1u}", "{'': 0u}", "{model: 2u, 'b': input_tokens}"],
};

/** Templates by the type they give; a name in braces is a part of that type, `x` is a macro's variable. */
const TEMPLATES: Readonly<Record<Aim, readonly string[]>> = {
  bool: [
    '{bool} && {bool}',
    '{bool} || {bool}',
    '!({bool})',
    '({bool} ? {bool} : {bool})',
    '{uint} < {uint}',
    '{int} >= {int}',
    '{double} > {double}',
    '{string} <= {string}',
    '{uint} == {uint}',
    '{string} != {string}',
    '{ints} == {ints}',
    '{prices} == {prices}',
    '{string}.startsWith({string})',
    '{string}.endsWith({string})',
    '{string}.contains({string})',
    "{string}.matches('^gpt|mini$')",
    '{string} in {prices}',
    '{uint} in {uints}',
    'has({prices}.a)',
    '{uints}.all(x, x > {uint})',
    '{uints}.exists(x, x / {uint} > x)',
    '{ints}.exists_one(x, x == {int})',
    '{prices}.exists(x, x == {string})',
    'dyn({int}) == {uint}',
    'type({int}) == int',
    'bool({string})',
  ],
  int: [
    '{int} + {int}',
    '{int} - {int}',
    '({int}) * ({int})',
    '({int}) / ({int})',
    '({int}) % ({int})',
    '-({int})',
    '({bool} ? {int} : {int})',
    'int({uint})',
    'int({double})',
    'int({string})',
    'size({string})',
    '{ints}.size()',
    'size({prices})',
    '({ints})[{int}]',
    '{ints}.map(x, x * {int})[0]',
  ],
  uint: [
    '{uint} + {uint}',
    '{uint} - {uint}',
    '({uint}) * ({uint})',
    '({uint}) / ({uint})',
    '({uint}) % ({uint})',
    '({bool} ? {uint} : {uint})',
    'uint({int})',
    'uint({double})',
    'uint({string})',
    '{prices}[{string}]',
    '{prices}.a',
    '({uints})[{int}]',
    '{uints}.filter(x, x > {uint})[0]',
  ],
  double: [
    '{double} + {double}',
    '({double}) * ({double})',
    '({double}) / ({double})',
    '-({double})',
    'double({uint})',
  ],
  string: [
    '{string} + {string}',
    'string({int})',
    'string({bool})',
    'string({uint})',
    '({bool} ? {string} : {string})',
  ],
  ints: ['[{int}, {int}]', '{ints} + {ints}', '{ints}.filter(x, x > {int})', '{ints}.map(x, x > {int}, x + {int})'],
  uints: ['[{uint}, {uint}]', '{uints} + {uints}', '{uints}.map(x, x * {uint})'],
  prices: ['{{string}: {uint}}', '{{string}: {uint}, {string}: {uint}}', '({bool} ? {prices} : {prices})'],
};

/** Expressions that mostly type-check and mostly give an integer; one part in thirty is of a wrong type. */
export function costExpressions(depth: number): fc.Arbitrary<string> {
  return fc.oneof({ weight: 4, arbitrary: part('uint', depth) }, { weight: 3, arbitrary: part('int', depth) });
}

function part(aim: Aim, depth: number): fc.Arbitrary<string> {
  const leaf = fc.constantFrom(...LEAVES[aim]);
  if (depth === 0) return leaf;
  const grown = fc.constantFrom(...TEMPLATES[aim]).chain((template) => fill(template, depth - 1));
  const wrong = fc.constantFrom(...AIMS).chain((other) => part(other, depth - 1));
  return fc.oneof({ weight: 8, arbitrary: leaf }, { weight: 21, arbitrary: grown }, { weight: 1, arbitrary: wrong });
}

function fill(template: string, depth: number): fc.Arbitrary<string> {
  const pieces = template.split(/(\{[a-z]+\})/);
  const arbitraries = pieces.map((piece) => {
    const aim = AIMS.find((one) => piece === `{${one}}`);
    return aim === undefined ? fc.constant(piece) : part(aim, depth);
  });
  return fc.tuple(...arbitraries).map((filled) => filled.join(''));
}
