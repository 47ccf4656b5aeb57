import {
  API_ENDPOINTS,
  type BackendIr,
  type FilterChainIr,
  type GatewayIr,
  type HostIr,
  type RouteIr,
} from '../ir/index.ts';
import type { Finding } from '../lib/findings.ts';
import { formatFieldPath } from '../lib/findings.ts';
import { directAnswer, errorBody } from './answers.ts';
import { type Capabilities, describeFeature, type EnvoyFeature } from './capabilities.ts';
import { forwardRoute, redirectRoute } from './forward-route.ts';
import { inferenceTarget, routeAction } from './inference-route.ts';
import { routeFactsMetadata } from './lua.ts';
import { emitMatchTree, headerInput } from './match-tree.ts';
import { emitModelList, modelListBytes } from './model-list.ts';
import { API_HEADER, INTERNAL_HEADERS, LUA_FILTER } from './names.ts';
import type { EnvoyResource } from './resource.ts';
import type {
  ConfigRouteV3RouteConfiguration,
  ConfigRouteV3VirtualHost,
  XdsTypeMatcherV3MatcherOnMatch,
} from './schema/index.ts';

export interface RouteContext {
  readonly gateway: GatewayIr;
  readonly backends: ReadonlyMap<string, BackendIr>;
  readonly capabilities: Capabilities;
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
    internal_only_headers: INTERNAL_HEADERS,
    ignore_port_in_host_matching: true,
    max_direct_response_body_size_bytes: largestList,
    virtual_hosts: chain.hosts.map((host) => emitHost(host, context, findings)),
  };
  return { resource: { type: 'route', name: chain.routeConfigName, message, requires: [] }, findings };
}

function emitHost(host: HostIr, context: RouteContext, findings: Finding[]): ConfigRouteV3VirtualHost {
  const { gateway } = context;
  const inference = host.routes.some((route) => route.match.inference);
  const target = (route: RouteIr): XdsTypeMatcherV3MatcherOnMatch => routeTarget(route, context, findings);
  const tree = emitMatchTree(host.routes, target, notFound(context), inferencePaths(gateway));
  const root = inference ? emitModelList(host.models, gateway.endpointPrefixes, tree) : tree;
  return {
    name: host.hostname,
    domains: [host.hostname],
    request_body_buffer_limit: gateway.maxRequestBodyBytes,
    ...(inference && { metadata: { filter_metadata: { [LUA_FILTER]: { inference: true } } } }),
    // The root of a virtual host is a matcher; where there is nothing to match, one that never matches.
    matcher: root.matcher ?? {
      matcher_tree: { input: headerInput(API_HEADER), exact_match_map: { map: { '-': root } } },
      on_no_match: root,
    },
  };
}

function inferencePaths(gateway: GatewayIr): string[] {
  return API_ENDPOINTS.map((endpoint) => `${gateway.endpointPrefixes[endpoint.api]}/${endpoint.path}`);
}

function routeTarget(route: RouteIr, context: RouteContext, findings: Finding[]): XdsTypeMatcherV3MatcherOnMatch {
  const { action } = route;
  switch (action.kind) {
    case 'inference': {
      const { onMatch, lacking } = inferenceTarget(route, action.rule, context.backends, context.capabilities);
      findings.push(...lacking.map((feature) => lackingFinding(route, feature, context.capabilities)));
      return onMatch;
    }
    case 'forward':
      return routeAction(forwardRoute(route, action.forward));
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

function lackingFinding(route: RouteIr, feature: EnvoyFeature, capabilities: Capabilities): Finding {
  return {
    code: 'HG0601',
    level: 'error',
    message: `Envoy ${capabilities.version} cannot serve this rule (501): it lacks ${describeFeature(feature)}`,
    object: route.origin.object,
    field: formatFieldPath(route.origin.field),
    scope: `Envoy ${capabilities.version}`,
  };
}

/** Where no route matches: 404 in the shape of the API. The script names the model in its own answer. */
function notFound(context: RouteContext): XdsTypeMatcherV3MatcherOnMatch {
  const { endpointPrefixes } = context.gateway;
  const unknownModel = routeAction({
    ...directAnswer(
      'headgate/model-not-found',
      404,
      errorBody(
        'openai',
        'invalid_request_error',
        'model_not_found',
        'The model does not exist or is not served here.',
      ),
    ),
    metadata: routeFactsMetadata({ name: '', not_found: true, refs: {} }),
  });
  const message = 'No route serves this path and method.';
  const openai = routeAction(
    directAnswer('headgate/not-found', 404, errorBody('openai', 'invalid_request_error', 'not_found', message)),
  );
  const anthropic = routeAction(
    directAnswer('headgate/not-found/anthropic', 404, errorBody('anthropic', 'not_found_error', 'not_found', message)),
  );
  const byPath: XdsTypeMatcherV3MatcherOnMatch =
    endpointPrefixes.anthropic === ''
      ? openai
      : {
          matcher: {
            matcher_tree: {
              input: headerInput(':path'),
              prefix_match_map: { map: { [`${endpointPrefixes.anthropic}/`]: anthropic } },
            },
            on_no_match: openai,
          },
        };
  return {
    matcher: {
      matcher_tree: {
        input: headerInput(API_HEADER),
        prefix_match_map: { map: { openai: unknownModel, anthropic: unknownModel, cohere: unknownModel } },
      },
      on_no_match: byPath,
    },
  };
}
