import { expect } from 'chai';
import fc from 'fast-check';
import { byList, byTree, clientRequests, namedRoute, routeLists, treeOf } from './matching/cases.ts';

const ONE_OF_MODEL = (name: string, value: string, type: 'exact' | 'regex' = 'exact') =>
  namedRoute(name, { inference: true, headers: [{ name: 'x-ai-eg-model', type, value }], queryParams: [] });

describe('matcher tree', function () {
  this.timeout(60_000);

  it('says what the list of routes says', () => {
    let served = 0;
    fc.assert(
      fc.property(
        routeLists,
        fc.array(clientRequests, { minLength: 30, maxLength: 30, size: 'max' }),
        (routes, requests) => {
          const tree = treeOf(routes);
          for (const request of requests) {
            const expected = byList(routes, request);
            if (expected !== undefined) served++;
            expect(byTree(tree, request), JSON.stringify(request)).to.equal(expected);
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(served).to.be.greaterThan(1000);
  });

  it('keeps one map of models where expressions between them cannot match', () => {
    const routes = Array.from({ length: 200 }, (_, i) =>
      i % 2 === 0 ? ONE_OF_MODEL(`exact-${i}`, `model-${i}`) : ONE_OF_MODEL(`family-${i}`, `family-${i}/.*`, 'regex'),
    );
    const text = JSON.stringify(treeOf(routes));
    expect(text.split('"exact_match_map":{"map":{"model-').length - 1).to.equal(1);
  });

  it('does not move a route past an expression that takes its model', () => {
    const routes = [
      ONE_OF_MODEL('first', 'x'),
      ONE_OF_MODEL('any', 'a.*', 'regex'),
      ONE_OF_MODEL('late', 'ab'),
      ONE_OF_MODEL('other', 'b'),
    ];
    const ask = (model: string) =>
      byTree(treeOf(routes), { method: 'POST', path: '/v1/chat/completions', query: [], headers: [], model });
    expect([ask('ab'), ask('b'), ask('x'), ask('c')]).to.deep.equal(['any', 'other', 'first', undefined]);
  });

  it('of 5,000 models between 50 expressions is compiled in a few seconds', () => {
    const routes = Array.from({ length: 5050 }, (_, i) =>
      i % 101 === 100 ? ONE_OF_MODEL(`r-${i}`, `family-${i}/.*`, 'regex') : ONE_OF_MODEL(`m-${i}`, `model-${i}`),
    );
    const tree = treeOf(routes);
    const ask = (model: string) =>
      byTree(tree, { method: 'POST', path: '/v1/chat/completions', query: [], headers: [], model });
    expect([ask('model-5000'), ask('family-100/x'), ask('model-none')]).to.deep.equal(['m-5000', 'r-100', undefined]);
  });
});
