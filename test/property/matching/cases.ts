/** Random lists of routes and requests that are likely to meet each other, and the tree compiled from them. */
import fc from 'fast-check';
import { capabilitiesOf, NEWEST_ENVOY } from '../../../src/envoy/index.ts';
import { emitRoutes } from '../../../src/envoy/routes.ts';
import type { FilterChainIr, GatewayIr, MatchIr, PathMatchIr, RouteIr, ValueMatchIr } from '../../../src/ir/index.ts';
import { type MatchRequest, matchRoute } from '../../../src/ir/match.ts';
import { evaluate } from './evaluate.ts';

/** A request as a client sends it. */
export interface ClientRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: readonly (readonly [string, string])[];
  readonly model: string;
}

const MODELS = ['a', 'b', 'a-mini', 'team/a', 'A', 'gpt-4.1'];
const MODEL_REGEXES = ['.*', 'a', 'a.*', '(a|b)', '.+/.+', 'gpt-4.1', '(?i)a', '[^a]+'];
const PATHS = ['/', '/v1', '/v1/chat', '/v1/chat/completions', '/v1/messages', '/x', '/x/y', '/x/', '/xy', '/x/y/z'];
const PATH_REGEXES = ['/x', '/x.*', '/.*/y', '/v1/.*', '/x/[^/]+', '.*q=1', '.*/completions', '/[xv].?'];
const VALUES = ['1', '2', 'one two', 'a,b', '%41'];
const VALUE_REGEXES = ['\\d', '.*', '[^1]+', 'a,.*', 'one.two'];
/** Expressions see a parameter as it was sent; these say the same of the value that it stands for. */
const PARAM_REGEXES = ['\\d', '.*', '[^1]+'];
const INFERENCE: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'openai',
  '/v1/embeddings': 'openai',
  '/tokenize': 'openai-tokenize',
  '/anthropic/v1/messages': 'anthropic',
};

const exactly = (name: string, values: readonly string[]): fc.Arbitrary<ValueMatchIr> =>
  fc.constantFrom(...values).map((value) => ({ name, type: 'exact', value }));

const like = (name: string, regexes: readonly string[]): fc.Arbitrary<ValueMatchIr> =>
  fc.constantFrom(...regexes).map((value) => ({ name, type: 'regex', value }));

const wanted = (name: string): fc.Arbitrary<ValueMatchIr> => fc.oneof(exactly(name, VALUES), like(name, VALUE_REGEXES));

const model = fc.oneof(
  { weight: 4, arbitrary: exactly('x-ai-eg-model', MODELS) },
  { weight: 1, arbitrary: like('x-ai-eg-model', MODEL_REGEXES) },
);

const list = <T>(one: fc.Arbitrary<T>, nameOf: (value: T) => string): fc.Arbitrary<T[]> =>
  fc.uniqueArray(one, { maxLength: 2, selector: nameOf, size: 'small' });

const headers = list(fc.oneof(wanted('x-team'), wanted('x-tier')), ({ name }) => name);
const params = list(
  fc.constantFrom('q', 'r').chain((name) => fc.oneof(exactly(name, VALUES), like(name, PARAM_REGEXES))),
  ({ name }) => name,
);

const pathMatch: fc.Arbitrary<PathMatchIr> = fc.oneof(
  fc.constantFrom(...PATHS).map((value) => ({ type: 'exact', value }) as const),
  fc.constantFrom(...PATHS).map((value) => ({ type: 'prefix', value }) as const),
  fc.constantFrom(...PATH_REGEXES).map((value) => ({ type: 'regex', value }) as const),
);

const inferenceMatch: fc.Arbitrary<MatchIr> = fc
  .tuple(fc.option(model, { freq: 8, nil: undefined }), headers)
  .map(([of, others]) => ({ inference: true, headers: of ? [of, ...others] : others, queryParams: [] }));

const plainMatch: fc.Arbitrary<MatchIr> = fc
  .record({
    path: fc.option(pathMatch, { nil: undefined, freq: 4 }),
    method: fc.option(fc.constantFrom('GET', 'POST', 'PUT'), { nil: undefined, freq: 1 }),
    headers: fc.tuple(fc.option(model, { freq: 1, nil: undefined }), headers),
    queryParams: params,
  })
  .map(({ path, method, headers: [of, others], queryParams }) => ({
    inference: false,
    ...(path && { path }),
    ...(method !== undefined && { method }),
    headers: of ? [of, ...others] : others,
    queryParams,
  }));

/** Routes of one host; each answers with its own name. */
export const routeLists: fc.Arbitrary<RouteIr[]> = fc
  .array(fc.oneof({ weight: 2, arbitrary: inferenceMatch }, { weight: 1, arbitrary: plainMatch }), {
    minLength: 1,
    maxLength: 45,
    size: 'max',
  })
  .map((matches) => matches.map((match, i) => namedRoute(`route-${i}`, match)));

