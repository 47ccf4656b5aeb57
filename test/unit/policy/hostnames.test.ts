import { expect } from 'chai';
import {
  compareHostnames,
  coversHostname,
  intersectHostnames,
  mostSpecific,
} from '../../../src/policy/gateways/hostnames.ts';

describe('policy: host names', () => {
  it('are covered by themselves, by wildcards above them and by any', () => {
    expect(coversHostname('a.example.com', 'a.example.com')).to.equal(true);
    expect(coversHostname('*', '*.example.com')).to.equal(true);
    expect(coversHostname('*.example.com', 'a.b.example.com')).to.equal(true);
    expect(coversHostname('*.example.com', '*.b.example.com')).to.equal(true);
  });

  it('are not covered by wildcards of their own name, nor by what only looks alike', () => {
    expect(coversHostname('*.example.com', 'example.com')).to.equal(false);
    expect(coversHostname('*.example.com', 'badexample.com')).to.equal(false);
    expect(coversHostname('*.b.example.com', '*.example.com')).to.equal(false);
    expect(coversHostname('a.example.com', '*.example.com')).to.equal(false);
  });

  it('meet in the more specific one', () => {
    expect(intersectHostnames('*.example.com', [])).to.deep.equal(['*.example.com']);
    expect(intersectHostnames('*', ['a.example.com', '*.x.org'])).to.deep.equal(['a.example.com', '*.x.org']);
    expect(intersectHostnames('a.example.com', ['*.example.com', 'b.example.com'])).to.deep.equal(['a.example.com']);
    expect(intersectHostnames('a.example.com', ['*.com', '*.example.com'])).to.deep.equal(['a.example.com']);
    expect(intersectHostnames('*.example.com', ['example.com'])).to.deep.equal([]);
  });

  it('are tried as Envoy tries them', () => {
    const names = ['*', '*.com', 'b.example.com', '*.example.com', 'a.example.com'];
    expect([...names].sort(compareHostnames)).to.deep.equal([
      'a.example.com',
      'b.example.com',
      '*.example.com',
      '*.com',
      '*',
    ]);
    expect(mostSpecific(names, 'x.example.com')).to.equal('*.example.com');
    expect(mostSpecific(['*.com'], 'example.org')).to.equal(undefined);
  });
});
