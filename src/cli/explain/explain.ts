import {
  API_ENDPOINTS,
  type ApiEndpoint,
  type FilterChainIr,
  type GatewayIr,
  type HostIr,
  type ListenerIr,
  MODEL_HEADER,
  type RouteIr,
} from '../../ir/index.ts';
import { chooseHost, chooseName, firstMismatch, type MatchRequest, type Mismatch, matchRoute } from '../../ir/match.ts';
import { formatFieldPath } from '../../lib/findings.ts';
import { type BodyReading, readModel } from './body.ts';
import type { ExplainedGateway, ListenerExplanation, OtherRoute, Outcome, RouteExplanation } from './explanation.ts';
import { explainAction } from './outcome.ts';
import type { ClientRequest } from './request.ts';

/** What the request is to one gateway: its prefixes decide whether a path is an inference endpoint. */
interface Reading {
  readonly endpoint?: ApiEndpoint;
  readonly body?: BodyReading;
  readonly match: MatchRequest;
}

/** The inference endpoint of a gateway that a request asks for. */
function endpointOf(gateway: GatewayIr, request: ClientRequest): ApiEndpoint | undefined {
  if (request.method !== 'POST') return undefined;
  return API_ENDPOINTS.find(({ api, path }) => `${gateway.endpointPrefixes[api]}/${path}` === request.path);
}

/** What a gateway makes of a request. */
export interface GatewayExplanation {
  readonly endpoint?: string;
  readonly model?: string;
  /** Of the listeners that the request may come to. */
  readonly listeners: readonly ListenerExplanation[];
}

export function explainGateway(explained: ExplainedGateway, request: ClientRequest): GatewayExplanation {
  const endpoint = endpointOf(explained.gateway, request);
  const body = endpoint && readModel(request.body, request.headers);
  return {
    ...(endpoint && { endpoint: endpoint.name }),
    ...(body?.ok && { model: body.model }),
    listeners: explained.gateway.listeners
      .filter((listener) => request.port === undefined || listener.port === request.port)
      .flatMap((listener) =>
        chainsFor(listener, request).map((chain) => explainChain(explained, listener, chain, request)),
      ),
  };
}

/** The chain that TLS chooses by name, and every plaintext one. */
function chainsFor(listener: ListenerIr, request: ClientRequest): FilterChainIr[] {
  const candidates = listener.chains.filter(
    (chain) => request.scheme === undefined || (request.scheme === 'https') === (chain.tls !== undefined),
  );
  if (request.host === '') return candidates;
  const best = chooseName(
    candidates.flatMap((chain) => chain.serverNames),
    request.host,
  );
  return candidates.filter((chain) =>
    best === undefined ? chain.serverNames.length === 0 : chain.serverNames.includes(best),
  );
}

function explainChain(
  explained: ExplainedGateway,
  listener: ListenerIr,
  chain: FilterChainIr,
  request: ClientRequest,
): ListenerExplanation {
  const { gateway } = explained;
  const place = {
    gateway: gateway.key,
    listener: chain.listenerName,
    address: listener.address.includes(':')
      ? `[${listener.address}]:${listener.port}`
      : `${listener.address}:${listener.port}`,
    tls: chain.tls !== undefined,
  };
  const host = chooseHost(chain.hosts, request.host);
  if (host === undefined) {
    const message =
      request.host === ''
        ? "no host takes a request without a name: add -H 'Host: NAME'"
        : `no route is for the host ${request.host}`;
    return { ...place, outcome: answer(404, message), others: [] };
  }
  const reading = readRequest(gateway, host, request);
  const early = earlyOutcome(gateway, host, request, reading);
  if (early) return { ...place, host: host.hostname, outcome: early, others: [] };
  const route = matchRoute(host.routes, reading.match);
  const model = reading.body?.ok ? reading.body.model : undefined;
  return {
    ...place,
    host: host.hostname,
    ...(route && { route: describeRoute(route) }),
    outcome: route
      ? explainAction(route, explained, request, { endpoint: reading.endpoint, model })
      : notFound(reading),
    others: otherRoutes(host.routes, route, reading.match),
  };
}

