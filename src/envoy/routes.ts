import {
  API_ENDPOINTS,
  type ApiEndpoint,
  type BackendIr,
  type EndpointPrefixes,
  type FilterChainIr,
  type ForwardIr,
  type GatewayIr,
  type HostIr,
  type MatchIr,
  MODEL_HEADER,
  type RouteIr,
} from '../ir/index.ts';
import { pathMatches } from '../ir/match.ts';
import type { Finding } from '../lib/findings.ts';
import { directAnswer, errorBody } from './answers.ts';
import { apiHeaderOf, endpointPath } from './api-classes.ts';
import type { Capabilities } from './capabilities.ts';
import { forwardRoute, INVALID_BACKEND, redirectRoute } from './forward-route.ts';
import { inferenceTarget, routeAction } from './inference-route.ts';
import { lackingFinding, reducedFinding } from './lack-findings.ts';
import { limitNeeds, limitsOfRoute } from './limits.ts';
import { routeFactsMetadata } from './lua.ts';
import { hasHeader, headerInput } from './match-predicates.ts';
import { emitMatchTree } from './match-tree.ts';
import { emitModelList, modelListBytes } from './model-list.ts';
import { API_HEADER, CLIENT_CREDENTIAL_HEADERS, NOTE_HEADER, PATH_HEADER } from './names.ts';
import type { CompileOptions } from './options.ts';
import { overrideHeaders } from './override-headers.ts';
import type { EnvoyResource } from './resource.ts';
import type {
  ConfigRouteV3RouteConfiguration,
  ConfigRouteV3VirtualHost,
  XdsTypeMatcherV3MatcherOnMatch,
} from './schema/index.ts';
import { REMOVED_EVERYWHERE } from './stripped-headers.ts';

export interface RouteContext {
  readonly gateway: GatewayIr;
  readonly backends: ReadonlyMap<string, BackendIr>;
  /** Names of the backends whose attempts need no script. */
  readonly plain: ReadonlySet<string>;
  readonly capabilities: Capabilities;
  readonly options: Pick<CompileOptions, 'processor'>;
}

/** The route configuration of a filter chain, and what this Envoy cannot serve of it. */
export function emitRoutes(
  chain: FilterChainIr,
  context: RouteContext,
): { resource: EnvoyResource; findings: Finding[] } {
  const findings: Finding[] = [];
  const largestList = Math.max(4096, ...chain.hosts.map((host) => modelListBytes(host.models)));
  const message: ConfigRouteV3RouteConfiguration = {
    name: chain.routeConfigName,
    // Stripped before the first choice of a route: a filter would be too late for what a client forged.
    internal_only_headers: [MODEL_HEADER, API_HEADER, NOTE_HEADER],
    // The script has read them by the time a request is routed: they are for the gateway, not for a plain service either.
    request_headers_to_remove: removedHeaders(context.gateway),
    ignore_port_in_host_matching: true,
    max_direct_response_body_size_bytes: largestList,
    virtual_hosts: chain.hosts.map((host) => emitHost(host, context, findings)),
  };
  return { resource: { type: 'route', name: chain.routeConfigName, message, requires: [] }, findings };
}

/**
 * Internal headers, and those with credentials for the gateway to use; one that a policy names and that services know too
 * stays for them.
 */
function removedHeaders({ backends }: GatewayIr): string[] {
  const named = backends.flatMap(overrideHeaders);
  const common: readonly string[] = [...CLIENT_CREDENTIAL_HEADERS, 'cookie', 'proxy-authorization'];
  return [...new Set([...REMOVED_EVERYWHERE, ...named.filter((name) => !common.includes(name))])].sort();
}

function emitHost(host: HostIr, context: RouteContext, findings: Finding[]): ConfigRouteV3VirtualHost {
  const { gateway } = context;
  const inference = host.routes.some((route) => route.match.inference);
  const target = (route: RouteIr): XdsTypeMatcherV3MatcherOnMatch => routeTarget(route, context, findings);
  const plain = emitMatchTree(
    host.routes.filter((route) => !route.match.inference),
    target,
    notFound(gateway),
  );
  const root = inference ? emitInferenceHost(host, context, target, plain) : plain;
  return {
    name: host.hostname,
    domains: [host.hostname],
    request_body_buffer_limit: gateway.maxRequestBodyBytes,
    // The root of a virtual host is a matcher; where there is nothing to match, one that never matches.
    matcher: root.matcher ?? {
      matcher_tree: { input: headerInput(API_HEADER), exact_match_map: { map: { '-': root } } },
      on_no_match: root,
    },
  };
}

/**
 * A request for an inference endpoint meets the tree twice: first to be read, and once its model is known to find its
 * route. All others meet the routes of plain HTTP alone.
 */
