import {
  API_ENDPOINTS,
  type ApiEndpoint,
  type ApiFamily,
  type EndpointPrefixes,
  type ProviderIr,
  type ProviderSchema,
} from '../ir/index.ts';
import { nativePath, PROVIDER_SCHEMAS, servesNatively, translatedPath } from '../providers/index.ts';
import { translates } from '../providers/translated-endpoints.ts';

/**
 * Classes of endpoints: those of one class are served by the same schemas in the same way, so most routes need one answer
 * for each class. The API header holds the class and the endpoint; the name of a class begins with that of the family it
 * belongs to, and no name is the beginning of another one.
 */
export interface ApiClass {
  readonly name: string;
  readonly family: ApiFamily;
  readonly endpoints: readonly ApiEndpoint[];
}

/** How a provider serves a class: as requests come, or by translation. */
export type ServingMode = 'native' | 'translated';

export const API_FAMILIES: readonly ApiFamily[] = ['openai', 'anthropic', 'cohere'];

export const API_CLASSES: readonly ApiClass[] = API_FAMILIES.flatMap((family) => {
  const byModes = new Map<string, ApiEndpoint[]>();
  for (const endpoint of API_ENDPOINTS.filter(({ api }) => api === family)) {
    const modes = PROVIDER_SCHEMAS.map((schema) => modeOf(endpoint, schema)).join();
    byModes.set(modes, [...(byModes.get(modes) ?? []), endpoint]);
  }
  return [...byModes.values()].map((endpoints) => ({
    name: `${family}/${endpoints[0]?.name ?? ''}/`,
    family,
    endpoints,
  }));
});

function modeOf({ name }: ApiEndpoint, schema: ProviderSchema): ServingMode | 'none' {
  if (servesNatively(name, schema)) return 'native';
  return translates(name, schema) ? 'translated' : 'none';
}

/** What the API header says of a request. */
export function apiHeaderOf(endpoint: ApiEndpoint): string {
  const of = API_CLASSES.find((candidate) => candidate.endpoints.includes(endpoint));
  return of === undefined ? endpoint.api : endpointIn(of, endpoint);
}

export function endpointIn({ name }: ApiClass, endpoint: ApiEndpoint): string {
  return `${name}${endpoint.name}/`;
}

/** How a provider takes requests to this endpoint; undefined: not at all. */
export function servingMode(provider: ProviderIr, { name }: ApiEndpoint): ServingMode | undefined {
  if (nativePath(name, provider) !== undefined) return 'native';
  return translatedPath(name, provider) === undefined ? undefined : 'translated';
}

/** Families of which a provider serves something by translation. */
export function translatedFamilies(provider: ProviderIr): ApiFamily[] {
  return API_FAMILIES.filter((family) =>
    API_ENDPOINTS.some((one) => one.api === family && servingMode(provider, one) === 'translated'),
  );
}

/** The path at which clients find an endpoint. */
export function endpointPath(endpoint: ApiEndpoint, prefixes: EndpointPrefixes): string {
  return `${prefixes[endpoint.api]}/${endpoint.path}`;
}
