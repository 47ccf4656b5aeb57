/** YAML of a gateway as a function of a few facts, so that tests speak of changes and not of text. */

/** A provider: which fake stands behind it, and how it is reached. */
export interface ProviderFacts {
  readonly ports: readonly number[];
  /** By address (EDS) unless `fqdn`. */
  readonly fqdn?: boolean;
  readonly key?: string;
}

export interface RefFacts {
  readonly provider: string;
  readonly weight?: number;
  readonly priority?: number;
  readonly model?: string;
}

export interface PolicyFacts {
  readonly port: number;
  /** Ports of more gateways, by name; each has all the routes. */
  readonly others?: ReadonlyMap<string, number>;
  readonly providers: ReadonlyMap<string, ProviderFacts>;
  /** What serves each model. */
  readonly models: ReadonlyMap<string, readonly RefFacts[]>;
  /** Plain services by path, beside the models. */
  readonly paths?: ReadonlyMap<string, string>;
}

/** Default of `ProviderFacts.key`: what a fake of OpenAI takes. */
const KEY = 'sk-openai-test';

/** The Gateway `default/gw`, others beside it, and all that belongs to them, in one text. */
export function policyYaml(facts: PolicyFacts): string {
  const gateways = new Map([['gw', facts.port], ...(facts.others ?? [])]);
  const names = [...gateways.keys()];
  return [
    ...[...gateways].map(([name, port]) => gatewayYaml(port, name)),
    ...[...facts.providers].map(([name, provider]) => providerYaml(name, provider)),
    ...[...facts.models].map(([model, refs]) => routeYaml(model, refs, names)),
    ...[...(facts.paths ?? [])].map(([path, provider]) => serviceYaml(path, provider, names)),
  ].join('---\n');
}

export function gatewayYaml(port: number, name = 'gw'): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate-${name} }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: default }
spec:
  gatewayClassName: headgate-${name}
  listeners: [{ name: http, protocol: HTTP, port: ${port} }]
`;
}

export function providerYaml(name: string, { ports, fqdn, key = KEY }: ProviderFacts): string {
  const endpoints = ports.map((port) =>
    fqdn ? `{ fqdn: { hostname: localhost, port: ${port} } }` : `{ ip: { address: 127.0.0.1, port: ${port} } }`,
  );
  return `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: default }
spec: { endpoints: [${endpoints.join(', ')}] }
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: { name: ${name}, namespace: default }
spec:
  schema: { name: OpenAI }
  backendRef: { name: ${name}, kind: Backend, group: gateway.envoyproxy.io }
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: { name: ${name}, namespace: default }
spec:
  targetRefs: [{ group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${name} }]
  type: APIKey
  apiKey: { secretRef: { name: ${name} } }
---
apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: default }
stringData: { apiKey: ${key} }
`;
}

export function routeYaml(model: string, refs: readonly RefFacts[], gateways: readonly string[] = ['gw']): string {
  const backends = refs.map(({ provider, weight = 1, priority = 0, model: override }) => {
    const changed = override === undefined ? '' : `, modelNameOverride: ${override}`;
    return `{ name: ${provider}, weight: ${weight}, priority: ${priority}${changed} }`;
  });
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: { name: ${model}, namespace: default }
spec:
  parentRefs: [${parents(gateways)}]
  rules:
    - matches: [{ headers: [{ type: Exact, name: x-ai-eg-model, value: ${model} }] }]
      backendRefs: [${backends.join(', ')}]
`;
}

export function serviceYaml(path: string, provider: string, gateways: readonly string[] = ['gw']): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: path${path.replaceAll('/', '-')}, namespace: default }
spec:
  parentRefs: [${parents(gateways)}]
  rules:
    - matches: [{ path: { type: PathPrefix, value: ${path} } }]
      backendRefs: [{ name: ${provider}, kind: Backend, group: gateway.envoyproxy.io }]
`;
}

function parents(gateways: readonly string[]): string {
  return gateways.map((name) => `{ name: ${name}, kind: Gateway, group: gateway.networking.k8s.io }`).join(', ');
}
