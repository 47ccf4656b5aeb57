import { expect } from 'chai';
import type { LimitDescriptor, LimitsConfig, RateLimitPolicy } from '../../../src/ir/index.ts';
import { createLookup } from '../../../src/ratelimit/find-limit.ts';
import { compileLimits, matchesParts } from '../../../src/ratelimit/limit-tree.ts';
import { validateLimits } from '../../../src/ratelimit/limits-config.ts';
import { parseLimitsFiles } from '../../../src/ratelimit/limits-file.ts';
import { createStatistics } from '../../../src/ratelimit/statistics.ts';

const limit = (count: number): RateLimitPolicy => ({ unit: 'hour', requests_per_unit: count });

function lookup(descriptors: readonly LimitDescriptor[]) {
  const statistics = createStatistics();
  const config: LimitsConfig = { domains: [{ domain: 'd', descriptors }] };
  expect(validateLimits(config)).to.deep.equal([]);
  const find = createLookup({ tree: compileLimits(config, statistics), statistics, keyPrefix: 'p:', separator: '_' });
  return (...pairs: [string, string][]) => {
    const entries = pairs.map(([key, value]) => ({ key, value }));
    const found = find('d', { entries, limit: undefined, hitsAddend: undefined, isNegativeHits: false });
    return found && [found.limit.requestsPerUnit, found.key, found.stats.limit];
  };
}

describe('ratelimit: which limit a descriptor meets', () => {
  it('prefers the value to the key alone, and counts only the same depth', () => {
    const find = lookup([
      { key: 'a', rate_limit: limit(1) },
      { key: 'a', value: 'x', rate_limit: limit(2), descriptors: [{ key: 'b', rate_limit: limit(3) }] },
    ]);
    expect(find(['a', 'y'])).to.deep.equal([1, 'p:d_a_y_', 'a']);
    expect(find(['a', 'x'])).to.deep.equal([2, 'p:d_a_x_', 'a_x']);
    expect(find(['a', 'x'], ['b', '1'])).to.deep.equal([3, 'p:d_a_x_b_1_', 'a_x.b']);
    expect(find(['a', 'x'], ['c', '1'])).to.equal(undefined);
    expect(find(['a', 'y'], ['b', '1'])).to.equal(undefined);
    expect(find(['b', '1'])).to.equal(undefined);
  });

  it('knows stars, in the order of the configuration, before the key alone', () => {
    const find = lookup([
      { key: 'a', rate_limit: limit(1) },
      { key: 'a', value: 'foo*', rate_limit: limit(2) },
      { key: 'a', value: '*bar', rate_limit: limit(3), share_threshold: true },
      { key: 'a', value: 'foo1', rate_limit: limit(4) },
    ]);
    expect(find(['a', 'foobar'])).to.deep.equal([2, 'p:d_a_foobar_', 'a_foo*']);
    expect(find(['a', 'xbar'])).to.deep.equal([3, 'p:d_a_*bar_', 'a_*bar']);
    expect(find(['a', 'foo1'])).to.deep.equal([4, 'p:d_a_foo1_', 'a_foo1']);
    expect(find(['a', 'z'])?.[0]).to.equal(1);
  });

  it('names statistics by the values of requests where asked', () => {
    const find = lookup([
      { key: 'a', rate_limit: limit(1), detailed_metric: true },
      { key: 'b', value_to_metric: true, descriptors: [{ key: 'c', rate_limit: limit(2) }] },
      { key: 's', value: 'x*', share_threshold: true, detailed_metric: true, rate_limit: limit(3) },
    ]);
    expect(find(['a', 'x'])?.[2]).to.equal('a_x');
    expect(find(['b', 'y'], ['c', 'z'])?.[2]).to.equal('b_y.c');
    expect(find(['s', 'xy'])?.[2]).to.equal('s_x*');
  });

  it('keeps the number of statistics bounded', () => {
    const statistics = createStatistics({ maxLimits: 2 });
    for (const name of ['a', 'b', 'c', 'd']) statistics.of('d', name).totalHits += 1;
    const lines = statistics
      .expose()
      .split('\n')
      .filter((line) => line.startsWith('ratelimit_service_rate_limit_total_hits{'));
    expect(lines).to.deep.equal([
      'ratelimit_service_rate_limit_total_hits{domain="d",limit="a"} 1',
      'ratelimit_service_rate_limit_total_hits{domain="d",limit="b"} 1',
      'ratelimit_service_rate_limit_total_hits{domain="other",limit="other"} 2',
    ]);
  });

  it('matches texts with stars', () => {
    const matches = (pattern: string, text: string) => matchesParts(text, pattern.split('*'));
    for (const [pattern, text] of [
      ['*', ''],
      ['a*', 'a'],
      ['a*c*e', 'abcde'],
      ['a*a', 'aa'],
      ['*b*', 'abc'],
    ] as const) {
      expect(matches(pattern, text), `${pattern} ${text}`).to.equal(true);
    }
    for (const [pattern, text] of [
      ['a*a', 'a'],
      ['a*c*e', 'aec'],
      ['a*', 'ba'],
      ['*b', 'bc'],
    ] as const) {
      expect(matches(pattern, text), `${pattern} ${text}`).to.equal(false);
    }
  });
});

