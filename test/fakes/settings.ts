/** What a test may turn on a fake while it runs: the shape of answers, their usage, and faults. */
import type { RecordedRequest } from './recorded.ts';
import type { Script } from './script.ts';

/**
 * Token counts as a provider's own fields carry them: `input` is `prompt_tokens` of OpenAI (cached ones included) and
 * `input_tokens` of Anthropic (cached ones not included).
 */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly cacheCreation: number;
  readonly reasoning: number;
}

/** Every knob has a default that a plain provider would show. */
export interface FakeSettings {
  /** Pieces of content in an answer; unless `usage` says otherwise also its output tokens. */
  chunks: number;
  /** Pause before each piece of a stream. */
  chunkDelayMs: number;
  /** Bodies go out in writes of this many bytes, each its own segment; undefined writes whole pieces. */
  splitBytes: number | undefined;
  /** Line end of server-sent events. */
  lineEnd: '\n' | '\r\n';
  /** What differs from the counted usage. */
  usage: Partial<Usage> | ((request: RecordedRequest) => Partial<Usage>);
  /** Anthropic: `message_delta` repeats the input counts; older answers told them in `message_start` alone. */
  deltaInputTokens: boolean;
  /** Text of an answer; otherwise `chunks` words. */
  reply: ((request: RecordedRequest) => string) | undefined;
  /** What to answer, in words that every provider can say; wins over `reply`, `chunks` and `usage`. */
  script: Script | ((request: RecordedRequest) => Script | undefined) | undefined;
  /** Models that exist; undefined accepts any. Azure: the deployments. */
  models: readonly string[] | undefined;
  /** `model` of an answer; otherwise the one asked for. */
  responseModel: string | undefined;
  /** Compresses answers when the request's `accept-encoding` allows it. */
  compress: 'gzip' | 'deflate' | 'br' | undefined;
  /** Compresses although the request does not ask for it, as some proxies do. */
  compressUnasked: boolean;
  /** Unary answers carry `content-length`; otherwise they are chunked. */
  contentLength: boolean;
  /** Fields that the provider's API does not know are refused, as the provider does. */
  refuseUnknownFields: boolean;
  /** Headers added to every answer. */
  headers: Readonly<Record<string, string>>;
}

/** The settings of a fake that nobody touched. */
export function defaultSettings(): FakeSettings {
  return {
    chunks: 5,
    chunkDelayMs: 0,
    splitBytes: undefined,
    lineEnd: '\n',
    usage: {},
    deltaInputTokens: true,
    reply: undefined,
    script: undefined,
    models: undefined,
    responseModel: undefined,
    compress: undefined,
    compressUnasked: false,
    contentLength: true,
    refuseUnknownFields: true,
    headers: {},
  };
}

/** What goes wrong with one request. Fields combine: `{ delayMs: 50, status: 503 }` is a late 503. */
export interface Fault {
  /** Answers with this status instead of the provider's; the body defaults to an error in the provider's shape. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Resets the connection (HTTP/2: the stream) in place of an answer. */
  readonly reset?: boolean;
  /** Never answers. */
  readonly hang?: boolean;
  /** Waits before the response headers. */
  readonly delayMs?: number;
  /** Sends the response headers at once and waits before the first byte of the body. */
  readonly slowFirstByteMs?: number;
  /** Resets after this many pieces of a stream; a unary answer is cut in its middle (0: before its body). */
  readonly cutAfterChunks?: number;
  /** Ends a stream after this many pieces with an error event in the provider's shape. */
  readonly errorAfterChunks?: number;
  /** Stops after this many pieces of a stream and keeps the connection open. */
  readonly stallAfterChunks?: number;
  /** Resets this request and refuses connections from now on, until `accept()` or `reset()`. */
  readonly connectRefuse?: boolean;
}

/** Chooses the fault of the n-th request (from 1, counted since the last reset). */
export type FaultPlan = (request: RecordedRequest, n: number) => Fault | undefined;
