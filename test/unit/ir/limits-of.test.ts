import { expect } from 'chai';
import { type LimitDescriptor, type LimitsConfig, unionOfLimits } from '../../../src/ir/index.ts';

const limit = (requests: number) => ({ rate_limit: { unit: 'day', requests_per_unit: requests } });
const config = (...descriptors: LimitDescriptor[]): LimitsConfig => ({ domains: [{ domain: 'd', descriptors }] });

describe('limits of two revisions at once', () => {
  it('has the buckets of both, and those of both as the newer one', () => {
    const before = config(
      { key: 'limit', value: 'a', ...limit(1) },
      { key: 'limit', value: 'gone', descriptors: [{ key: 'x', ...limit(3) }] },
    );
    const after = config({ key: 'limit', value: 'a', ...limit(2) }, { key: 'limit', value: 'new', ...limit(4) });
    expect(unionOfLimits(before, after)).to.deep.equal(
      config(
        { key: 'limit', value: 'a', ...limit(2) },
        { key: 'limit', value: 'new', ...limit(4) },
        { key: 'limit', value: 'gone', descriptors: [{ key: 'x', ...limit(3) }] },
      ),
    );
    expect(unionOfLimits(before, { domains: [] })).to.deep.equal(before);
    expect(unionOfLimits({ domains: [] }, after)).to.deep.equal(after);
  });

  it('keeps a bucket under the entries it had, when they change', () => {
    const before = config({ key: 'limit', value: 'a', descriptors: [{ key: 'x-tenant', ...limit(1) }] });
    const after = config({ key: 'limit', value: 'a', descriptors: [{ key: 'x-team', ...limit(2) }] });
    expect(unionOfLimits(before, after)).to.deep.equal(
      config({
        key: 'limit',
        value: 'a',
        descriptors: [
          { key: 'x-team', ...limit(2) },
          { key: 'x-tenant', ...limit(1) },
        ],
      }),
    );
    const plain = config({ key: 'limit', value: 'a', ...limit(9) });
    expect(unionOfLimits(before, plain)).to.deep.equal(
      config({ key: 'limit', value: 'a', ...limit(9), descriptors: [{ key: 'x-tenant', ...limit(1) }] }),
    );
  });
});
