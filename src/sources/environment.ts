import { isIP } from 'node:net';
import { Document, Scalar, visit } from 'yaml';
import { GatewayError } from '../lib/errors.ts';

/** Environment variables, always handed in. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A provider that the environment names. Everything but its address stays a `${VAR}`, secrets above all. */
interface Provider {
  readonly name: string;
  readonly url: URL;
  readonly schema: Readonly<Record<string, string>>;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly keyVariable: string;
  readonly policy: { readonly type: string; readonly field: string };
}

const NAME = 'headgate';
const NAMESPACE = 'default';
const PORT = 1975;
const GATEWAY_API = 'gateway.networking.k8s.io';
const ENVOY_GATEWAY = 'gateway.envoyproxy.io';
const AI_GATEWAY = 'aigateway.envoyproxy.io';

/** As the clients of OpenAI and Anthropic wait: streams of long answers take minutes. */
const REQUEST_TIMEOUT = '10m';

function parseUrl(variable: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new GatewayError('usage', `${variable} must be a URL that begins with http:// or https://`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '') {
    throw new GatewayError('usage', `${variable} must have no user name, password or query`);
  }
  return url;
}

function required(env: Environment, variable: string, because: string): string {
  const value = env[variable];
  if (!value) throw new GatewayError('usage', `${variable} must be set, because ${because} is`);
  return value;
}

/** The path of a base URL as a schema's prefix; `v1` is what a schema has without one. */
function prefixOf(path: string): { readonly prefix?: string } {
  const prefix = path.replace(/^\/+|\/+$/g, '');
  return prefix === '' || prefix === 'v1' ? {} : { prefix };
}

function openAiHeaders(env: Environment): { name: string; value: string }[] {
  const headers: { name: string; value: string }[] = [];
  if (env.OPENAI_ORG_ID) headers.push({ name: 'OpenAI-Organization', value: '${OPENAI_ORG_ID}' });
  if (env.OPENAI_PROJECT_ID) headers.push({ name: 'OpenAI-Project', value: '${OPENAI_PROJECT_ID}' });
  return headers;
}

/** Azure goes before OpenAI where both are set, as in their clients: the one key is for the other's stand-in. */
function openAiProvider(env: Environment): Provider | undefined {
  const headers = openAiHeaders(env);
  if (env.AZURE_OPENAI_API_KEY) {
    const endpoint = required(env, 'AZURE_OPENAI_ENDPOINT', 'AZURE_OPENAI_API_KEY');
    required(env, 'OPENAI_API_VERSION', 'AZURE_OPENAI_API_KEY');
    return {
      name: 'azure-openai',
      url: parseUrl('AZURE_OPENAI_ENDPOINT', endpoint),
      schema: { name: 'AzureOpenAI', version: '${OPENAI_API_VERSION}' },
      headers,
      keyVariable: 'AZURE_OPENAI_API_KEY',
      policy: { type: 'AzureAPIKey', field: 'azureAPIKey' },
    };
  }
  if (!env.OPENAI_API_KEY) return undefined;
  const url = parseUrl('OPENAI_BASE_URL', env.OPENAI_BASE_URL || 'https://api.openai.com/v1');
  return {
    name: 'openai',
    url,
    schema: { name: 'OpenAI', ...prefixOf(url.pathname) },
    headers,
    keyVariable: 'OPENAI_API_KEY',
    policy: { type: 'APIKey', field: 'apiKey' },
  };
}

/** Anthropic's clients put `/v1` behind their base URL, other than OpenAI's. */
function anthropicProvider(env: Environment): Provider | undefined {
  if (!env.ANTHROPIC_API_KEY) return undefined;
  const url = parseUrl('ANTHROPIC_BASE_URL', env.ANTHROPIC_BASE_URL || 'https://api.anthropic.com');
  const path = url.pathname.replace(/\/+$/, '');
  return {
    name: 'anthropic',
    url,
    schema: { name: 'Anthropic', ...prefixOf(/\/v\d+$/.test(path) ? path : `${path}/v1`) },
    headers: [],
    keyVariable: 'ANTHROPIC_API_KEY',
    policy: { type: 'AnthropicAPIKey', field: 'anthropicAPIKey' },
  };
}

