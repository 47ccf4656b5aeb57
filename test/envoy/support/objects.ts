/** The objects of a gateway as a function of a few facts. JSON is YAML, so what a test reads is what is served. */

const AI = 'aigateway.envoyproxy.io';
const EG = 'gateway.envoyproxy.io';
const GW = 'gateway.networking.k8s.io';

type Fields = Readonly<Record<string, unknown>>;

/** A provider: AIServiceBackend, Backend, and where a key is given BackendSecurityPolicy and Secret. */
export interface BackendFacts {
  /** Port on 127.0.0.1; or endpoints as a Backend has them. */
  readonly port?: number;
  readonly endpoints?: readonly Fields[];
  readonly schema?: Fields;
  readonly key?: string;
  /** Of a pool, by what stands behind `apiKey.`. */
  readonly furtherKeys?: Readonly<Record<string, string>>;
  /** Type and field of the policy; default APIKey. */
  readonly keyType?: 'APIKey' | 'AzureAPIKey' | 'AnthropicAPIKey';
  readonly credentialOverride?: Fields;
  /** Instead of a key: `spec` of the policy, without its targets. */
  readonly policy?: Fields;
  readonly policyAnnotations?: Readonly<Record<string, string>>;
  /** The policy names a Secret that does not exist. */
  readonly lacksSecret?: boolean;
  /** Name in the certificate; its authority is ConfigMap `ca-NAME` with this text. */
  readonly tls?: { readonly hostname: string; readonly ca: string };
  readonly backendTls?: Fields;
  readonly spec?: Fields;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly appProtocols?: readonly string[];
}

/** A rule that matches one model. */
export interface RuleFacts {
  /** Names of backends, one priority each; or references as an AIGatewayRoute has them. */
  readonly refs: readonly (string | Fields)[];
  readonly fields?: Fields;
  /** `spec` of a BackendTrafficPolicy for this rule. */
  readonly policy?: Fields;
  /** `spec` of the route beside its rules. */
  readonly route?: Fields;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface GatewayFacts {
  readonly port: number;
  readonly gateway?: string;
  readonly backends: Readonly<Record<string, BackendFacts>>;
  /** By model. */
  readonly models: Readonly<Record<string, RuleFacts>>;
  readonly extra?: readonly Fields[];
  readonly gatewayAnnotations?: Fields;
  /** Beside the one named `http`. */
  readonly listeners?: readonly Fields[];
}

/** An object of the namespace `default`. */
export function object(apiVersion: string, kind: string, name: string, rest: Fields, metadata: Fields = {}): Fields {
  return { apiVersion, kind, metadata: { name, namespace: 'default', ...metadata }, ...rest };
}

/** Everything as one text of YAML. */
export function gatewayYaml(facts: GatewayFacts): string {
  const name = facts.gateway ?? 'gw';
  const listeners = [{ name: 'http', protocol: 'HTTP', port: facts.port }, ...(facts.listeners ?? [])];
  const objects = [
    { ...object(`${GW}/v1`, 'GatewayClass', 'headgate', {}), metadata: { name: 'headgate' } },
    object(
      `${GW}/v1`,
      'Gateway',
      name,
      { spec: { gatewayClassName: 'headgate', listeners } },
      facts.gatewayAnnotations === undefined ? {} : { annotations: facts.gatewayAnnotations },
    ),
    ...Object.entries(facts.backends).flatMap(([backend, one]) => backendObjects(backend, one)),
    ...Object.entries(facts.models).flatMap(([model, rule]) => routeObjects(name, model, rule)),
    ...(facts.extra ?? []),
  ].map((one) =>
    one.kind === 'GatewayClass' ? { ...one, spec: { controllerName: 'headgate.dev/gateway-controller' } } : one,
  );
  return objects.map((one) => JSON.stringify(one)).join('\n---\n');
}

const KEY_FIELDS = { APIKey: 'apiKey', AzureAPIKey: 'azureAPIKey', AnthropicAPIKey: 'anthropicAPIKey' } as const;

function backendObjects(name: string, facts: BackendFacts): Fields[] {
  const { port, tls, keyType = 'APIKey', key, credentialOverride, annotations } = facts;
  const endpoints = facts.endpoints ?? (port === undefined ? [] : [{ ip: { address: '127.0.0.1', port } }]);
  const hasKey = key !== undefined || facts.lacksSecret === true || credentialOverride !== undefined;
  const policy = facts.policy ?? {
    type: keyType,
    [KEY_FIELDS[keyType]]: { secretRef: { name: `key-${name}` } },
    ...(credentialOverride !== undefined && { credentialOverride }),
  };
  return [
    object(
      `${AI}/v1beta1`,
      'AIServiceBackend',
      name,
      {
        spec: {
          schema: facts.schema ?? { name: 'OpenAI' },
          backendRef: { group: EG, kind: 'Backend', name },
          ...facts.spec,
        },
      },
      annotations === undefined ? {} : { annotations },
    ),
    object(`${EG}/v1alpha1`, 'Backend', name, {
      spec: {
        endpoints,
        ...(facts.backendTls !== undefined && { tls: facts.backendTls }),
        ...(facts.appProtocols !== undefined && { appProtocols: facts.appProtocols }),
      },
    }),
    ...(hasKey || facts.policy !== undefined
      ? [
          object(
            `${AI}/v1beta1`,
            'BackendSecurityPolicy',
            name,
            { spec: { targetRefs: [{ group: AI, kind: 'AIServiceBackend', name }], ...policy } },
            facts.policyAnnotations === undefined ? {} : { annotations: facts.policyAnnotations },
          ),
        ]
      : []),
    ...(key === undefined
      ? []
      : [
          object('v1', 'Secret', `key-${name}`, {
            stringData: {
              apiKey: key,
              ...Object.fromEntries(Object.entries(facts.furtherKeys ?? {}).map(([id, one]) => [`apiKey.${id}`, one])),
            },
          }),
        ]),
    ...(tls === undefined
      ? []
      : [
          object('v1', 'ConfigMap', `ca-${name}`, { data: { 'ca.crt': tls.ca } }),
          object(`${GW}/v1`, 'BackendTLSPolicy', name, {
            spec: {
              targetRefs: [{ group: EG, kind: 'Backend', name }],
              validation: {
                hostname: tls.hostname,
                caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: `ca-${name}` }],
              },
            },
          }),
        ]),
  ];
}

function routeObjects(
  gateway: string,
  model: string,
  { refs, fields, policy, route, annotations }: RuleFacts,
): Fields[] {
  const rule = {
    matches: [{ headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: model }] }],
    backendRefs: refs.map((ref, priority) => (typeof ref === 'string' ? { name: ref, priority } : ref)),
    ...fields,
  };
  return [
    object(
      `${AI}/v1beta1`,
      'AIGatewayRoute',
      model,
      { spec: { parentRefs: [{ group: GW, kind: 'Gateway', name: gateway }], rules: [rule], ...route } },
      annotations === undefined ? {} : { annotations },
    ),
    ...(policy === undefined
      ? []
      : [
          object(`${EG}/v1alpha1`, 'BackendTrafficPolicy', model, {
            spec: { targetRefs: [{ group: GW, kind: 'HTTPRoute', name: model }], ...policy },
          }),
        ]),
  ];
}
