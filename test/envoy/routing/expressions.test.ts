import { expect } from 'chai';
import fc from 'fast-check';
import { capabilitiesOf, compileGateway, DEFAULT_COMPILE_OPTIONS, NEWEST_ENVOY } from '../../../src/envoy/index.ts';
import { re2Problem } from '../../../src/lib/re2.ts';
import { chainOf, gatewayOf, namedRoute } from '../../property/matching/cases.ts';
import { inlineStatic, type Validation, validateWithEnvoy } from '../../support/index.ts';

const PIECES = [
  ...[
    'a',
    '.',
    '[a-z]',
    '[^x]',
    '\\d',
    '\\W',
    '[[:alpha:]]',
    '[\\w.-]',
    '\\.',
    '\\-',
    '\\x41',
    '\\x{ff}',
    '\\x{100}',
    '\\x{10FFFF}',
  ],
  ...[
    '\\pL',
    '\\p{Lu}',
    '\\P{N}',
    '\\p{^Sc}',
    '\\p{Greek}',
    '\\p{Garay}',
    '\\p{LC}',
    '\\p{Cn}',
    '\\p{Emoji}',
    '\\p{Any}',
    '[\\p{Han}]',
  ],
  ...[
    '(a|b)',
    '(?:a)',
    '(?i)',
    '(?s:.)',
    '(?P<n>a)',
    '(?<m>b)',
    '(?=a)',
    '(?>a)',
    '(?U)',
    '(?-i)',
    '(',
    ')',
    '[',
    ']',
    '|',
    '^',
    '$',
  ],
  ...[
    '*',
    '+',
    '?',
    '*?',
    '{2}',
    '{2,}',
    '{,2}',
    '{1001}',
    '{1000}',
    '\\b',
    '\\B',
    '\\A',
    '\\z',
    '\\Z',
    '\\C',
    '\\Q',
    '\\E',
    '\\1',
    '\\e',
  ],
  ...[
    'é',
    '\u{1F600}',
    '\\Q\\p{Garay}\\E',
    '\\\\p{Garay}',
    '[[:word:]]',
    '[[:foo:]]',
    '\\v',
    '\\07',
    '\\u0041',
    ' ',
    '"',
    '%',
  ],
];

function validate(patterns: readonly string[]): Promise<Validation> {
  const routes = patterns.map((value, i) =>
    namedRoute(`route-${i}`, { inference: true, headers: [{ name: 'x-a', type: 'regex', value }], queryParams: [] }),
  );
  const gateway = gatewayOf(chainOf({ '*': routes }));
  const { resources } = compileGateway(gateway, new Map(), capabilitiesOf(NEWEST_ENVOY), DEFAULT_COMPILE_OPTIONS);
  const ofType = (type: string) => resources.filter((one) => one.type === type).map(({ message }) => ({ ...message }));
  return validateWithEnvoy(inlineStatic({ listeners: ofType('listener'), routes: ofType('route') }));
}

describe('regular expressions', function () {
  this.timeout(60_000);

  it('that are taken are taken by Envoy: one that is not would refuse all routes', async () => {
    const seed = Date.now() % 1_000_000;
    const pattern = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5, size: 'max' });
    const made = fc.sample(pattern, { numRuns: 4000, seed }).map((pieces) => pieces.join(''));
    const taken = [...PIECES, ...made].filter((one) => re2Problem(one) === undefined);
    expect(taken.length).to.be.greaterThan(500);
    const { ok, output } = await validate(taken);
    expect(ok, `seed ${seed}: ${output}`).to.equal(true);
  });

  for (const pattern of ['\\p{Garay}', '\\p{LC}', '\\x{100}', '[\\p{Greek}]']) {
    it(`${pattern} would be refused by some Envoy, and is refused before`, () => {
      expect(re2Problem(pattern)).to.be.a('string');
    });
  }

  it('\\p{Garay} is refused by Envoy indeed', async () => {
    expect((await validate(['\\p{Garay}'])).ok).to.equal(false);
  });
});
