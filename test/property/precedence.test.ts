import { expect } from 'chai';
import fc from 'fast-check';
import type { MatchIr } from '../../src/ir/index.ts';
import { compareRoutes, conditionsOf, type RankedRoute } from '../../src/policy/routes/precedence.ts';

const values = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('a', 'b'), type: fc.constant('exact' as const), value: fc.constantFrom('1', '2') }),
  { maxLength: 2, selector: ({ name }) => name },
);
const path = fc.record({
  type: fc.constantFrom('exact' as const, 'prefix' as const),
  value: fc.constantFrom('/a', '/a/b', '/a/b/c'),
});
const match: fc.Arbitrary<MatchIr> = fc.record(
  { inference: fc.constant(false), path, method: fc.constantFrom('GET', 'POST'), headers: values, queryParams: values },
  { requiredKeys: ['inference', 'headers', 'queryParams'] },
);
const routes = fc.array(match, { minLength: 1, maxLength: 12 }).map((matches) =>
  matches.map(
    (one, index): RankedRoute => ({
      route: {
        name: String(index),
        origin: { object: '', field: [] },
        match: one,
        action: { kind: 'respond', status: 200, message: '' },
      },
      order: [index, 0, 0],
    }),
  ),
);

interface Request {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

const fields = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'));
const request: fc.Arbitrary<Request> = fc.record({
  path: fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/ab'),
  method: fc.constantFrom('GET', 'POST'),
  headers: fields,
  query: fields,
});

function takes({ path: wanted, method, headers, queryParams }: MatchIr, asked: Request): boolean {
  const isPath =
    wanted === undefined ||
    wanted.value === asked.path ||
    (wanted.type === 'prefix' && asked.path.startsWith(`${wanted.value}/`));
  return (
    isPath &&
    (method === undefined || method === asked.method) &&
    headers.every(({ name, value }) => asked.headers[name] === value) &&
    queryParams.every(({ name, value }) => asked.query[name] === value)
  );
}

function first(all: readonly RankedRoute[], asked: Request): string | undefined {
  return all.find(({ route }) => takes(route.match, asked))?.route.name;
}

describe('property: precedence', () => {
  it('orders routes the same, whatever order they come in', () => {
    fc.assert(
      fc.property(routes, fc.nat(), (all, turn) => {
        const names = (list: readonly RankedRoute[]): string[] =>
          [...list].sort(compareRoutes).map((r) => r.route.name);
        const at = turn % all.length;
        expect(names([...all.slice(at), ...all.slice(0, at)].reverse())).to.deep.equal(names(all));
      }),
    );
  });

  it('hides a route only behind one with the same conditions', () => {
    fc.assert(
      fc.property(routes, fc.array(request, { minLength: 20, maxLength: 20 }), (all, requests) => {
        const sorted = [...all].sort(compareRoutes);
        const seen = new Set<string>();
        const hidden = sorted.filter(({ route }) => {
          const key = conditionsOf(route.match);
          return seen.has(key) || !seen.add(key);
        });
        const names = new Set(hidden.map(({ route }) => route.name));
        for (const asked of requests) expect(names.has(first(sorted, asked) ?? '')).to.equal(false);
      }),
    );
  });

  it('prefers the longest path, then method, headers and query parameters', () => {
    fc.assert(
      fc.property(routes, request, (all, asked) => {
        const sorted = [...all].sort(compareRoutes);
        const winner = sorted.find(({ route }) => takes(route.match, asked))?.route.match;
        const rank = ({ path: wanted, method, headers, queryParams }: MatchIr): number[] => [
          wanted?.type === 'exact' ? 1 : 0,
          wanted?.value.length ?? 1,
          method === undefined ? 0 : 1,
          headers.length,
          queryParams.length,
        ];
        for (const { route } of all) {
          if (!winner || !takes(route.match, asked)) continue;
          const [a, b] = [rank(winner), rank(route.match)];
          const differs = a.findIndex((value, i) => value !== b[i]);
          expect(differs < 0 || (a[differs] ?? 0) > (b[differs] ?? 0)).to.equal(true);
        }
      }),
    );
  });
});
