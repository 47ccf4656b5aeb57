import { expect } from 'chai';
import fc from 'fast-check';
import { apiVersionOf, KINDS, type UnknownObject, validateObject } from '../../../src/resources/index.ts';

const anything = fc.anything({ maxDepth: 4, withBigInt: false, withNullPrototype: true });
const key = fc.oneof(
  fc.constantFrom(
    'spec',
    'rules',
    'backendRefs',
    'matches',
    'parentRefs',
    'targetRefs',
    'data',
    '__proto__',
    'toString',
  ),
  fc.string(),
);
const tree = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, anything, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
})).value;

describe('validateObject, given anything', () => {
  it('returns a verdict and metadata, and leaves its input alone', () => {
    const object = fc.oneof(
      tree,
      fc.record(
        {
          apiVersion: fc.oneof(fc.constantFrom(...KINDS.map((kind) => apiVersionOf(kind))), anything),
          kind: fc.oneof(fc.constantFrom(...KINDS.map((kind) => kind.kind)), anything),
          metadata: fc.oneof(tree, fc.record({ name: tree, namespace: tree, labels: tree, annotations: tree })),
          spec: tree,
          data: tree,
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(object, (raw) => {
        const before = fc.stringify(raw);
        const result = validateObject(raw as UnknownObject, () => undefined);
        expect(result.object.metadata.name).to.be.a('string');
        expect(result.object.kind).to.be.a('string');
        // What is no kind of ours is ignored with a warning: all else that is not valid says so as an error.
        const isForeign = result.findings.some(({ code, level }) => code === 'HG0110' && level === 'warning');
        expect(result.findings.some((finding) => finding.level === 'error')).to.equal(!result.valid && !isForeign);
        expect(fc.stringify(raw)).to.equal(before);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same verdict on what it returned as valid', () => {
    const specs = fc.record({ rules: fc.array(fc.record({ name: fc.option(fc.constantFrom('a', 'b')) })) });
    fc.assert(
      fc.property(specs, (spec) => {
        const raw: UnknownObject = {
          apiVersion: 'aigateway.envoyproxy.io/v1beta1',
          kind: 'AIGatewayRoute',
          metadata: { name: 'a' },
          spec,
        };
        const first = validateObject(raw, () => undefined);
        fc.pre(first.valid);
        expect(validateObject(first.object, () => undefined)).to.deep.equal(first);
      }),
    );
  });
});
