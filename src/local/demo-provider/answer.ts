/** What a request is answered with, before it is sent: one body, or the events of a stream. */
export type Answer =
  | { readonly kind: 'json'; readonly body: unknown }
  | { readonly kind: 'stream'; readonly events: readonly string[] };

export function jsonAnswer(body: unknown): Answer {
  return { kind: 'json', body };
}

/** A server-sent event without a name, as OpenAI streams chunks. */
export function dataEvent(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

export interface TypedData {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A server-sent event named by the `type` of its data, as Anthropic and the Responses API stream. */
export function typedEvent(data: TypedData): string {
  return `event: ${data.type}\n${dataEvent(data)}`;
}

/** What an answer is made of beside the request's body. */
export interface Context {
  /** The provider's name. */
  readonly provider: string;
  /** Counts requests: makes ids. */
  readonly serial: number;
  /** Seconds since 1970. */
  readonly now: number;
}
