import type { CostIr } from './cost.ts';
import type { LimitIr, LocalLimitIr } from './limits.ts';
import type { OriginIr } from './origin.ts';

/** One way to reach one action. Routes of a host stand in order of precedence: the first that matches serves. */
export interface RouteIr {
  /** `KIND/NAMESPACE/NAME/rule/N/match/M`. */
  readonly name: string;
  readonly origin: OriginIr;
  readonly match: MatchIr;
  readonly action: ActionIr;
  readonly limits?: LimitsIr;
}

/** What requests of a route may use. */
export interface LimitsIr {
  /** Of all Envoys together. */
  readonly global: readonly LimitIr[];
  /** Of each Envoy by itself. */
  readonly local: readonly LocalLimitIr[];
}

export interface MatchIr {
  /** True: only the inference endpoints (endpoints.ts), after the model was read from the body. */
  readonly inference: boolean;
  readonly path?: PathMatchIr;
  /** Upper case. */
  readonly method?: string;
  /** All must match. The model stands in `x-ai-eg-model`. Names are lower case and unique. */
  readonly headers: readonly ValueMatchIr[];
  readonly queryParams: readonly ValueMatchIr[];
}

export interface PathMatchIr {
  /** `prefix` matches whole path segments, as Gateway API's PathPrefix. `regex` is RE2 and matches the whole path. */
  readonly type: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}

export interface ValueMatchIr {
  readonly name: string;
  /** `regex` is RE2 and matches the whole value. */
  readonly type: 'exact' | 'regex';
  readonly value: string;
}

export type ActionIr =
  | { readonly kind: 'inference'; readonly rule: InferenceRuleIr }
  | { readonly kind: 'forward'; readonly forward: ForwardIr }
  | { readonly kind: 'redirect'; readonly redirect: RedirectIr }
  /** Isolated traffic (500), or a rule without backends. `message` is shown to the client and holds nothing private. */
  | { readonly kind: 'respond'; readonly status: number; readonly message: string };

/** What a rule of an AIGatewayRoute does, shared by all of its matches. */
export interface InferenceRuleIr {
  /** `NAMESPACE/NAME` of the route. */
  readonly route: string;
  /** `AIGatewayRoute/NAMESPACE/NAME/rule/N`. */
  readonly name: string;
  /** In order of priority, then of the YAML. Weight 0 is left out. */
  readonly backends: readonly InferenceBackendIr[];
  /** Total time of a request including its stream; 0 is none. */
  readonly requestTimeoutMs: number;
  /** Longest silence of an attempt, before and between bytes. */
  readonly streamIdleTimeoutMs?: number;
  readonly retry: RetryIr;
  readonly costs: readonly CostIr[];
  /** What a provider has no word for refuses the request, instead of being named in the answer. */
  readonly refusesUnsupported?: boolean;
  readonly mirror?: MirrorIr;
}

/** A backend that gets a share of the requests once more; nobody waits for its answers, or reads them. */
export interface MirrorIr {
  /** Name of a `BackendIr` of the gateway. */
  readonly backend: string;
  /** Above 0, at most 100. */
  readonly percent: number;
  readonly modelOverride?: string;
}

export interface InferenceBackendIr {
  /** Name of a `BackendIr` of the gateway. */
  readonly backend: string;
  readonly priority: number;
  readonly weight: number;
  readonly modelOverride?: string;
  /** Of route and backend merged, the route's winning. */
  readonly headerMutation?: HeaderMutationIr;
  readonly bodyMutation?: BodyMutationIr;
}

export interface HeaderMutationIr {
  /** Names lower case, values literal. */
  readonly set: readonly { readonly name: string; readonly value: string }[];
  readonly remove: readonly string[];
}

export interface BodyMutationIr {
  /** Top-level fields; `value` is JSON text. */
  readonly set: readonly { readonly path: string; readonly value: string }[];
  readonly remove: readonly string[];
}

export interface RetryIr {
  /** Attempts at one backend before the next priority is tried. */
  readonly attemptsPerBackend: number;
  /** Attempts after the first one; undefined: enough to try each backend. */
  readonly numRetries?: number;
  readonly statusCodes: readonly number[];
  /** What a provider says of a credential that came with the request is the client's to know, whatever is retried. */
  readonly clientRefusalEnds?: boolean;
  /** Envoy's `retry_on` words beside status codes. */
  readonly triggers: readonly string[];
  readonly perTryTimeoutMs?: number;
  readonly backOff?: { readonly baseIntervalMs: number; readonly maxIntervalMs: number };
}

/** A rule of an HTTPRoute. */
export interface ForwardIr {
  readonly backends: readonly {
    readonly backend: string;
    readonly weight: number;
    readonly requestHeaders?: HeaderEditIr;
    readonly responseHeaders?: HeaderEditIr;
  }[];
  /** Weight of references that do not resolve: that share of requests gets 500. */
  readonly invalidWeight: number;
  readonly requestHeaders?: HeaderEditIr;
  readonly responseHeaders?: HeaderEditIr;
  readonly rewrite?: { readonly hostname?: string; readonly path?: PathRewriteIr };
  readonly mirrors: readonly { readonly backend: string; readonly percent: number }[];
  /** 0 is none. */
  readonly requestTimeoutMs: number;
  readonly backendRequestTimeoutMs?: number;
  readonly retry?: RetryIr;
}

export interface HeaderEditIr {
  readonly set: readonly { readonly name: string; readonly value: string }[];
  readonly add: readonly { readonly name: string; readonly value: string }[];
  readonly remove: readonly string[];
}

export type PathRewriteIr =
  | { readonly kind: 'full'; readonly value: string }
  /** `matched` is the prefix of the rule's match that is replaced. */
  | { readonly kind: 'prefix'; readonly matched: string; readonly value: string };

export interface RedirectIr {
  readonly scheme?: 'http' | 'https';
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: PathRewriteIr;
  readonly statusCode: 301 | 302 | 303 | 307 | 308;
}
