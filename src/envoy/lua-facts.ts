/**
 * The facts that lua/gateway.lua is told. Each set travels as a Struct `{version, facts}`: the facts are canonical JSON
 * text and the version its hash, so the script reads a set once a worker.
 */

/** Metadata of the route of a request whose body is not read yet, under the filter's name: what makes the script read it. */
export interface UnreadFacts {
  /** Name of the inference endpoint. */
  readonly endpoint: string;
  readonly api: string;
  /** Class of endpoints it belongs to, and the endpoint: what stands in the API header. */
  readonly class: string;
  readonly stream_options?: boolean;
}

/**
 * By backend, as users see it, and by the model that it is asked for (`*`: others): for a token of input, cached input,
 * input that goes into a cache and output, and for a request, in millionths of the currency's unit.
 */
export type PriceFacts = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

/** Metadata of an inference route, under the filter's name. */
export interface RouteFacts {
  /** `NAMESPACE/NAME` of the route. */
  readonly name: string;
  /**
   * The model is served nowhere: 404. It has to be a route with a cluster, not a direct response: this is the route of a
   * request without a model yet, and only routes with a cluster take the body limit of their virtual host.
   */
  readonly not_found?: boolean;
  /** Name, as users see it, of the one backend, where its attempts need no script. */
  readonly only?: string;
  /** Requests may be mirrored: what is known of them goes with them, as a header. */
  readonly mirrors?: boolean;
  /** The one backend, asked once, on Envoys whose clusters have no script (older/). */
  readonly sole?: BackendFacts;
  /** On such Envoys, the backends of a rule that may be asked more than once. */
  readonly attempts?: AttemptFacts;
  /** A request that asks for what a provider cannot do is refused where it is translated. */
  readonly refuse_unsupported?: boolean;
  /** Streams are made to report their usage. */
  readonly force_usage?: boolean;
  readonly costs?: readonly { key: string; count?: string; lua?: string }[];
  /** Backends by priority; absent where the route has one cluster. */
  readonly groups?: readonly (readonly GroupMember[])[];
  /** True where a group has more than one member: the order is drawn for each request. */
  readonly drawn?: boolean;
  /** True where a member needs a credential of the request. */
  readonly needs?: boolean;
  readonly attempts_per_backend?: number;
  /** 401 and 403 for a credential of the request are not retried. */
  readonly client_refusal_ends?: boolean;
  /** Request headers that may carry a credential for some backend, lower case. */
  readonly override_headers?: readonly string[];
  /**
   * Request headers that the attempt at some backend changes, lower case: header changes last into the next attempt, which
   * has to begin with what the client sent.
   */
  readonly restore?: readonly string[];
  readonly limits?: LimitFacts;
  readonly prices?: PriceFacts;
  /** What the route changes for a backend, by cluster. */
  readonly refs: Readonly<Record<string, RefFacts>>;
}

/** What is noted of a request for its limits, in the metadata namespace `headgate.limits`. */
export interface LimitFacts {
  /** For expressions that ask for the backend before one is chosen. */
  readonly backend: string;
  /** Lower case; `:path` is the path without its query. */
  readonly headers: readonly string[];
  /** Parameters, noted under their name behind a question mark. */
  readonly query?: readonly string[];
  readonly reserves?: readonly ReserveFacts[];
  /** Of the backends, by cluster. */
  readonly quotas?: Readonly<Record<string, readonly QuotaFacts[]>>;
  /**
   * Keys of costs that are charged at the end. What is known of them meanwhile is noted under `known/KEY`: it counts for a
   * stream that never ends properly.
   */
  readonly charged?: readonly string[];
}

/** A quota of a backend, with what a request costs there. */
export interface QuotaFacts {
  readonly key: string;
  readonly count?: string;
  readonly lua?: string;
  /** As the backend is asked for it; absent: models without a quota of their own. */
  readonly model?: string;
  /** `backend`: as users see it, for its prices. */
  readonly reserve?: ReserveFacts & { readonly backend: string };
  readonly buckets: readonly {
    /** Noted as `quota/NOTE` where a request may be served, as `charge/NOTE` where it was. */
    readonly note: string;
    readonly name: string;
    /** Length of its windows. */
    readonly seconds: number;
    readonly shadow?: boolean;
  }[];
}

