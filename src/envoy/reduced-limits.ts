/** Limits in the form that an older Envoy can keep. */
import type { GatewayIr, LimitIr, RouteIr } from '../ir/index.ts';
import { type Finding, formatFieldPath } from '../lib/findings.ts';
import type { Capabilities } from './capabilities.ts';
import { costProblem } from './cost-facts.ts';
import { limitsOfGateway } from './limits.ts';

/** Before 1.38 no limit can hide its numbers. */
export function reducedLimits(gateway: GatewayIr, { features, version }: Capabilities): [GatewayIr, Finding[]] {
  if (features.has('hidden_limit')) return [gateway, []];
  const findings = new Map<string, Finding>();
  const reduce = (limit: LimitIr): LimitIr => {
    const { hideHeaders, ...rest } = limit;
    if (!hideHeaders) return limit;
    const { object, field: rule } = limit.origin;
    const field = formatFieldPath([...rule, 'xRateLimitHeaders']);
    const message = `Envoy ${version} cannot hide x-ratelimit headers (Envoy 1.38.0 and later do)`;
    const finding = { code: 'HG0602', level: 'warning', message, object, field, scope: `Envoy ${version}` } as const;
    findings.set(`${object} ${field}`, finding);
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
