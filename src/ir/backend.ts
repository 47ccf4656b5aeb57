import type { EndpointName } from './endpoints.ts';
import type { QuotaIr } from './limits.ts';
import type { SecretRef } from './secret.ts';

export type ProviderSchema =
  | 'OpenAI'
  | 'Cohere'
  | 'AWSBedrock'
  | 'AzureOpenAI'
  | 'GCPVertexAI'
  | 'GCPAnthropic'
  | 'Anthropic'
  | 'AWSAnthropic';

/** A target that gets its own Envoy cluster: a provider of models, or a plain HTTP service. */
export interface BackendIr {
  /** `AIServiceBackend/NAMESPACE/NAME` or `Backend/NAMESPACE/NAME`: also the name of the cluster. */
  readonly name: string;
  /** `NAMESPACE/NAME`: how users see it in headers, logs and metadata. */
  readonly displayName: string;
  /** Absent for a plain HTTP service. */
  readonly provider?: ProviderIr;
  readonly endpoints: readonly EndpointIr[];
  /** Absent: plaintext. */
  readonly tls?: BackendTlsIr;
  readonly protocol: 'auto' | 'http1' | 'h2c';
  readonly connection: ConnectionIr;
  readonly credential?: CredentialIr;
  /** Requests are signed (AWS). Never beside `credential`. */
  readonly signing?: AwsSigningIr;
  /** The client's own credentials go on to this backend (and to no other). Never beside `credential`. */
  readonly forwardClientCredentials?: boolean;
  /** How much of it may be used. */
  readonly quotas?: readonly QuotaIr[];
  /** What its models cost. */
  readonly prices?: readonly PriceIr[];
  /** HTTP CONNECT proxy to reach it through, `host:port`. */
  readonly forwardProxy?: string;
}

/** In units of the user's currency: for a million tokens, and for each request. */
export interface PriceIr {
  /** As the backend is asked for it. Absent: models without a price of their own. */
  readonly model?: string;
  readonly input: number;
  /** Of input tokens that came from a cache, or went into one. */
  readonly cachedInput: number;
  readonly cacheCreationInput: number;
  readonly output: number;
  readonly request: number;
}

export interface ProviderIr {
  readonly schema: ProviderSchema;
  /** Azure: `api-version`. Anthropic on a cloud: `anthropic_version`. */
  readonly version?: string;
  /** Path prefix without slashes at its ends; empty for none. Undefined: the default of the schema. */
  readonly prefix?: string;
  /** Google Cloud: the project that requests are made in. */
  readonly project?: string;
  /** Google Cloud, AWS: the region that requests are sent to. */
  readonly region?: string;
  /** Endpoints that it has, in the order of the API's. Absent: all of the schema. */
  readonly endpoints?: readonly EndpointName[];
  /** What the user knows of models better than the gateway. The first row that fits a model counts. */
  readonly modelFacts?: readonly ModelFactsIr[];
}

/** Facts of models that stand over those in the folders of providers; what is absent stays as it is there. */
export interface ModelFactsIr {
  /** Names of models at the provider, with `*` for anything. */
  readonly models: string;
  /** A model whose facts are meant, instead of what the name says: for deployments, ARNs, and models newer than the gateway. */
  readonly like?: string;
  readonly maxOutputTokens?: number;
  /** Asked for where a client says nothing and the API requires a number. */
  readonly defaultMaxTokens?: number;
  /** Takes a JSON Schema for its answer. */
  readonly structuredOutput?: boolean;
  /** Efforts of reasoning, weakest first; none: there is no such setting. */
  readonly efforts?: readonly string[];
  /** Claude: the ways of thinking it takes. */
  readonly thinking?: readonly ('off' | 'on' | 'adaptive')[];
  /** Claude: `temperature` and `top_p` (and `top_k`): all, one of the first two, or none is taken. */
  readonly sampling?: 'all' | 'one' | 'none';
  /** Chat: the server refuses fields that OpenAI's API does not have. */
  readonly strict?: boolean;
  /** Converse: how reasoning is asked for. */
  readonly reasoning?: 'claude' | 'effort' | 'nova' | 'none';
  /** Converse: where `top_k` goes. */
  readonly topK?: 'field' | 'nova' | 'none';
  /** Converse: takes cache points. */
  readonly caching?: boolean;
  /** Gemini: levels of thinking, from little to much. */
  readonly thinkingLevels?: readonly ('MINIMAL' | 'LOW' | 'MEDIUM' | 'HIGH')[];
  /** Gemini: tokens of thinking. `canDisable`: a budget of 0 switches it off. */
  readonly thinkingBudget?: { readonly min: number; readonly max: number; readonly canDisable: boolean };
  /** Gemini: takes JSON Schema as it is. */
  readonly jsonSchema?: boolean;
  /** Gemini: takes a resolution for each image. */
  readonly mediaResolution?: boolean;
  /** Gemini: refuses a tool call of this turn that comes back without its signature. */
  readonly needsSignatures?: boolean;
  /** Gemini: takes images and documents inside of a tool's result. */
  readonly mediaInResults?: boolean;
}

