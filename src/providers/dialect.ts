import type { ProviderIr } from '../ir/index.ts';
import type {
  AnswerEvent,
  ConversationAnswer,
  ConversationRequest,
  JsonObject,
  ProviderError,
} from './conversation.ts';

/** Collects what a request asks for and the provider's API has no word for. */
export interface Unsupported {
  /** `field`: path in the client's request, such as `logit_bias` or `tools[0].strict`. */
  readonly add: (field: string) => void;
}

/** Facts of an attempt that conversions need beside the request. */
export interface DialectContext {
  readonly provider: ProviderIr;
  /** The model that is asked for at the provider, after every override. */
  readonly model: string;
  readonly unsupported: Unsupported;
  /** Betas of Anthropic's that the client asks for by a header. */
  readonly betas?: readonly string[];
}

/** Facts of the exchange for what is said to the client. */
export interface AnswerContext {
  /** The model the provider was asked for: stands where the provider does not name the one that answered. */
  readonly model: string;
  /** Unique for this exchange, letters and digits: ids that the provider does not give are made of it. */
  readonly requestId: string;
  /** Seconds since 1970. */
  readonly nowSeconds: number;
  /** Others may stand for its messages (stand-ins.ts): they are not to be told of. */
  readonly request: ConversationRequest;
}

/**
 * An API as clients speak it: requests come in it and answers go out in it.
 * Errors: `readRequest` throws GatewayError `invalid_input` (with the field in its message) for what the API itself would
 * refuse and that cannot be carried on, and leaves judgement of values to the provider.
 */
export interface ClientDialect {
  /** This API's words for fields that writers report in those of chat completions. */
  readonly fieldNames?: ReadonlyMap<string, string>;
  readonly readRequest: (body: JsonObject, unsupported: Unsupported) => ConversationRequest;
  readonly writeAnswer: (answer: ConversationAnswer, context: AnswerContext) => JsonObject;
  /** Bytes of the stream as text: whole SSE events, the last one included (`[DONE]` where the API has it). */
  readonly createStreamWriter: (context: AnswerContext) => StreamWriter;
  readonly writeError: (error: ProviderError) => JsonObject;
}

export interface StreamWriter {
  readonly write: (event: AnswerEvent) => string;
  /** The provider's stream has ended, properly or not: closes what is open. */
  readonly end: () => string;
}

/** An API as providers speak it: requests go out in it and answers come in it. */
export interface ProviderDialect {
  /**
   * Body of the request; its path is data (facts.ts). Errors: GatewayError `invalid_input` for what the API cannot carry
   * at all (audio where there is none), so that nothing is silently left out of what the model sees.
   */
  readonly writeRequest: (request: ConversationRequest, context: DialectContext) => JsonObject;
  /** `headers`: of the answer, lower case. */
  readonly readAnswer: (body: JsonObject, headers: ReadonlyMap<string, string>) => ConversationAnswer;
  readonly createStreamReader: (headers: ReadonlyMap<string, string>) => StreamReader;
  /** `body`: parsed where it is JSON, else its text. */
  readonly readError: (
    status: number,
    headers: ReadonlyMap<string, string>,
    body: JsonObject | string,
  ) => ProviderError;
}

/** Bytes cut anywhere in, events out; holds no more than one event of the provider's. */
export interface StreamReader {
  readonly push: (bytes: Uint8Array) => AnswerEvent[];
  /** The stream has ended: what is still open is closed, and a missing end is an `error` event. */
  readonly end: () => AnswerEvent[];
}

/** A conversion of one whole body each way, for endpoints that hold no conversation and do not stream. */
export interface WholeConversion {
  /** The path for a model, where that of the facts will not do. */
  readonly path?: (model: string, provider: ProviderIr) => string | undefined;
  /** `body`: the client's. Errors: GatewayError `invalid_input` for what the provider cannot carry at all. */
  readonly writeRequest: (body: JsonObject, context: DialectContext) => JsonObject;
  /** The client's answer out of the provider's. Errors: GatewayError `provider_failed` for an answer of another shape. */
  readonly readAnswer: (answer: JsonObject, context: WholeAnswerContext) => JsonObject;
  readonly readError: ProviderDialect['readError'];
}

/** Facts of the exchange for the answer of a whole conversion. */
export interface WholeAnswerContext {
  /** The model the provider was asked for. */
  readonly model: string;
  /** The client's body. */
  readonly request: JsonObject;
  /** Of the answer, lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Unique for this exchange, letters and digits. */
  readonly requestId: string;
  /** Seconds since 1970. */
  readonly nowSeconds: number;
}
