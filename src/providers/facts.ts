import type { EndpointName, ProviderSchema } from '../ir/index.ts';

/** What is known of providers that speak one schema, as data. */
export interface ProviderFacts {
  readonly schema: ProviderSchema;
  /**
   * Endpoints whose requests and answers pass unchanged, and the path each has there. `{prefix}` is the path prefix,
   * `{model}` the model that is asked for (percent-encoded), `{version}` the version of the schema.
   */
  readonly paths: Readonly<Partial<Record<EndpointName, string>>>;
  /** Value of `{prefix}` where none is configured. */
  readonly defaultPrefix?: string;
  /** Value of `{version}` where none is configured, by endpoint. */
  readonly defaultVersion?: (endpoint: EndpointName) => string;
  /** How an API key is sent. Absent: the schema's providers take no plain key. */
  readonly credential?: { readonly header: string; readonly prefix: string };
  /** Hosts of providers that refuse requests without a credential: a name, or `*.` and what it ends with. */
  readonly publicHosts: readonly string[];
}
