/** What a request would meet, as data: one answer for each listener that could take it. */
import type { GatewayIr } from '../../ir/index.ts';
import type { Finding } from '../../lib/findings.ts';

/** A gateway with what its compilation said about it. */
export interface ExplainedGateway {
  readonly gateway: GatewayIr;
  readonly findings: readonly Finding[];
}

export interface Explanation {
  readonly request: {
    readonly method: string;
    readonly host?: string;
    readonly path: string;
    /** The endpoint, where the path is one of an inference API. */
    readonly endpoint?: string;
    readonly model?: string;
  };
  readonly listeners: readonly ListenerExplanation[];
}

export interface ListenerExplanation {
  readonly gateway: string;
  readonly listener: string;
  readonly address: string;
  readonly tls: boolean;
  /** Host name of the routes that were looked at; absent where no host takes the request. */
  readonly host?: string;
  readonly route?: RouteExplanation;
  readonly outcome: Outcome;
  /** Why other routes do not serve it, in the order in which they are tried. */
  readonly others: readonly OtherRoute[];
}

export interface RouteExplanation {
  /** `KIND/NAMESPACE/NAME/rule/N/match/M`. */
  readonly name: string;
  readonly object: string;
  readonly field: string;
  /** `FILE:LINE:COLUMN`. */
  readonly place?: string;
  /** The conditions that it meets. */
  readonly conditions: readonly string[];
}

export interface OtherRoute {
  readonly name: string;
  readonly reason: string;
}

export type Outcome =
  /** Envoy answers itself. */
  | { readonly kind: 'answer'; readonly status: number; readonly message: string }
  | { readonly kind: 'models'; readonly models: readonly { readonly id: string; readonly ownedBy: string }[] }
  | { readonly kind: 'redirect'; readonly status: number; readonly to: string }
  | {
      readonly kind: 'backends';
      readonly backends: readonly BackendExplanation[];
      /** Backends of the rule that do not serve this endpoint. */
      readonly skipped: readonly { readonly backend: string; readonly reason: string }[];
      readonly timeouts: readonly string[];
      readonly retry: readonly string[];
      readonly costs: readonly { readonly key: string; readonly value: string }[];
      /** Of the route, in the order in which they are asked. */
      readonly limits: readonly LimitExplanation[];
      /** What changes on the way for all backends. */
      readonly changes: readonly string[];
    };

/** A limit, or a bucket of a quota. */
export interface LimitExplanation {
  /** `1000 an hour`. */
  readonly limit: string;
  /** Object and field. */
  readonly source: string;
  /** Whose bucket the request meets; absent where it meets none. */
  readonly bucket?: string;
  /** Why it meets none. */
  readonly missed?: readonly string[];
  /** It refuses nothing. */
  readonly shadow?: boolean;
  /** What a request counts for, and when. */
  readonly counts: readonly string[];
}

export interface BackendExplanation {
  /** `NAMESPACE/NAME`. */
  readonly backend: string;
  readonly cluster: string;
  readonly schema?: string;
  readonly priority: number;
  /** Share of the requests among backends of one priority, in percent. */
  readonly percent: number;
  readonly endpoints: readonly string[];
  readonly tls?: string;
  /** Path that is sent. */
  readonly path?: string;
  /** Model that is sent. */
  readonly model?: string;
  /** Which credential goes where, by the name of its secret. */
  readonly credential?: string;
  /** Buckets of which one needs to have room. */
  readonly quota?: readonly LimitExplanation[];
  readonly changes: readonly string[];
}
