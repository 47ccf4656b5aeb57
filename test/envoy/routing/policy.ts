/** Gateways with many listeners and routes of both kinds, as functions of a few facts. */
import { type BackendFacts, gatewayYaml, object } from '../support/objects.ts';

const AI = 'aigateway.envoyproxy.io';
const EG = 'gateway.envoyproxy.io';
const GW = 'gateway.networking.k8s.io';

export type Fields = Readonly<Record<string, unknown>>;

/** The Gateway `gw` with these listeners. */
export function gatewayObject(...listeners: readonly Fields[]): Fields {
  return object(`${GW}/v1`, 'Gateway', 'gw', { spec: { gatewayClassName: 'headgate', listeners } });
}

/** All objects as one text of YAML: backends by name, and whatever else there is. */
export function policyYaml(backends: Readonly<Record<string, BackendFacts>>, ...objects: readonly Fields[]): string {
  // The helper's own Gateway is one that no Envoy asks for.
  return gatewayYaml({ gateway: 'unused', port: 9, backends, models: {}, extra: objects });
}

/** A Backend for a plain service. */
export function serviceObject(name: string, port: number): Fields {
  return object(`${EG}/v1alpha1`, 'Backend', name, { spec: { endpoints: [{ ip: { address: '127.0.0.1', port } }] } });
}

export const toService = (name: string, rest: Fields = {}): Fields => ({ group: EG, kind: 'Backend', name, ...rest });

/** `HTTPRoute/default/NAME` on `gw`. */
export function httpRoute(name: string, rules: readonly Fields[], rest: Fields = {}): Fields {
  const { createdAt, ...spec } = rest;
  return object(
    `${GW}/v1`,
    'HTTPRoute',
    name,
    { spec: { parentRefs: [{ name: 'gw' }], rules, ...spec } },
    createdAt === undefined ? {} : { creationTimestamp: createdAt },
  );
}

/** `AIGatewayRoute/default/NAME` on `gw`. */
export function aiRoute(name: string, rules: readonly Fields[], rest: Fields = {}): Fields {
  const { createdAt, ...spec } = rest;
  return object(
    `${AI}/v1beta1`,
    'AIGatewayRoute',
    name,
    { spec: { parentRefs: [{ group: GW, kind: 'Gateway', name: 'gw' }], rules, ...spec } },
    createdAt === undefined ? {} : { creationTimestamp: createdAt },
  );
}

export const exactly = (name: string, value: string): Fields => ({ type: 'Exact', name, value });
export const like = (name: string, value: string): Fields => ({ type: 'RegularExpression', name, value });
export const modelIs = (value: string): Fields => exactly('x-ai-eg-model', value);

/** A rule of an AIGatewayRoute: these header matches (all of them) to one backend. */
export function aiRule(headers: readonly Fields[], backend: string, rest: Fields = {}): Fields {
  return { ...(headers.length > 0 && { matches: [{ headers }] }), backendRefs: [{ name: backend }], ...rest };
}
