import type { EndpointName, ProviderSchema } from '../ir/index.ts';

/** Path of a translated endpoint at the provider, with the places of `ProviderFacts.paths`. */
export interface TranslatedPath {
  readonly path: string;
  /** For requests that ask for a stream, where that is another one. */
  readonly stream?: string;
}

/** What is known of providers that speak one schema, as data. */
export interface ProviderFacts {
  readonly schema: ProviderSchema;
  /**
   * Endpoints whose requests and answers pass unchanged, and the path each has there. `{prefix}` is the path prefix,
   * `{model}` the model that is asked for (percent-encoded), `{version}` the version of the schema, `{project}` and
   * `{region}` those of the provider.
   */
  readonly paths: Readonly<Partial<Record<EndpointName, string>>>;
  /** Endpoints that are translated to another one of the same provider's: those that can carry it, the best one first. */
  readonly carriedBy?: Readonly<Partial<Record<EndpointName, readonly EndpointName[]>>>;
  /** Where other requests go that are translated (translated-endpoints.ts says which are). */
  readonly translated?: Readonly<Partial<Record<EndpointName, TranslatedPath>>>;
  /** Some translations choose the path by the body. */
  readonly choosesPath?: boolean;
  /** Media type of its streams. Absent: `text/event-stream`. */
  readonly streamType?: string;
  /** Headers that translated requests to it have, lower case. */
  readonly requestHeaders?: Readonly<Record<string, string>>;
  /** Value of `{prefix}` where none is configured. */
  readonly defaultPrefix?: string;
  /** Value of `{version}` where none is configured, by endpoint. */
  readonly defaultVersion?: (endpoint: EndpointName) => string;
  /** How an API key is sent. Absent: the schema's providers take no plain key. */
  readonly credential?: { readonly header: string; readonly prefix: string };
  /** Hosts of providers that refuse requests without a credential: a name, or `*.` and what it ends with. */
  readonly publicHosts: readonly string[];
}
