import { expect } from 'chai';
import fc from 'fast-check';
import { byList, byTree, clientRequests, namedRoute, routeLists, treeOf } from './matching/cases.ts';

/** A route of one model, or of those that an expression takes; with `team`, of requests of that team alone. */
function ofModel(name: string, value: string, type: 'exact' | 'regex' = 'exact', team?: string) {
  const headers = [
    { name: 'x-ai-eg-model', type, value },
    ...(team === undefined ? [] : [{ name: 'x-team', type: 'exact', value: team } as const]),
  ];
  return namedRoute(name, { inference: true, headers, queryParams: [] });
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

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
      i % 2 === 0 ? ofModel(`exact-${i}`, `model-${i}`) : ofModel(`family-${i}`, `family-${i}/.*`, 'regex'),
    );
    const text = JSON.stringify(treeOf(routes));
    expect(text.split('"exact_match_map":{"map":{"model-').length - 1).to.equal(1);
  });

  it('does not move a route past an expression that takes its model', () => {
    const routes = [
      ofModel('first', 'x'),
      ofModel('any', 'a.*', 'regex'),
      ofModel('late', 'ab'),
      ofModel('other', 'b'),
    ];
    const ask = (model: string) =>
      byTree(treeOf(routes), { method: 'POST', path: '/v1/chat/completions', query: [], headers: [], model });
    expect([ask('ab'), ask('b'), ask('x'), ask('c')]).to.deep.equal(['any', 'other', 'first', undefined]);
  });

  it('does not nest with the number of routes', () => {
    const routes = Array.from({ length: 300 }, (_, i) =>
      i % 2 === 0 ? ofModel(`r-${i}`, `model-${i}`) : ofModel(`r-${i}`, `(model-.*|m-${i})`, 'regex', `team-${i}`),
    );
    const tree = treeOf(routes);
    expect(depthOf(tree)).to.be.lessThan(90);
    const ask = (model: string, team?: string) =>
      byTree(tree, {
        method: 'POST',
        path: '/v1/chat/completions',
        query: [],
        headers: team === undefined ? [] : [['x-team', team]],
        model,
      });
    expect([ask('model-0'), ask('model-298'), ask('m-7', 'team-7'), ask('m-299', 'team-299')]).to.deep.equal([
      'r-0',
      'r-298',
      'r-7',
      'r-299',
    ]);
    expect([ask('model-298', 'team-297'), ask('model-296', 'team-297'), ask('m-9')]).to.deep.equal([
      'r-297',
      'r-296',
      undefined,
    ]);
  });

  it('of 5,000 models between 50 expressions is compiled in a few seconds', () => {
    const routes = Array.from({ length: 5050 }, (_, i) =>
      i % 101 === 100 ? ofModel(`r-${i}`, `family-${i}/.*`, 'regex') : ofModel(`m-${i}`, `model-${i}`),
    );
    const tree = treeOf(routes);
    const ask = (model: string) =>
      byTree(tree, { method: 'POST', path: '/v1/chat/completions', query: [], headers: [], model });
    expect([ask('model-5000'), ask('family-100/x'), ask('model-none')]).to.deep.equal(['m-5000', 'r-100', undefined]);
  });
});
