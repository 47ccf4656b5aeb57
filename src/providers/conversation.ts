/**
 * A conversation with a model that belongs to no provider: what every chat API says in its own words. A dialect reads
 * its API's requests into this form or writes them from it, and the same for answers and streams, so n APIs need n
 * dialects and not n * n conversions. Requests that stay within one API do not come here: they keep their bytes.
 * Names follow OpenTelemetry's GenAI conventions where those have one.
 */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue };

export interface ConversationRequest {
  readonly model: string;
  readonly stream: boolean;
  /** The client of a stream asked for its usage. APIs that always report it ignore this. */
  readonly includeUsage: boolean;
  readonly system: readonly TextPart[];
  /** Roles need not alternate here; writers join what their API wants joined. */
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice?: ToolChoice;
  /** Absent: as the provider does by itself. */
  readonly parallelToolCalls?: boolean;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** By token id. */
  readonly logitBias?: JsonObject;
  /** Answers wanted; 1 where absent. */
  readonly candidates?: number;
  /** Present: log probabilities are wanted, with so many alternatives for each token. */
  readonly logprobs?: { readonly top: number };
  readonly outputFormat?: OutputFormat;
  readonly reasoning?: ReasoningRequest;
  /** Opaque name of the end user. */
  readonly user?: string;
  readonly serviceTier?: string;
  readonly metadata?: JsonObject;
  /**
   * Top-level fields the reader does not know, as they came: a writer takes those that are its own API's (such as
   * Gemini's `safetySettings` in a chat request) and reports the rest as unsupported.
   */
  readonly extra: JsonObject;
  /** Settings that the client's API repeats in its answers, under its own names. */
  readonly echo?: JsonObject;
}

export type Message =
  | { readonly role: 'user'; readonly parts: readonly UserPart[]; readonly name?: string }
  | { readonly role: 'assistant'; readonly parts: readonly AssistantPart[]; readonly name?: string };

export type UserPart = TextPart | MediaPart | ToolResultPart;
export type AssistantPart = TextPart | ReasoningPart | RedactedReasoningPart | ToolCallPart | RefusalPart;

/** Everything up to this part is to be cached by the provider (Anthropic's `cache_control`, Bedrock's `cachePoint`). */
export interface CacheMark {
  /** `5m` or `1h`. Absent: the provider's default. */
  readonly ttl?: string;
}

export interface TextPart {
  readonly kind: 'text';
  readonly text: string;
  readonly cache?: CacheMark;
  /** Opaque: Gemini signs text parts too. Base64. */
  readonly signature?: string;
  /** As the API of origin gives them; for answers. */
  readonly citations?: readonly JsonValue[];
}

export interface MediaPart {
  readonly kind: 'image' | 'document' | 'audio' | 'video';
  /** `file`: an identifier of something uploaded to a provider. */
  readonly source:
    | { readonly kind: 'base64'; readonly mediaType: string; readonly data: string }
    | { readonly kind: 'url'; readonly url: string; readonly mediaType?: string }
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'file'; readonly id: string };
  /** File name or title. */
  readonly name?: string;
  /** OpenAI's `detail` of an image. */
  readonly detail?: string;
  readonly cache?: CacheMark;
}

export interface ToolResultPart {
  readonly kind: 'tool_result';
  /** Id of the call. */
  readonly id: string;
  /** Name of the tool, where it is known: readers look it up among the calls before. */
  readonly name?: string;
  readonly content: readonly (TextPart | MediaPart)[];
  readonly isError: boolean;
  readonly cache?: CacheMark;
}

export interface ToolCallPart {
  readonly kind: 'tool_call';
  readonly id: string;
  readonly name: string;
  /** JSON text of an object, as it came: numbers keep their digits. */
  readonly arguments: string;
  /** Gemini's thought signature. Base64. */
  readonly signature?: string;
  readonly cache?: CacheMark;
}

export interface ReasoningPart {
  readonly kind: 'reasoning';
  readonly text: string;
  /** Gemini's begin with `gemini:`, since each provider refuses those of another. */
  readonly signature?: string;
}

/** Reasoning that only the provider can read; goes back to it unchanged. */
export interface RedactedReasoningPart {
  readonly kind: 'redacted_reasoning';
  readonly data: string;
}

