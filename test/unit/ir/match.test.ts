import { expect } from 'chai';
import type { HostIr, MatchIr, RouteIr } from '../../../src/ir/index.ts';
import { chooseHost, firstMismatch, type MatchRequest, matchRoute } from '../../../src/ir/match.ts';

const ANY: MatchIr = { inference: false, headers: [], queryParams: [] };

function request(parts: Partial<MatchRequest> = {}): MatchRequest {
  return { method: 'GET', path: '/', query: new Map(), headers: new Map(), inference: false, ...parts };
}

function path(type: 'exact' | 'prefix' | 'regex', value: string): MatchIr {
  return { ...ANY, path: { type, value } };
}

function matches(match: MatchIr, parts: Partial<MatchRequest>): boolean {
  return firstMismatch(match, request(parts)) === undefined;
}

describe('ir: matching by reading the list', () => {
  it('matches prefixes by whole segments', () => {
    const cases: [string, string, boolean][] = [
      ['/', '/', true],
      ['/', '/x', true],
      ['/a', '/a', true],
      ['/a', '/a/', true],
      ['/a', '/a/b', true],
      ['/a', '/ab', false],
      ['/a/', '/a', true],
      ['/a/b', '/a', false],
    ];
    for (const [prefix, got, expected] of cases) {
      expect(matches(path('prefix', prefix), { path: got }), `${prefix} ${got}`).to.equal(expected);
    }
  });

  it('matches exact paths and whole regular expressions', () => {
    expect(matches(path('exact', '/a'), { path: '/a' })).to.equal(true);
    expect(matches(path('exact', '/a'), { path: '/a/' })).to.equal(false);
    expect(matches(path('regex', '/a.'), { path: '/ab' })).to.equal(true);
    expect(matches(path('regex', '/a.'), { path: '/abc' })).to.equal(false);
    expect(matches(path('regex', '/a|/b'), { path: '/b' })).to.equal(true);
  });

  it('wants every header and parameter, and takes nothing for what is absent', () => {
    const both: MatchIr = {
      ...ANY,
      headers: [{ name: 'a', type: 'exact', value: '1' }],
      queryParams: [{ name: 'q', type: 'regex', value: '.*' }],
    };
    const headers = new Map([['a', '1']]);
    const query = new Map([['q', '']]);
    expect(matches(both, { headers, query })).to.equal(true);
    expect(firstMismatch(both, request({ headers }))).to.deep.equal({
      kind: 'query',
      wanted: both.queryParams[0],
      got: undefined,
    });
    expect(firstMismatch(both, request({ headers: new Map([['a', '2']]), query }))).to.deep.equal({
      kind: 'header',
      wanted: both.headers[0],
      got: '2',
    });
    const empty: MatchIr = { ...ANY, headers: [{ name: 'a', type: 'exact', value: '' }] };
    expect(matches(empty, {})).to.equal(false);
    expect(matches(empty, { headers: new Map([['a', '']]) })).to.equal(true);
  });

  it('leaves inference routes to inference requests', () => {
    expect(firstMismatch({ ...ANY, inference: true }, request())).to.deep.equal({ kind: 'inference' });
    expect(matches({ ...ANY, inference: true }, { inference: true })).to.equal(true);
    expect(matches(ANY, { inference: true })).to.equal(true);
  });

  it('takes the first that matches', () => {
    const route = (name: string, match: MatchIr): RouteIr => ({
      name,
      origin: { object: name, field: [] },
      match,
      action: { kind: 'respond', status: 500, message: '' },
    });
    const list = [route('post', { ...ANY, method: 'POST' }), route('first', ANY), route('second', ANY)];
    expect(matchRoute(list, request())?.name).to.equal('first');
    expect(matchRoute(list, request({ method: 'POST' }))?.name).to.equal('post');
    expect(matchRoute([], request())).to.equal(undefined);
  });

  it('prefers exact hosts, then the longest wildcard', () => {
    const host = (hostname: string): HostIr => ({ hostname, routes: [], models: [] });
    const hosts = ['*', '*.com', '*.example.com', 'a.example.com'].map(host);
    const chosen = (authority: string): string | undefined => chooseHost(hosts, authority)?.hostname;
    expect(chosen('A.example.com:8080')).to.equal('a.example.com');
    expect(chosen('b.example.com')).to.equal('*.example.com');
    expect(chosen('x.b.example.com')).to.equal('*.example.com');
    expect(chosen('example.com')).to.equal('*.com');
    expect(chosen('example.org')).to.equal('*');
    expect(chooseHost([host('*.example.com')], 'example.com')).to.equal(undefined);
  });
});