/** The host without the brackets of IPv6. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/** All eight groups of an IPv6 address, because a Backend does not take `::1`. */
function fullAddress(address: string): string {
  if (!address.includes('::')) return address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  return [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail].join(':');
}

function endpointOf(url: URL): object {
  const host = hostOf(url);
  const address = host === 'localhost' ? '127.0.0.1' : host;
  const port = portOf(url);
  return isIP(address) === 0 ? { fqdn: { hostname: address, port } } : { ip: { address: fullAddress(address), port } };
}

function object(apiVersion: string, kind: string, name: string, spec: object): object {
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

function providerObjects(provider: Provider): object[] {
  const { name, url, schema, headers, policy } = provider;
  const backendRef = { group: ENVOY_GATEWAY, kind: 'Backend', name };
  const objects = [
    object(`${AI_GATEWAY}/v1beta1`, 'AIServiceBackend', name, {
      schema,
      backendRef,
      ...(headers.length > 0 && { headerMutation: { set: headers } }),
    }),
    object(`${ENVOY_GATEWAY}/v1alpha1`, 'Backend', name, { endpoints: [endpointOf(url)] }),
    object(`${AI_GATEWAY}/v1beta1`, 'BackendSecurityPolicy', name, {
      targetRefs: [{ group: AI_GATEWAY, kind: 'AIServiceBackend', name }],
      type: policy.type,
      [policy.field]: { secretRef: { name } },
    }),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: NAMESPACE },
      stringData: { apiKey: `\${${provider.keyVariable}}` },
    },
  ];
  if (url.protocol === 'https:') {
    const validation = { hostname: hostOf(url), wellKnownCACertificates: 'System' };
    objects.push(object(`${GATEWAY_API}/v1`, 'BackendTLSPolicy', name, { targetRefs: [backendRef], validation }));
  }
  return objects;
}

function ruleFor(provider: Provider, models: string): object {
  return {
    matches: [{ headers: [{ type: 'RegularExpression', name: 'x-ai-eg-model', value: models }] }],
    backendRefs: [{ name: provider.name }],
    timeouts: { request: REQUEST_TIMEOUT },
  };
}

/** Text of one object. References to variables are quoted, so that a key of digits stays a text. */
function formatObject(value: object): string {
  const doc = new Document(value, { version: '1.1' });
  visit(doc, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && node.value.includes('${')) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return doc.toString({ directives: false, lineWidth: 0 });
}

/**
 * Writes the objects a user would write for the provider keys in the environment: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`,
 * `AZURE_OPENAI_API_KEY`, with what belongs to each.
 * Shape: YAML text that can be shown, saved and read; secrets stand in it as `${VAR}`. `undefined` without any key.
 * Errors: GatewayError `usage` for a URL that is none, or for an Azure key without endpoint or version.
 */
export function objectsFromEnvironment(env: Environment): string | undefined {
  const anthropic = anthropicProvider(env);
  const openAi = openAiProvider(env);
  const providers = [openAi, anthropic].filter((provider) => provider !== undefined);
  const rest = openAi ?? anthropic;
  if (!rest) return undefined;
  const rules = [...(openAi && anthropic ? [ruleFor(anthropic, 'claude-.*')] : []), ruleFor(rest, '.*')];
  const gatewayClass = {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: 'GatewayClass',
    metadata: { name: NAME },
    spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
  };
  const listeners = [{ name: 'http', protocol: 'HTTP', port: PORT }];
  const objects = [
    gatewayClass,
    object(`${GATEWAY_API}/v1`, 'Gateway', NAME, { gatewayClassName: NAME, listeners }),
    object(`${AI_GATEWAY}/v1beta1`, 'AIGatewayRoute', NAME, {
      parentRefs: [{ group: GATEWAY_API, kind: 'Gateway', name: NAME }],
      rules,
    }),
    ...providers.flatMap(providerObjects),
  ];
  const variables = providers.map((provider) => provider.keyVariable).join(' and ');
  return `# From ${variables} in the environment.\n${objects.map(formatObject).join('---\n')}`;
}
