/** Limits in the form that an older Envoy can keep. */
import type { GatewayIr, LimitIr, RouteIr } from '../ir/index.ts';
import { type FieldPath, type Finding, formatFieldPath } from '../lib/findings.ts';
import type { Capabilities } from './capabilities.ts';
import { costProblem } from './cost-facts.ts';
import { limitsOfGateway } from './limits.ts';

/**
 * Before 1.38 what is given back counts as a charge, so nothing may be reserved: limits are charged when requests end, and
 * streams in parallel may overrun them. Nor can a limit hide its numbers.
 */
export function reducedLimits(gateway: GatewayIr, capabilities: Capabilities): [GatewayIr, Finding[]] {
  if (capabilities.features.has('negative_hits')) return [gateway, []];
  const findings = new Map<string, Finding>();
  const note = ({ origin }: LimitIr, field: FieldPath, what: string): void => {
    const at = { object: origin.object, field: formatFieldPath(field) };
    const { version } = capabilities;
    const message = `Envoy ${version} ${what} (Envoy 1.38.0 and later do)`;
    findings.set(JSON.stringify(at), { code: 'HG0602', level: 'warning', message, ...at, scope: `Envoy ${version}` });
  };
  const reduce = (limit: LimitIr): LimitIr => {
    const { reserve, hideHeaders, ...rest } = limit;
    if (reserve) note(limit, ['metadata', 'annotations', 'headgate.dev/reserve'], 'cannot reserve');
    if (hideHeaders) note(limit, [...limit.origin.field, 'xRateLimitHeaders'], 'cannot hide x-ratelimit headers');
    return rest;
  };
  const routeOf = (route: RouteIr): RouteIr =>
    route.limits ? { ...route, limits: { ...route.limits, global: route.limits.global.map(reduce) } } : route;
  const listeners = gateway.listeners.map((listener) => ({
    ...listener,
    chains: listener.chains.map((chain) => ({
      ...chain,
      hosts: chain.hosts.map((host) => ({ ...host, routes: host.routes.map(routeOf) })),
    })),
  }));
  return [{ ...gateway, listeners }, [...findings.values()]];
}

/** Reservations that the script cannot compute; it reserves the tokens themselves then. */
export function reserveFindings(gateway: GatewayIr): Finding[] {
  const found = new Map<string, Finding>();
  for (const { origin, reserve } of limitsOfGateway(gateway).flatMap(({ global }) => global)) {
    if (reserve?.kind !== 'estimate') continue;
    const problem = costProblem({ metadataKey: 'reserve', value: reserve.cost });
    if (problem === undefined) continue;
    const message = `what is to be reserved cannot be computed inside Envoy; tokens are reserved: ${problem}`;
    const field = formatFieldPath(['metadata', 'annotations', 'headgate.dev/reserve']);
    found.set(origin.object, { code: 'HG0501', level: 'error', message, object: origin.object, field });
  }
  return [...found.values()];
}
