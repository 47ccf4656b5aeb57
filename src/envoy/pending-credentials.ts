import type { ActionIr, BackendIr, GatewayIr, InferenceRuleIr, RouteIr, SecretValues } from '../ir/index.ts';

const RESPONSE: ActionIr = {
  kind: 'respond',
  status: 503,
  message: 'The gateway has no credential for this model at the moment.',
};

/**
 * The gateway without the backends whose token is not there yet or has ended: Envoy would answer 401 itself and try no
 * other backend. What is left without any backend answers 503 at once.
 */
export function withoutPending(gateway: GatewayIr, secrets: SecretValues): GatewayIr {
  const isThere = (name: string | undefined): boolean => name === undefined || secrets.has(name);
  const pending = new Set<string>();
  const backends = gateway.backends.flatMap((backend): BackendIr[] => {
    if (isThere(backend.credential?.secret?.name) && isThere(backend.signing?.secret?.name)) return [backend];
    const alone = ofRequestsAlone(backend);
    if (alone === undefined) pending.add(backend.name);
    return alone ? [alone] : [];
  });
  const known = gateway.secrets.filter(({ name }) => secrets.has(name));
  if (known.length === gateway.secrets.length) return gateway;
  const actions = new Map<InferenceRuleIr, ActionIr>();
  const actionOf = (rule: InferenceRuleIr): ActionIr => {
    const left = rule.backends.filter((ref) => !pending.has(ref.backend));
    if (left.length === 0 && rule.backends.length > 0) return RESPONSE;
    return { kind: 'inference', rule: { ...rule, backends: left } };
  };
  const withoutIn = (route: RouteIr): RouteIr => {
    if (route.action.kind !== 'inference') return route;
    const { rule } = route.action;
    if (!rule.backends.some((ref) => pending.has(ref.backend))) return route;
    // Routes of one rule go on sharing it.
    const action = actions.get(rule) ?? actionOf(rule);
    actions.set(rule, action);
    return { ...route, action };
  };
  const listeners = gateway.listeners.map((listener) => ({
    ...listener,
    chains: listener.chains.map((chain) => ({
      ...chain,
      hosts: chain.hosts.map((host) => ({ ...host, routes: host.routes.map(withoutIn) })),
    })),
  }));
  return { ...gateway, listeners, backends, secrets: known };
}

/** A backend that takes the credentials of requests serves those meanwhile. */
function ofRequestsAlone(backend: BackendIr): BackendIr | undefined {
  const { credential, signing, ...rest } = backend;
  if (credential?.override) {
    const { secret: _, override, ...place } = credential;
    return { ...rest, credential: { ...place, override: { ...override, fallbackToConfigured: false } } };
  }
  if (signing?.override) {
    const { secret: _, override, ...place } = signing;
    return { ...rest, signing: { ...place, override: { ...override, fallbackToConfigured: false } } };
  }
  return undefined;
}
