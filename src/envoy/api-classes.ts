import { API_ENDPOINTS, type ApiEndpoint, type EndpointPrefixes, type ProviderIr } from '../ir/index.ts';
import { nativePath } from '../providers/index.ts';

/**
 * Classes of endpoints: those of one class are served by the same providers, so a route needs one answer for each
 * class. The class stands in the API header; its name begins with that of the family it belongs to.
 */
export interface ApiClass {
  readonly name: string;
  readonly endpoints: readonly ApiEndpoint[];
}

export const API_CLASSES: readonly ApiClass[] = [
  { name: 'openai', endpoints: API_ENDPOINTS.filter((e) => e.api === 'openai' && e.name !== 'tokenize') },
  { name: 'openai-tokenize', endpoints: API_ENDPOINTS.filter((e) => e.name === 'tokenize') },
  { name: 'anthropic', endpoints: API_ENDPOINTS.filter((e) => e.api === 'anthropic') },
  { name: 'cohere', endpoints: API_ENDPOINTS.filter((e) => e.api === 'cohere') },
];

export function classOf(endpoint: ApiEndpoint): string {
  return API_CLASSES.find((candidate) => candidate.endpoints.includes(endpoint))?.name ?? endpoint.api;
}

/** True where a provider takes requests of this class as they are. */
export function servesClass(provider: ProviderIr, apiClass: ApiClass): boolean {
  return apiClass.endpoints.some((endpoint) => nativePath(endpoint.name, provider) !== undefined);
}

/** The path at which clients find an endpoint. */
export function endpointPath(endpoint: ApiEndpoint, prefixes: EndpointPrefixes): string {
  return `${prefixes[endpoint.api]}/${endpoint.path}`;
}
