import {
  API_ENDPOINTS,
  type BackendIr,
  type EndpointPrefixes,
  type GatewayIr,
  type InferenceRuleIr,
} from '../ir/index.ts';
import { nativePath } from '../providers/index.ts';
import { endpointPath, servingMode } from './api-classes.ts';
import { backendHost } from './upstream-filters.ts';

/** All rules of AIGatewayRoutes that a gateway serves, each once. */
export function inferenceRules(gateway: GatewayIr): InferenceRuleIr[] {
  const rules = new Set<InferenceRuleIr>();
  for (const listener of gateway.listeners) {
    for (const chain of listener.chains) {
      for (const host of chain.hosts) {
        for (const { action } of host.routes) if (action.kind === 'inference') rules.add(action.rule);
      }
    }
  }
  return [...rules];
}

/**
 * Names of the backends whose attempts need no script (unless they are translated): every rule that uses one has it alone,
 * once and unchanged, the client's path is the provider's, and the only credential is the configured one. Their routes do the little that is left.
 */
export function plainBackends(gateway: GatewayIr, rules = inferenceRules(gateway)): ReadonlySet<string> {
  const used = new Map<string, boolean>();
  for (const rule of rules) {
    for (const { backend } of rule.backends) used.set(backend, (used.get(backend) ?? true) && isPlainRule(rule));
  }
  const plain = gateway.backends.filter(
    (backend) => used.get(backend.name) === true && isPlainBackend(backend, gateway.endpointPrefixes),
  );
  return new Set(plain.map(({ name }) => name));
}

/**
 * The cluster of a backend that needs no script. It has another name than one with the script: a route must never meet the
 * other kind of cluster while an update is on its way, since one of the two has to take the client's credentials away.
 */
export function plainClusterName(backend: string): string {
  return `${backend}/plain`;
}

function isPlainRule({ backends, retry, mirror }: InferenceRuleIr): boolean {
  const [ref] = backends;
  if (ref === undefined || backends.length > 1 || mirror) return false;
  const attempts = retry.numRetries ?? retry.attemptsPerBackend - 1;
  const { modelOverride, headerMutation, bodyMutation } = ref;
  return attempts === 0 && modelOverride === undefined && headerMutation === undefined && bodyMutation === undefined;
}

function isPlainBackend(backend: BackendIr, prefixes: EndpointPrefixes): boolean {
  const { provider, credential, signing, forwardClientCredentials } = backend;
  // What is signed has its host before Envoy puts the name of the endpoint there.
  if (
    provider === undefined ||
    credential?.override ||
    credential?.furtherKeys?.length ||
    signing ||
    forwardClientCredentials
  )
    return false;
  const host = backendHost(backend);
  // Envoy takes the name of the endpoint; a name that is more than that is the script's to set.
  if (host !== undefined && backend.endpoints.some((endpoint) => endpoint.hostname !== host)) return false;
  const native = API_ENDPOINTS.filter((endpoint) => servingMode(provider, endpoint) === 'native');
  if (native.length === 0) return false;
  return native.every((endpoint) => nativePath(endpoint.name, provider) === endpointPath(endpoint, prefixes));
}