export type EndpointIr =
  | { readonly kind: 'ip'; readonly address: string; readonly port: number; readonly hostname?: string }
  | { readonly kind: 'fqdn'; readonly hostname: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string; readonly hostname?: string };

export interface BackendTlsIr {
  /** Server name sent and validated against the certificate. */
  readonly sni: string;
  /** `system`: the trust store of the host; else a `ca` secret. `none`: the user switched validation off. */
  readonly ca: 'system' | 'none' | SecretRef;
  /** Names that the certificate must hold one of, beside `sni` validation. */
  readonly subjectAltNames: readonly SubjectAltNameIr[];
  /** Client certificate. */
  readonly certificate?: SecretRef;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  readonly alpn?: readonly string[];
}

export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3';

export interface SubjectAltNameIr {
  readonly type: 'dns' | 'uri';
  readonly value: string;
}

/** Limits and health of one backend; a BackendTrafficPolicy refines the defaults. */
export interface ConnectionIr {
  readonly connectTimeoutMs: number;
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxParallelRequests?: number;
  readonly maxParallelRetries?: number;
  readonly maxRequestsPerConnection?: number;
  readonly idleTimeoutMs?: number;
  readonly tcpKeepalive?: { readonly probes?: number; readonly idleTimeMs?: number; readonly intervalMs?: number };
  readonly dnsRefreshRateMs?: number;
  readonly respectDnsTtl?: boolean;
  readonly loadBalancer: 'round_robin' | 'least_request' | 'random';
  /** Passive health checking. Absent: no endpoint is ejected. */
  readonly outlier?: OutlierIr;
  readonly activeHealthCheck?: ActiveHealthCheckIr;
}

export interface OutlierIr {
  readonly consecutive5xx?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly consecutiveLocalOriginFailures?: number;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly intervalMs: number;
  readonly baseEjectionTimeMs: number;
  readonly maxEjectionPercent: number;
  /** One endpoint may be ejected whatever `maxEjectionPercent` says. */
  readonly alwaysEjectOne: boolean;
}

export interface ActiveHealthCheckIr {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly path: string;
  readonly host?: string;
  readonly method?: string;
  readonly expectedStatuses: readonly number[];
}

/** How a backend is told who calls. */
export interface CredentialIr {
  /** Header that carries it, lower case. */
  readonly header: string;
  /** Text before the value: `Bearer `, or empty. */
  readonly prefix: string;
  /** Absent: only what the request itself carries (see `override`). */
  readonly secret?: SecretRef;
  /** Further keys of the same provider: each serves in its turn, and one that is refused or used up rests. */
  readonly furtherKeys?: readonly SecretRef[];
  readonly override?: CredentialOverrideIr;
}

/** A credential that comes with the request. */
export interface CredentialOverrideIr {
  /** Request header that holds it, lower case. */
  readonly requestHeader?: string;
  readonly dynamicMetadata?: { readonly namespace: string; readonly key: string };
  /** Use the configured credential when the request carries none; else the request cannot use this backend. */
  readonly fallbackToConfigured: boolean;
}

/** Signature Version 4, over the request as it leaves. */
export interface AwsSigningIr {
  readonly service: 'bedrock';
  readonly region: string;
  /** Of kind `aws`. Absent: what the environment of the Envoy gives (AWS's default chain). */
  readonly secret?: SecretRef;
  /** Keys that come with the request. `requestHeader` is what the names of three headers begin with. */
  readonly override?: CredentialOverrideIr;
}
