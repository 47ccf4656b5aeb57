import type { ActionIr, FilterChainIr, GatewayIr, ListenerIr, RouteIr, SecretRef } from '../ir/index.ts';
import { sortedBy } from '../lib/compare.ts';
import { formatObjectId } from '../resources/index.ts';
import type { Backends } from './backends/backends.ts';
import { createUsedBackends, secretsOf } from './backends/used-backends.ts';
import type { Context } from './context.ts';
import type { Attachment } from './gateways/attach.ts';
import type { GatewayState } from './gateways/gateways.ts';
import type { ListenerState } from './gateways/listeners.ts';
import { type Actions, createActionBuilder } from './routes/actions.ts';
import { buildHosts } from './routes/hosts.ts';
import type { HostRoute } from './routes/precedence.ts';
import type { RouteSource } from './routes/routes.ts';
import type { Shadows } from './routes/shadows.ts';
import { chargesMoney, type LimitedRule, routeLimits } from './traffic/route-limits.ts';
import type { EffectivePolicy, TrafficPolicyOf } from './traffic/traffic-policies.ts';

/** Everything that was read before gateways are put together. */
export interface Parts {
  readonly routes: readonly RouteSource[];
  readonly attachments: readonly Attachment[];
  readonly backends: Pick<Backends, 'unpriced'>;
  readonly actions: Actions;
  readonly policyOf: TrafficPolicyOf;
  readonly shadows: Shadows;
}

/** Puts one gateway together. */
export function buildGateway(gateway: GatewayState, parts: Parts, context: Context): GatewayIr {
  const used = createUsedBackends(gateway, context);
  const actionOf = createActionBuilder(parts.actions, gateway, used);
  const rank = new Map(parts.routes.map((route, index) => [route, index]));
  const routesOf = (listener: ListenerState): HostRoute[] =>
    parts.attachments
      .filter((one) => one.gateway === gateway && one.listener === listener)
      .flatMap(({ route, hostnames }) =>
        route.rules.flatMap((rule) => {
          const policy = parts.policyOf(gateway, listener, route, rule);
          const action = actionOf(route, rule.index, policy);
          const limited = limitedAction(action, policy, { gateway, route, rule }, parts.backends.unpriced, context);
          const object = rank.get(route) ?? 0;
          return rule.matches.flatMap(({ index, match }) => {
            const field = ['spec', 'rules', rule.index, 'matches', index];
            const origin = { object: formatObjectId(route.loaded.id), field };
            const name = `${route.name}/rule/${rule.index}/match/${index}`;
            const ir: RouteIr = { name, origin, match, ...limited };
            const order = [object, rule.index, index] as const;
            return hostnames.map((hostname) => ({ hostname, source: route, rule: rule.index, route: ir, order }));
          });
        }),
      );
  const listeners = gateway.isValid
    ? buildListeners(gateway, routesOf, parts.shadows)
    : gateway.listeners.map((listener) => isolatedListener(gateway, listener));
  const backends = used.build();
  return {
    key: gateway.key,
    origin: { object: gateway.name, field: [] },
    listeners,
    backends,
    secrets: uniqueSecrets([...listeners.flatMap(certificatesOf), ...secretsOf(backends)]),
    endpointPrefixes: context.options.endpointPrefixes,
    maxRequestBodyBytes: gateway.maxRequestBodyBytes,
    ...(gateway.refuseUnlimited && { refuseUnlimited: true as const }),
  };
}

/** An action with its limits. What has limits that cannot be used is not served: nobody would count it. */
function limitedAction(
  action: ActionIr,
  policy: EffectivePolicy | undefined,
  where: Omit<LimitedRule, 'costs'>,
  unpriced: Backends['unpriced'],
  { report }: Context,
): Pick<RouteIr, 'action' | 'limits'> {
  if (action.kind !== 'inference' && action.kind !== 'forward') return { action };
  const costs = action.kind === 'inference' ? action.rule.costs : [];
  const limits = routeLimits(policy, { ...where, costs }, report);
  if (limits === 'broken') {
    return { action: { kind: 'respond', status: 500, message: 'the limits of this route are not valid' } };
  }
  if (action.kind === 'inference' && limits && chargesMoney(limits, costs)) {
    const isUnpriced = action.rule.backends.some(({ backend }) => unpriced.has(backend));
    if (isUnpriced)
      return { action: { kind: 'respond', status: 500, message: 'the prices of a backend are not valid' } };
  }
  return { action, ...(limits && { limits }) };
}

function buildListeners(
  gateway: GatewayState,
  routesOf: (listener: ListenerState) => HostRoute[],
  shadows: Shadows,
): ListenerIr[] {
  const byPort = new Map<number, ListenerState[]>();
  for (const listener of gateway.listeners) {
    if (!listener.isServed) continue;
    const same = byPort.get(listener.port);
    if (same) same.push(listener);
    else byPort.set(listener.port, [listener]);
  }
  return [...byPort]
    .sort(([a], [b]) => a - b)
    .map(([port, listeners]) => {
      const [first] = listeners;
      const name = `${gateway.name}/port/${port}`;
      const isHttp = first?.protocol === 'HTTP';
      const chains = isHttp
        ? [httpChain(name, listeners, routesOf, shadows)]
        : listeners.map((listener) => httpsChain(gateway, listener, routesOf, shadows));
      return { name, address: gateway.address, port, chains };
    });
}

/** HTTP listeners of one port share everything: only the host name of a request tells them apart. */
function httpChain(
  routeConfigName: string,
  listeners: readonly ListenerState[],
  routesOf: (listener: ListenerState) => HostRoute[],
  shadows: Shadows,
): FilterChainIr {
  return {
    listenerName: listeners[0]?.name ?? '',
    routeConfigName,
    serverNames: [],
    hosts: buildHosts(listeners.flatMap(routesOf), listeners, shadows),
  };
}

function httpsChain(
  gateway: GatewayState,
  listener: ListenerState,
  routesOf: (listener: ListenerState) => HostRoute[],
  shadows: Shadows,
): FilterChainIr {
  return {
    listenerName: listener.name,
    routeConfigName: `${gateway.name}/listener/${listener.name}`,
    serverNames: listener.hostname === '*' ? [] : [listener.hostname],
    tls: { certificates: listener.certificates },
    hosts: buildHosts(routesOf(listener), [listener], shadows),
  };
}

/** A port of a Gateway that its schema refuses. */
function isolatedListener(gateway: GatewayState, { port, index, name: listenerName }: ListenerState): ListenerIr {
  const name = `${gateway.name}/port/${port}`;
  const route: RouteIr = {
    name: `${gateway.name}/rule/0/match/0`,
    origin: { object: gateway.name, field: ['spec', 'listeners', index] },
    match: { inference: false, headers: [], queryParams: [] },
    action: { kind: 'respond', status: 500, message: 'this gateway is not valid' },
  };
  const hosts = [{ hostname: '*', routes: [route], models: [] }];
  const chain = { listenerName, routeConfigName: name, serverNames: [], hosts };
  return { name, address: gateway.address, port, chains: [chain] };
}

function certificatesOf({ chains }: ListenerIr): SecretRef[] {
  return chains.flatMap(({ tls }) => tls?.certificates ?? []);
}

function uniqueSecrets(refs: readonly SecretRef[]): SecretRef[] {
  return sortedBy(new Map(refs.map((ref) => [ref.name, ref])).values(), ({ name }) => name);
}
