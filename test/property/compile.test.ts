import { expect } from 'chai';
import fc from 'fast-check';
import { checkResources } from '../../src/envoy/check-resources.ts';
import { capabilitiesOf, compileGateway, DEFAULT_COMPILE_OPTIONS } from '../../src/envoy/index.ts';
import { formatFinding } from '../../src/lib/findings.ts';
import { canonicalJson } from '../../src/lib/hash.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../src/policy/index.ts';
import { goldenNames, readGoldenObjects } from '../golden/envoy-golden.ts';
import { randomGateway } from './compiling/ir.ts';

const VERSIONS = ['1.40.0', '1.38.3', '1.36.4'] as const;

describe('property: compiled gateways', function () {
  this.timeout(60_000);

  it('encode, keep the constraints of the API and fit together, whatever the gateway', () => {
    let served = 0;
    fc.assert(
      fc.property(randomGateway, fc.constantFrom(...VERSIONS), ({ gateway, secrets }, version) => {
        const { resources } = compileGateway(gateway, secrets, capabilitiesOf(version), DEFAULT_COMPILE_OPTIONS);
        const wrong = checkResources(resources).map(formatFinding).join('\n');
        expect(wrong, wrong).to.equal('');
        served += resources.length;
      }),
      { numRuns: 150 },
    );
    expect(served).to.be.greaterThan(1000);
  });

  it('are the same each time', () => {
    fc.assert(
      fc.property(randomGateway, ({ gateway, secrets }) => {
        const compile = (): string =>
          canonicalJson(compileGateway(gateway, secrets, capabilitiesOf('1.40.0'), DEFAULT_COMPILE_OPTIONS));
        expect(compile()).to.equal(compile());
      }),
      { numRuns: 30 },
    );
  });

  it('are the same for objects in any order', async () => {
    const inputs = await Promise.all(goldenNames().map((name) => readGoldenObjects(name)));
    const compile = (objects: (typeof inputs)[number]['objects']): string => {
      const set = { revision: { hash: 'test' }, objects, findings: [] };
      const { ir, secrets, findings } = translate(set, DEFAULT_POLICY_OPTIONS);
      const compiled = ir.gateways.map((gateway) =>
        compileGateway(gateway, secrets, capabilitiesOf('1.40.0'), DEFAULT_COMPILE_OPTIONS),
      );
      return JSON.stringify([compiled, findings]);
    };
    const expected = inputs.map(({ objects }) => compile(objects));
    const shuffled = fc
      .nat({ max: inputs.length - 1 })
      .chain((i) =>
        fc.tuple(
          fc.constant(i),
          fc.shuffledSubarray([...(inputs[i]?.objects ?? [])], { minLength: inputs[i]?.objects.length ?? 0 }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([i, objects]) => {
        expect(compile(objects)).to.equal(expected[i]);
      }),
      { numRuns: 60 },
    );
  });
});