function emitInferenceHost(
  host: HostIr,
  context: RouteContext,
  target: (route: RouteIr) => XdsTypeMatcherV3MatcherOnMatch,
  plain: XdsTypeMatcherV3MatcherOnMatch,
): XdsTypeMatcherV3MatcherOnMatch {
  const { endpointPrefixes } = context.gateway;
  const reachable = host.routes.filter(({ match }) => match.inference || takesInferencePath(match, endpointPrefixes));
  const read = emitMatchTree(reachable, target, unknownModel());
  const unread = Object.fromEntries(
    API_ENDPOINTS.map((endpoint) => [endpointPath(endpoint, endpointPrefixes), unreadRoute(endpoint, context)]),
  );
  const byMethod: XdsTypeMatcherV3MatcherOnMatch = {
    matcher: {
      matcher_tree: {
        input: headerInput(':method'),
        exact_match_map: {
          map: {
            POST: { matcher: { matcher_tree: { input: headerInput(PATH_HEADER), exact_match_map: { map: unread } } } },
            GET: emitModelList(host.models, endpointPrefixes),
          },
        },
      },
      on_no_match: plain,
    },
  };
  return {
    matcher: {
      matcher_list: { matchers: [{ predicate: hasHeader(API_HEADER), on_match: read }] },
      on_no_match: byMethod,
    },
  };
}

function takesInferencePath({ method, path }: MatchIr, prefixes: EndpointPrefixes): boolean {
  if (method !== undefined && method !== 'POST') return false;
  return path === undefined || API_ENDPOINTS.some((endpoint) => pathMatches(path, endpointPath(endpoint, prefixes)));
}

/**
 * The route of an inference request until its body is read. It has a cluster, though a missing one, since only such
 * routes take the body limit of their virtual host. An Envoy that cannot run the script says so.
 */
function unreadRoute(endpoint: ApiEndpoint, { capabilities }: RouteContext): XdsTypeMatcherV3MatcherOnMatch {
  if (capabilities.features.has('lua')) {
    return routeAction({
      name: 'headgate/unread',
      match: { prefix: '/' },
      route: { cluster: INVALID_BACKEND },
      metadata: routeFactsMetadata({
        endpoint: endpoint.name,
        api: endpoint.api,
        class: apiHeaderOf(endpoint),
        ...(endpoint.streamOptions && { stream_options: true }),
      }),
    });
  }
  const { api } = endpoint;
  const type = api === 'anthropic' ? 'api_error' : 'server_error';
  const message = 'This proxy cannot serve this API.';
  return routeAction(directAnswer(`headgate/unread/${api}`, 501, errorBody(api, type, 'not_implemented', message)));
}

function routeTarget(route: RouteIr, context: RouteContext, findings: Finding[]): XdsTypeMatcherV3MatcherOnMatch {
  const { action } = route;
  switch (action.kind) {
    case 'inference': {
      const { onMatch, lacking, leftOut } = inferenceTarget(route, action.rule, context);
      findings.push(...lacking.map((feature) => lackingFinding(route, feature, context.capabilities)));
      findings.push(...leftOut.map((what) => reducedFinding(route, what, context.capabilities)));
      return onMatch;
    }
    case 'forward':
      return limitedForward(route, action.forward, context, findings);
    case 'redirect':
      return routeAction(redirectRoute(route, action.redirect));
    case 'respond':
      return routeAction(
        directAnswer(
          route.name,
          action.status,
          errorBody('openai', 'server_error', 'route_not_usable', action.message),
        ),
      );
  }
}

/** An Envoy that cannot tell who a limit is for does not serve its route. */
function limitedForward(
  route: RouteIr,
  forward: ForwardIr,
  { capabilities }: RouteContext,
  findings: Finding[],
): XdsTypeMatcherV3MatcherOnMatch {
  const lacking = limitNeeds(route).filter((need) => !capabilities.features.has(need));
  if (lacking.length === 0)
    return routeAction({ ...forwardRoute(route, forward), ...limitsOfRoute(route, capabilities) });
  findings.push(...lacking.map((feature) => lackingFinding(route, feature, capabilities)));
  const body = errorBody('openai', 'server_error', 'not_implemented', 'This proxy cannot serve this route.');
  return routeAction(directAnswer(route.name, 501, body));
}

/** No route serves the model: 404. The script names the model in its own answer. */
function unknownModel(): XdsTypeMatcherV3MatcherOnMatch {
  const message = 'The model does not exist or is not served here.';
  const body = errorBody('openai', 'invalid_request_error', 'model_not_found', message);
  return routeAction({
    ...directAnswer('headgate/model-not-found', 404, body),
    metadata: routeFactsMetadata({ name: '', not_found: true, refs: {} }),
  });
}

/** No route serves a path and method: 404 in the shape of the API that the path belongs to. */
function notFound({ endpointPrefixes: { anthropic: prefix } }: GatewayIr): XdsTypeMatcherV3MatcherOnMatch {
  const message = 'No route serves this path and method.';
  const openai = errorBody('openai', 'invalid_request_error', 'not_found', message);
  const anthropic = errorBody('anthropic', 'not_found_error', 'not_found', message);
  const map = {
    [prefix === '' ? '/v1/messages' : `${prefix}/`]: routeAction(
      directAnswer('headgate/not-found/anthropic', 404, anthropic),
    ),
  };
  return {
    matcher: {
      matcher_tree: { input: headerInput(PATH_HEADER), prefix_match_map: { map } },
      on_no_match: routeAction(directAnswer('headgate/not-found', 404, openai)),
    },
  };
}