export interface RefusalPart {
  readonly kind: 'refusal';
  readonly text: string;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments. */
  readonly parameters?: JsonObject;
  readonly strict?: boolean;
  readonly cache?: CacheMark;
  /** The client's tool takes a text (OpenAI's custom tools): `parameters` then want an object that holds it as `input`. */
  readonly takesText?: boolean;
  /**
   * A tool that a provider runs itself (web search and the like), as its API writes it; then `name` is its type. Writers of
   * other APIs report it as unsupported.
   */
  readonly builtIn?: { readonly api: DialectName; readonly definition: JsonObject };
}

export type ToolChoice =
  | { readonly kind: 'auto' | 'none' | 'required' }
  | { readonly kind: 'tool'; readonly name: string }
  | { readonly kind: 'allowed'; readonly mode: 'auto' | 'required'; readonly names: readonly string[] };

export type OutputFormat =
  | { readonly kind: 'json_object' }
  | {
      readonly kind: 'json_schema';
      readonly schema: JsonObject;
      readonly name?: string;
      readonly description?: string;
      readonly strict?: boolean;
    };

export interface ReasoningRequest {
  /** Absent where only `effort` was said. */
  readonly mode?: 'off' | 'on' | 'adaptive';
  readonly budgetTokens?: number;
  /** `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`. */
  readonly effort?: string;
  /** What of the reasoning is shown: `summarized`, `omitted`, `auto`, ... */
  readonly display?: string;
}

/** A whole answer. */
export interface ConversationAnswer {
  /** As the provider names it. */
  readonly id?: string;
  /** The model that answered. */
  readonly model?: string;
  /** Seconds since 1970. */
  readonly createdSeconds?: number;
  /** At least one. */
  readonly candidates: readonly Candidate[];
  readonly usage?: Usage;
  readonly serviceTier?: string;
  /** What a vendor adds (`grounding_metadata`, `safety_ratings`), under the names clients see. */
  readonly extra?: JsonObject;
}

export interface Candidate {
  readonly parts: readonly AssistantPart[];
  readonly finish: FinishReason;
  /** The stop sequence that was met. */
  readonly stopSequence?: string;
  /** In OpenAI's shape: `{token, logprob, bytes, top_logprobs}`. */
  readonly logprobs?: readonly JsonValue[];
  /** What a vendor says of this one, under the names clients see. */
  readonly extra?: JsonObject;
}

/** `pause`: the model wants its turn to be continued. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'pause' | 'error';

export interface Usage {
  /** All of the input: cached and newly cached tokens included. */
  readonly input: number;
  /** Reasoning included. */
  readonly output: number;
  readonly cachedInput?: number;
  readonly cacheCreationInput?: number;
  readonly reasoningOutput?: number;
}

/**
 * What a stream says, in order: `start`, then for each part `part_start`, its deltas and `part_end`, then `finish` for each
 * candidate, `usage` (the last one counts; early ones are as the provider gave them) and nothing after an `error`. Parts
 * of a candidate are numbered from 0 and may interleave only between candidates.
 */
export type AnswerEvent =
  | { readonly kind: 'start'; readonly id?: string; readonly model?: string; readonly createdSeconds?: number }
  | { readonly kind: 'part_start'; readonly candidate: number; readonly part: number; readonly start: PartStart }
  | { readonly kind: 'part_delta'; readonly candidate: number; readonly part: number; readonly delta: PartDelta }
  | { readonly kind: 'part_end'; readonly candidate: number; readonly part: number }
  | {
      readonly kind: 'finish';
      readonly candidate: number;
      readonly finish: FinishReason;
      readonly stopSequence?: string;
      readonly logprobs?: readonly JsonValue[];
      readonly extra?: JsonObject;
    }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'error'; readonly error: ProviderError };

export type PartStart =
  | { readonly kind: 'text' | 'reasoning' | 'refusal' }
  | { readonly kind: 'redacted_reasoning'; readonly data: string }
  | { readonly kind: 'tool_call'; readonly id: string; readonly name: string; readonly signature?: string };

export type PartDelta =
  | { readonly kind: 'text'; readonly text: string; readonly logprobs?: readonly JsonValue[] }
  /** More of the JSON text of a tool call's arguments. */
  | { readonly kind: 'arguments'; readonly text: string }
  | { readonly kind: 'signature'; readonly signature: string }
  | { readonly kind: 'citation'; readonly citation: JsonValue };

/** A failure that a provider told of, in no one's words. */
export interface ProviderError {
  /** HTTP status; in the middle of a stream, the one it would have had. */
  readonly status: number;
  readonly message: string;
  /** The provider's own name for it. */
  readonly type?: string;
  readonly code?: string;
  readonly param?: string;
}

/** APIs that conversations are held in. */
export type DialectName = 'chat' | 'responses' | 'messages' | 'converse' | 'gemini';