function answer(status: number, message: string): Outcome {
  return { kind: 'answer', status, message };
}

/** The body is read only where it is asked for: on inference endpoints of hosts with inference routes. */
function readRequest(gateway: GatewayIr, host: HostIr, request: ClientRequest): Reading {
  const endpoint = host.routes.some((route) => route.match.inference) ? endpointOf(gateway, request) : undefined;
  const body = endpoint && readModel(request.body, request.headers);
  const headers = new Map(request.headers);
  if (body?.ok) headers.set(MODEL_HEADER, body.model);
  const { method, path, query } = request;
  return {
    ...(endpoint && { endpoint }),
    ...(body && { body }),
    match: { method, path, query, headers, inference: body?.ok === true },
  };
}

/** What is decided before routes are. */
function earlyOutcome(gateway: GatewayIr, host: HostIr, request: ClientRequest, reading: Reading): Outcome | undefined {
  const { openai, anthropic } = gateway.endpointPrefixes;
  const isList = request.method === 'GET' && [`${openai}/v1/models`, `${anthropic}/v1/models`].includes(request.path);
  if (isList && host.routes.some((route) => route.match.inference)) {
    return { kind: 'models', models: host.models.map(({ id, ownedBy }) => ({ id, ownedBy })) };
  }
  if (reading.endpoint === undefined) return undefined;
  const bytes = Buffer.byteLength(request.body);
  if (bytes > gateway.maxRequestBodyBytes) {
    return answer(413, `the body has ${bytes} bytes, and ${gateway.maxRequestBodyBytes} are allowed`);
  }
  return reading.body?.ok === false ? answer(reading.body.status, reading.body.message) : undefined;
}

function notFound({ body, endpoint }: Reading): Outcome {
  if (endpoint && body?.ok) return answer(404, `the model "${body.model}" does not exist or is not served here`);
  return answer(404, 'no route serves this path and method');
}

function describeRoute(route: RouteIr): RouteExplanation {
  const { inference, path, method, headers, queryParams } = route.match;
  return {
    name: route.name,
    object: route.origin.object,
    field: formatFieldPath(route.origin.field),
    conditions: [
      ...(inference ? ['inference endpoint'] : []),
      ...(path ? [`path ${describeValue(path)}`] : []),
      ...(method === undefined ? [] : [`method ${method}`]),
      ...headers.map((header) => `header ${header.name} ${describeValue(header)}`),
      ...queryParams.map((param) => `query ${param.name} ${describeValue(param)}`),
    ],
  };
}

function describeValue({ type, value }: { type: 'exact' | 'prefix' | 'regex'; value: string }): string {
  return type === 'exact' ? `= "${value}"` : type === 'prefix' ? `begins with "${value}"` : `matches "${value}"`;
}

/** Routes in front of the one that serves did not match; of those behind it, the ones that would have. */
function otherRoutes(routes: readonly RouteIr[], serving: RouteIr | undefined, request: MatchRequest): OtherRoute[] {
  return routes
    .filter((route) => route !== serving)
    .map((route) => {
      const mismatch = firstMismatch(route.match, request);
      const reason =
        mismatch === undefined ? 'matches too, but stands behind the one that serves' : describeMismatch(mismatch);
      return { name: route.name, reason };
    });
}

function describeMismatch(mismatch: Mismatch): string {
  switch (mismatch.kind) {
    case 'inference':
      return 'takes inference requests alone, and this is none';
    case 'path':
      return `wants path ${describeValue(mismatch.wanted)}`;
    case 'method':
      return `wants method ${mismatch.wanted}, got ${mismatch.got}`;
    case 'header':
    case 'query': {
      const { kind, wanted, got } = mismatch;
      return `wants ${kind} ${wanted.name} ${describeValue(wanted)}, ${got === undefined ? 'which is absent' : `got ${shownValue(kind, wanted.name, got)}`}`;
    }
  }
}

/** Values of the client's headers may be secret, but for the model. */
function shownValue(kind: 'header' | 'query', name: string, value: string): string {
  return kind === 'header' && name !== MODEL_HEADER ? 'another value' : `"${value}"`;
}