/** Filter context of the script behind the rate limit filter. */
export interface RoleFacts {
  readonly role: 'quota';
}

/** A reservation, noted under `key`: a number, or a cost of estimated counts. */
export interface ReserveFacts {
  readonly key: string;
  readonly number?: number;
  readonly count?: string;
  readonly lua?: string;
  /** Tokens of output that count for a request that names no maximum; absent: no output counts. */
  readonly output?: number;
}

export interface AttemptFacts {
  /** Clusters in the order of attempts, where none is drawn for the request. */
  readonly order: readonly string[];
  /** By cluster. `endpoint_host`: the chosen endpoint's name is the `:authority`. */
  readonly backends: Readonly<Record<string, BackendFacts & { readonly endpoint_host?: boolean }>>;
  /** Response flags of Envoy's own answers after which another attempt is made. */
  readonly retried: Readonly<Record<string, boolean>>;
}

export interface GroupMember {
  readonly cluster: string;
  readonly weight: number;
  /** Name shown to users. */
  readonly backend: string;
  /** Request header without which this backend cannot serve. */
  readonly needs?: string;
  /** Dynamic metadata without which this backend cannot serve; with `needs`: either will do. */
  readonly needs_metadata?: { readonly namespace: string; readonly key: string };
}

export interface RefFacts {
  /** Model sent instead of the one asked for. */
  readonly model?: string;
  readonly headers?: { readonly set?: Readonly<Record<string, string>>; readonly removed?: readonly string[] };
  /** `set` holds JSON text by top-level key. */
  readonly body?: {
    readonly set?: Readonly<Record<string, string>>;
    readonly removed?: Readonly<Record<string, boolean>>;
  };
}

/** Filter context of the script in a cluster's upstream filters. */
export interface BackendFacts {
  /** It gets copies of requests, whose own facts came with them. */
  readonly mirror?: boolean;
  readonly cluster: string;
  /** Name shown to users. */
  readonly name: string;
  /** Shape of errors that the script answers itself. */
  readonly api: string;
  /** Headers removed before anything is set: internal ones, the client's credentials and those of other providers. */
  readonly strip: readonly string[];
  /** Path of the provider by endpoint name; `{model}` stands for the URL-encoded model. */
  readonly paths: Readonly<Record<string, string>>;
  /** Endpoints that are translated: where they go, and of what type streams are (`accept` tells the filters which one it is). */
  readonly translated?: Readonly<Record<string, { readonly path: string; readonly stream?: string }>>;
  readonly stream_type?: string;
  /** `ProviderIr` as JSON text, for the processor; absent where nothing is translated, and before Envoy 1.40. */
  readonly provider?: string;
  /** It is reached without TLS, so that connections to it are there soon or not at all. */
  readonly near?: boolean;
  /** Headers that translated requests have. */
  readonly translated_headers?: Readonly<Record<string, string>>;
  /** `:authority` of the provider; absent: as the client sent it. */
  readonly host?: string;
  /** Headers with credentials of the client that this backend gets, lower case. */
  readonly forward?: readonly string[];
  /** Several keys: the script says by a mark in the header which of them is to be put there. */
  readonly pool?: { readonly header: string; readonly size: number };
  readonly credential?: { readonly header: string; readonly prefix: string } & OverrideFacts;
  /** Keys of AWS that a request may bring; `request_header` is what three names begin with. */
  readonly own_keys?: OwnKeysFacts;
}

/** Keys, and what they sign for. */
export interface OwnKeysFacts extends OverrideFacts {
  readonly region: string;
  readonly service: string;
}

/** Where a request has a credential of its own. */
export interface OverrideFacts {
  readonly request_header?: string;
  readonly metadata_namespace?: string;
  readonly metadata_key?: string;
  /** Without a credential in the request the configured one serves. */
  readonly fallback: boolean;
}
