/** Where limits meet the rest of the configuration: filters of a chain, settings of a route, what an Envoy lacks. */
import type { FilterChainIr, GatewayIr, LimitsIr, RouteIr } from '../ir/index.ts';
import type { Finding } from '../lib/findings.ts';
import type { Capabilities, EnvoyFeature } from './capabilities.ts';
import { localLimitFilter, routeLocalLimits } from './local-limit.ts';
import { headerNoteFilter, notesHeaders, routeHeaderNotes } from './noted-headers.ts';
import type { CompileOptions } from './options.ts';
import { hasQuotas, quotaFilter, type RuleQuotas } from './quotas.ts';
import { rateLimitFilter, routeRateLimits } from './rate-limit.ts';
import type { Any, ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter } from './schema/index.ts';

/** Filters for the limits of a chain: behind the script, which finds the model's route and notes what limits look at. */
export function limitFilters(
  { hosts }: FilterChainIr,
  gateway: GatewayIr,
  capabilities: Capabilities,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  const routes = hosts.flatMap((host) => host.routes);
  const limits = routes.flatMap((route) => route.limits ?? []);
  const quotas = routes.some((route) => hasQuotas(route, gateway));
  return [
    ...(routes.some(notesHeaders) ? [headerNoteFilter()] : []),
    ...(limits.some(({ local }) => local.length > 0) ? [localLimitFilter()] : []),
    ...(quotas || limits.some(({ global }) => global.length > 0) ? [rateLimitFilter(gateway, capabilities)] : []),
    ...(quotas && capabilities.features.has('lua_filter_context') ? [quotaFilter()] : []),
  ];
}

/** Whether the Envoys of a gateway ask the rate limit service. */
export function asksService(gateway: GatewayIr): boolean {
  return countsQuotas(gateway) || limitsOfGateway(gateway).some(({ global }) => global.length > 0);
}

/** Whether any route of a gateway has limits. */
export function isLimited(gateway: GatewayIr): boolean {
  return countsQuotas(gateway) || limitsOfGateway(gateway).length > 0;
}

export function countsQuotas({ backends }: GatewayIr): boolean {
  return backends.some(({ quotas = [] }) => quotas.length > 0);
}

export function limitsOfGateway({ listeners }: GatewayIr): LimitsIr[] {
  return listeners.flatMap(({ chains }) =>
    chains.flatMap(({ hosts }) => hosts.flatMap(({ routes }) => routes.flatMap(({ limits }) => limits ?? []))),
  );
}

/** The limits of a route, for its filters. */
export function limitsOfRoute(
  route: RouteIr,
  capabilities: Capabilities,
  quotas?: RuleQuotas,
): { readonly typed_per_filter_config?: { readonly [name: string]: Any } } {
  const config = {
    ...routeHeaderNotes(route),
    ...routeLocalLimits(route, capabilities),
    ...routeRateLimits(route, capabilities, quotas?.rateLimits ?? []),
  };
  return Object.keys(config).length === 0 ? {} : { typed_per_filter_config: config };
}

/** What the limits of a route need of an Envoy. */
export function limitNeeds({ limits }: RouteIr): EnvoyFeature[] {
  const all = [...(limits?.global ?? []), ...(limits?.local ?? [])];
  const ranges = all.some(({ entries }) => entries.some(({ kind }) => kind === 'address_match'));
  const overrides = limits?.global.some(({ override }) => override !== undefined);
  return [...(ranges ? (['address_match'] as const) : []), ...(overrides ? (['limit_override'] as const) : [])];
}

/** Without a service, what only it can enforce is left out, and said. */
export function withoutService(gateway: GatewayIr, { rateLimit }: CompileOptions): [GatewayIr, Finding[]] {
  if (rateLimit !== undefined || !asksService(gateway)) return [gateway, []];
  const message = 'no rate limit service is configured; its limits and quotas are not enforced';
  const open: GatewayIr = {
    ...gateway,
    backends: gateway.backends.map(({ quotas: _quotas, ...backend }) => backend),
    listeners: gateway.listeners.map((listener) => ({
      ...listener,
      chains: listener.chains.map((chain) => ({
        ...chain,
        hosts: chain.hosts.map((host) => ({ ...host, routes: host.routes.map(withoutGlobal) })),
      })),
    })),
  };
  return [open, [{ code: 'HG0504', level: 'error', message, object: gateway.origin.object }]];
}

function withoutGlobal(route: RouteIr): RouteIr {
  return route.limits ? { ...route, limits: { ...route.limits, global: [] } } : route;
}
