/**
 * What is known of providers, one folder each. In: the schema a backend speaks, an endpoint. Out: facts as data: paths,
 * credential headers, hosts. Must not know how Envoy is told, nor where objects come from. Adding a provider is adding
 * a folder; conversions between schemas stand beside the facts and are for the processor alone.
 */

import type { EndpointName, ProviderIr, ProviderSchema } from '../ir/index.ts';
import { InvariantError } from '../lib/errors.ts';
import { anthropic } from './anthropic/index.ts';
import { azure } from './azure/index.ts';
import { awsAnthropic, bedrock } from './bedrock/index.ts';
import { cohere } from './cohere/index.ts';
import type { ProviderFacts, TranslatedPath } from './facts.ts';
import { openai } from './openai/index.ts';
import { translates } from './translated-endpoints.ts';
import { gcpAnthropic, vertex } from './vertex/index.ts';

export { type AwsProfile, parseAwsProfiles, readAwsProfile } from './bedrock/aws-profiles.ts';
export { awsDomain, bedrockRegion } from './bedrock/region.ts';
export type { ProviderFacts } from './facts.ts';

const FACTS: Readonly<Record<ProviderSchema, ProviderFacts>> = {
  OpenAI: openai,
  AzureOpenAI: azure,
  Anthropic: anthropic,
  Cohere: cohere,
  AWSBedrock: bedrock,
  AWSAnthropic: awsAnthropic,
  GCPVertexAI: vertex,
  GCPAnthropic: gcpAnthropic,
};

export const PROVIDER_SCHEMAS = Object.keys(FACTS) as readonly ProviderSchema[];

/** The facts of a schema. */
export function providerFacts(schema: ProviderSchema): ProviderFacts {
  return FACTS[schema];
}

/** Every header that carries a credential at some provider, lower case and sorted: none may reach another one. */
export const CREDENTIAL_HEADERS: readonly string[] = [
  ...new Set(Object.values(FACTS).flatMap(({ credential }) => (credential ? [credential.header] : []))),
].sort();

/** Whether requests to an endpoint can go to providers of this schema without translation. */
export function servesNatively(endpoint: EndpointName, schema: ProviderSchema): boolean {
  return FACTS[schema].paths[endpoint] !== undefined;
}

/** Whether no client API passes to this schema unchanged. */
export function alwaysNeedsTranslation(schema: ProviderSchema): boolean {
  return Object.keys(FACTS[schema].paths).length === 0;
}

/**
 * Path and query of an endpoint at a provider that serves it natively.
 * Shape: begins with a slash; `{model}` stands where the model goes, percent-encoded. Errors: undefined where the
 * endpoint needs translation.
 */
export function nativePath(endpoint: EndpointName, provider: ProviderIr): string | undefined {
  const template = FACTS[provider.schema].paths[endpoint];
  return template === undefined || lacks(endpoint, provider) ? undefined : fillPath(template, endpoint, provider);
}

/** The endpoint of the same provider's that an endpoint is translated to. Errors: undefined where there is none. */
export function carrierOf(endpoint: EndpointName, provider: ProviderIr): EndpointName | undefined {
  const { paths, carriedBy } = FACTS[provider.schema];
  const has = (one: EndpointName): boolean => paths[one] !== undefined && !lacks(one, provider);
  return has(endpoint) ? undefined : carriedBy?.[endpoint]?.find(has);
}

function lacks(endpoint: EndpointName, { endpoints }: ProviderIr): boolean {
  return endpoints !== undefined && !endpoints.includes(endpoint);
}

/**
 * Path and query of an endpoint at a provider that serves it by translation; `stream` where streams have another one.
 * Shape: as `nativePath`. Errors: undefined where the endpoint passes unchanged, or not at all.
 */
export function translatedPath(endpoint: EndpointName, provider: ProviderIr): TranslatedPath | undefined {
  if (!translates(endpoint, provider.schema)) return undefined;
  const carrier = carrierOf(endpoint, provider);
  const carried = carrier && nativePath(carrier, provider);
  if (carried !== undefined) return { path: carried };
  const template = FACTS[provider.schema].translated?.[endpoint];
  if (template === undefined) return undefined;
  const { path, stream } = template;
  return {
    path: fillPath(path, endpoint, provider),
    ...(stream !== undefined && { stream: fillPath(stream, endpoint, provider) }),
  };
}

function fillPath(template: string, endpoint: EndpointName, provider: ProviderIr): string {
  const { defaultPrefix = '', defaultVersion } = FACTS[provider.schema];
  const prefix = (provider.prefix ?? defaultPrefix).replace(/^\/+|\/+$/g, '');
  const path = template
    .replace('/{prefix}', () => (prefix === '' ? '' : `/${prefix}`))
    .replace('{project}', () => encodeURIComponent(provider.project ?? '-'))
    .replace('{region}', () => encodeURIComponent(provider.region ?? '-'));
  if (!path.includes('{version}')) return path;
  const version = provider.version || defaultVersion?.(endpoint);
  if (version === undefined) throw new InvariantError(`${provider.schema} has no default version for ${endpoint}`);
  return path.replace('{version}', () => encodeURIComponent(version));
}

/** Whether a host belongs to a provider that refuses requests without a credential. */
export function isPublicProvider(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '');
  return Object.values(FACTS).some(({ publicHosts }) =>
    publicHosts.some((known) => (known.startsWith('*') ? host.endsWith(known.slice(1)) : host === known)),
  );
}
