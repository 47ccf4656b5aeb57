import { endpointPath } from '../envoy/api-classes.ts';
import {
  API_ENDPOINTS,
  type ApiEndpoint,
  type FilterChainIr,
  type GatewayIr,
  type HostIr,
  type ListenerIr,
  MODEL_HEADER,
  modelOf,
  type RouteIr,
} from '../ir/index.ts';
import { type MatchRequest, matchRoute } from '../ir/match.ts';
import { nativePath } from '../providers/index.ts';

/** What `run` prints once Envoy serves: the URL of each listener and a request that works there. */
export function welcome(gateway: GatewayIr): string {
  const lines: string[] = [];
  for (const listener of gateway.listeners) {
    // Who does not name one of these in the handshake is not answered.
    const names = listener.chains.flatMap((chain) => chain.serverNames);
    const where = names.length === 0 ? '' : ` (${names.join(', ')})`;
    lines.push(`Gateway ${gateway.key} serves ${listenerUrl(listener)}${where}`);
    const request = sampleRequest(gateway, listener);
    if (request) lines.push('', ...request, '');
  }
  return `${lines.join('\n')}\n`;
}

function listenerUrl(listener: ListenerIr): string {
  const scheme = listener.chains.some((chain) => chain.tls) ? 'https' : 'http';
  return `${scheme}://${localAddress(listener)}:${listener.port}`;
}

function localAddress({ address }: ListenerIr): string {
  const local = ['0.0.0.0', '::'].includes(address) ? '127.0.0.1' : address;
  return local.includes(':') ? `[${local}]` : local;
}

interface Sample {
  readonly endpoint: ApiEndpoint;
  readonly model: string;
  /** What the route asks for beside the model. */
  readonly headers: ReadonlyMap<string, string>;
}

/** The lines of a curl command; undefined where no route serves a request that can be told from here. */
function sampleRequest(gateway: GatewayIr, listener: ListenerIr): string[] | undefined {
  for (const chain of listener.chains) {
    for (const host of chain.hosts) {
      const sample = findSample(gateway, host);
      if (sample) return curl(gateway, listener, chain, host, sample);
    }
  }
  return undefined;
}

function curl(
  { endpointPrefixes }: GatewayIr,
  listener: ListenerIr,
  { tls, serverNames }: FilterChainIr,
  { hostname }: HostIr,
  { endpoint, model, headers }: Sample,
): string[] {
  const name = (hostname === '*' ? (serverNames[0] ?? '') : hostname).replace('*', 'www');
  const path = endpointPath(endpoint, endpointPrefixes);
  // A name goes into the handshake only as part of the URL.
  const target =
    tls && name !== ''
      ? `-k --resolve ${name}:${listener.port}:${localAddress(listener)} https://${name}:${listener.port}${path}`
      : `${tls ? '-k ' : ''}${listenerUrl(listener)}${path}`;
  const all = [
    'content-type: application/json',
    ...(endpoint.api === 'anthropic' ? ['anthropic-version: 2023-06-01'] : []),
    ...(!tls && name !== '' ? [`host: ${name}`] : []),
    ...[...headers].map(([header, value]) => `${header}: ${value}`),
  ];
  const body = JSON.stringify({ model, ...BODIES[endpoint.api] });
  return [`curl ${target} \\`, ...all.map((header) => `  -H ${quoted(header)} \\`), `  -d ${quoted(body)}`];
}

const MESSAGES = [{ role: 'user', content: 'Hello' }];
const BODIES = {
  openai: { messages: MESSAGES },
  anthropic: { max_tokens: 100, messages: MESSAGES },
  cohere: { query: 'Hello', documents: ['Hello', 'Goodbye'] },
} as const;

/** Tried in this order. */
const SAMPLE_ENDPOINTS = (['chat_completions', 'messages', 'rerank'] as const).flatMap((name) =>
  API_ENDPOINTS.filter((endpoint) => endpoint.name === name),
);

/** For routes that name no model, or a pattern of models. */
const KNOWN_MODELS = { openai: 'gpt-4o-mini', anthropic: 'claude-haiku-4-5', cohere: 'rerank-v3.5' } as const;

function findSample(gateway: GatewayIr, host: HostIr): Sample | undefined {
  for (const endpoint of SAMPLE_ENDPOINTS) {
    for (const route of host.routes) {
      if (!servesApi(gateway, route, endpoint)) continue;
      const wanted = route.match.headers.filter(({ name }) => name !== MODEL_HEADER);
      const model = modelOf(route);
      const sample = {
        endpoint,
        model: model ?? KNOWN_MODELS[endpoint.api],
        headers: new Map(wanted.map(({ name, value }) => [name, value])),
      };
      if (matchRoute(host.routes, asRequest(gateway, sample)) === route) return sample;
    }
  }
  return undefined;
}

function servesApi({ backends }: GatewayIr, { action }: RouteIr, endpoint: ApiEndpoint): boolean {
  if (action.kind !== 'inference') return false;
  const names = new Set(action.rule.backends.map(({ backend }) => backend));
  return backends.some(
    ({ name, provider }) => names.has(name) && provider && nativePath(endpoint.name, provider) !== undefined,
  );
}

function asRequest({ endpointPrefixes }: GatewayIr, { endpoint, model, headers }: Sample): MatchRequest {
  return {
    method: 'POST',
    path: endpointPath(endpoint, endpointPrefixes),
    query: new Map(),
    headers: new Map([...headers, [MODEL_HEADER, model]]),
    inference: true,
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