/** A route that answers with its name. */
export function namedRoute(name: string, match: MatchIr): RouteIr {
  return {
    name,
    match,
    origin: { object: 'AIGatewayRoute/default/r', field: [] },
    action: { kind: 'respond', status: 200, message: name },
  };
}

const anyPath = fc.constantFrom(...PATHS, '/x/y//', '/v1/models2', '/other');
const pairs = (...names: string[]): fc.Arbitrary<[string, string][]> =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...VALUES, '3')), {
    maxLength: 2,
    selector: ([name]) => name,
  });

/** Requests: for inference endpoints, for other paths, and with forged internal headers. */
export const clientRequests: fc.Arbitrary<ClientRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'POST', 'POST', 'PUT'),
  path: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...Object.keys(INFERENCE)) },
    { weight: 2, arbitrary: anyPath },
  ),
  query: pairs('q', 'r'),
  headers: fc
    .tuple(
      pairs('x-team', 'x-tier'),
      fc.constantFrom([], [], [
        ['x-ai-eg-model', 'a'],
        ['x-headgate-api', 'openai'],
      ] as [string, string][]),
    )
    .map(([own, forged]) => [...own, ...forged]),
  model: fc.constantFrom(...MODELS),
});

/** The class of endpoint that a request is for, if any. */
export function apiOf(request: ClientRequest): string | undefined {
  return request.method === 'POST' ? INFERENCE[request.path] : undefined;
}

const INTERNAL = ['x-ai-eg-model', 'x-headgate-api'];

/** What the list of routes says. */
export function byList(routes: readonly RouteIr[], request: ClientRequest): string | undefined {
  const api = apiOf(request);
  const headersSeen = new Map(request.headers.filter(([name]) => !INTERNAL.includes(name)));
  if (api !== undefined) headersSeen.set('x-ai-eg-model', request.model);
  const asked: MatchRequest = {
    method: request.method,
    path: normalPath(request.path),
    query: new Map(request.query),
    headers: headersSeen,
    inference: api !== undefined,
  };
  return matchRoute(routes, asked)?.name;
}

/** Slashes are merged before anything is matched. */
function normalPath(path: string): string {
  return path.replace(/\/+/g, '/');
}

/** What the tree says to a request whose body was read. */
export function byTree(matcher: unknown, request: ClientRequest): string | undefined {
  const api = apiOf(request);
  const seen = new Map<string, string>(request.headers.filter(([name]) => !INTERNAL.includes(name)));
  seen.set(':method', request.method);
  seen.set('x-headgate-path', normalPath(request.path));
  if (api !== undefined) seen.set('x-headgate-api', api).set('x-ai-eg-model', request.model);
  const name = evaluate(matcher, { headers: seen, query: rawQuery(request) });
  return name?.startsWith('headgate/') ? undefined : name;
}

function rawQuery(request: ClientRequest): Map<string, string> {
  const text = queryOf(request);
  return new Map(text.split('&').flatMap((pair) => [pair.split('=') as [string, string]]));
}

/** The query of a request as it is sent. */
export function queryOf(request: ClientRequest): string {
  return new URLSearchParams(Object.fromEntries(request.query)).toString();
}

/** A gateway whose hosts have these routes. */
export function chainOf(hosts: Readonly<Record<string, readonly RouteIr[]>>): FilterChainIr {
  return {
    listenerName: 'http',
    routeConfigName: 'routes',
    serverNames: [],
    hosts: Object.entries(hosts).map(([hostname, routes]) => ({ hostname, routes, models: [] })),
  };
}

export function gatewayOf(chain: FilterChainIr, port = 8080): GatewayIr {
  return {
    key: 'default/gw',
    origin: { object: 'Gateway/default/gw', field: [] },
    listeners: [{ name: 'listener', address: '127.0.0.1', port, chains: [chain] }],
    backends: [],
    secrets: [],
    endpointPrefixes: { openai: '', anthropic: '/anthropic', cohere: '/cohere' },
    maxRequestBodyBytes: 33_554_432,
  };
}

/** The matcher of a host with these routes. */
export function treeOf(routes: readonly RouteIr[]): unknown {
  const chain = chainOf({ '*': routes });
  const context = {
    gateway: gatewayOf(chain),
    backends: new Map(),
    plain: new Set<string>(),
    options: {},
    capabilities: capabilitiesOf(NEWEST_ENVOY),
  };
  const { message } = emitRoutes(chain, context).resource;
  return (message as { virtual_hosts: { matcher: unknown }[] }).virtual_hosts[0]?.matcher;
}