describe('ratelimit: configuration', () => {
  const problems = (descriptor: object) =>
    validateLimits({ domains: [{ domain: 'd', descriptors: [descriptor] }] }).map(
      ({ path, message }) => `${path.replace('domains[0].descriptors[0]', '')} ${message}`,
    );

  it('says what is wrong and where', () => {
    expect(validateLimits({})).to.deep.equal([{ path: 'domains', message: 'a list of domains is expected' }]);
    expect(problems({})).to.deep.equal(['.key must not be empty']);
    expect(problems({ key: 'a', valu: 'b' })).to.deep.equal(['.valu is not a field']);
    expect(problems({ key: 'a', rate_limit: { unit: 'fortnight', requests_per_unit: 1 } })).to.deep.equal([
      '.rate_limit.unit fortnight is not a unit: second, minute, hour, day, week, month, year',
    ]);
    expect(problems({ key: 'a', rate_limit: { unlimited: true, unit: 'day' } })).to.deep.equal([
      '.rate_limit.unit an unlimited limit has no unit',
    ]);
    for (const count of [-1, 1.5, 2 ** 32, Number.NaN]) {
      expect(
        problems({ key: 'a', rate_limit: { unit: 'day', requests_per_unit: count } }),
        String(count),
      ).to.have.length(1);
    }
    expect(problems({ key: 'a', rate_limit: { unit: 'day', name: 'n', replaces: [{ name: 'n' }] } })).to.deep.equal([
      '.rate_limit.replaces[0].name a limit cannot replace itself',
    ]);
    expect(problems({ key: 'a', share_threshold: true })).to.deep.equal(['.share_threshold needs a value with a *']);
    expect(problems({ key: 'a', descriptors: [{ key: 'b' }, { key: 'b', value: '' }] })).to.deep.equal([
      '.descriptors[1] the same key and value are there twice',
    ]);
  });

  it('reads files of envoyproxy/ratelimit', () => {
    const text = `
domain: mongo_cps
descriptors:
  - key: database
    value: 5
    rate_limit: {unit: second, requests_per_unit: 500}
  - key: to_number
    shadow_mode: true
    descriptors:
      - key: message_type
        value: marketing
        rate_limit: {unit: DAY, requests_per_unit: 5, name: x, replaces: [{name: y}]}
`;
    const [domain] = parseLimitsFiles([{ path: 'a.yaml', text }]).domains;
    expect(domain?.domain).to.equal('mongo_cps');
    expect(domain?.descriptors?.[0]?.value).to.equal('5');
    expect(domain?.descriptors?.[1]?.descriptors?.[0]?.rate_limit?.requests_per_unit).to.equal(5);
  });

  it('refuses a domain that is there twice, unless files are merged', () => {
    const file = (path: string, key: string) => ({ path, text: `domain: d\ndescriptors: [{key: ${key}}]` });
    const files = [file('a.yaml', 'a'), file('b.yaml', 'b')];
    expect(() => parseLimitsFiles(files)).to.throw('domains[1].domain: the domain d is there twice');
    const merged = parseLimitsFiles(files, { mergeDomains: true });
    expect(merged.domains[0]?.descriptors?.map(({ key }) => key)).to.deep.equal(['a', 'b']);
    expect(() => parseLimitsFiles([{ path: 'c.yaml', text: 'domain: [' }])).to.throw('c.yaml: ');
    expect(() => parseLimitsFiles([{ path: 'c.yaml', text: 'domain: ""' }])).to.throw(
      'c.yaml: domain: must not be empty',
    );
  });
});
