import type { EndpointName, ProviderIr } from '../ir/index.ts';

/** What the processor is told of an attempt by the metadata that Envoy forwards. */
export interface Attempt {
  readonly endpoint: EndpointName;
  readonly provider: ProviderIr;
  /** Unique, letters and digits. */
  readonly requestId: string;
  /** Seconds since 1970. */
  readonly nowSeconds: number;
  /** Betas of Anthropic's that the client asks for by the header `anthropic-beta`. */
  readonly betas?: readonly string[];
  /** What the provider cannot carry: `report` it in a header, or `refuse` the request with 400. */
  readonly unsupported: 'report' | 'refuse';
}

/**
 * One attempt's conversion: first the request, then the answer to it. Holds what the answer needs of the request, and
 * nothing longer than the attempt.
 */
export interface Translation {
  /**
   * Shape: `body` is the whole body, with the model of the attempt in it (overrides are applied before).
   * Errors: GatewayError, whose message is for the client.
   */
  readonly request: (body: Uint8Array) => TranslatedRequest;
  /** `headers`: lower case. The body is to be decompressed already. Call once, after `request`. */
  readonly response: (status: number, headers: ReadonlyMap<string, string>) => TranslatedResponse;
}

export interface TranslatedRequest {
  readonly body: Uint8Array;
  /** Where the path of the facts will not do. */
  readonly path?: string;
  /** Fields of the client's request that the provider has no word for. */
  readonly unsupported: readonly string[];
  readonly stream: boolean;
}

export interface TranslatedResponse {
  readonly contentType: string;
  /** `whole`: nothing comes out before `end`. */
  readonly kind: 'whole' | 'stream';
  /** Status for the client. That of a `whole` answer is known once `end` was called: 502 where it could not be read. */
  readonly status: () => number;
  /** Bytes cut anywhere. */
  readonly push: (bytes: Uint8Array) => Uint8Array;
  readonly end: () => Uint8Array;
}
