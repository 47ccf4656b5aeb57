/** What a provider says to a request, as data; send.ts puts it on the wire. */

import type { RecordedRequest } from './recorded.ts';
import type { FakeSettings, Usage } from './settings.ts';

/** An answer in one piece. */
export interface UnaryAnswer {
  readonly kind: 'unary';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly usage?: Usage;
}

/** An answer as a stream; each event is one write: server-sent events as text, binary event streams as bytes. */
export interface StreamAnswer {
  readonly kind: 'stream';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly events: readonly (string | Buffer)[];
  readonly usage?: Usage;
}

export type Answer = UnaryAnswer | StreamAnswer;

/** A provider's wire protocol: pure, so that one request and one setting always give one answer. */
export interface Provider {
  readonly kind: string;
  /** True when this header is one of the credentials this fake accepts. */
  readonly ownsCredential: (header: string, value: string) => boolean;
  /** Errors: throws `Refusal`. */
  readonly answer: (request: RecordedRequest, settings: FakeSettings) => Answer;
  /** The provider's error body for a status, for faults that give none. */
  readonly errorBody: (status: number, message: string) => unknown;
  /** The whole answer for a status, where the body is not all of it. */
  readonly errorAnswer?: (status: number, message: string) => UnaryAnswer;
  /** What ends a stream that fails in its middle; default: `data:` with the error body. */
  readonly errorEvent?: (settings: FakeSettings, status: number, message: string) => string | Buffer;
  /** The header that carries the request's id, and the form of the id; default `x-request-id`. */
  readonly idHeader?: string;
}

/** Thrown by checks: the answer that refuses the request. */
export class Refusal extends Error {
  readonly answer: UnaryAnswer;

  constructor(answer: UnaryAnswer) {
    super(`refused with ${answer.status}`);
    this.name = 'Refusal';
    this.answer = answer;
  }
}

/** A JSON answer. */
export function jsonAnswer(status: number, value: unknown, usage?: Usage): UnaryAnswer {
  const body = Buffer.from(JSON.stringify(value));
  return {
    kind: 'unary',
    status,
    headers: { 'content-type': 'application/json' },
    body,
    ...(usage === undefined ? {} : { usage }),
  };
}

/** An answer of bytes. */
export function bytesAnswer(type: string, body: Buffer, usage?: Usage): UnaryAnswer {
  return {
    kind: 'unary',
    status: 200,
    headers: { 'content-type': type },
    body,
    ...(usage === undefined ? {} : { usage }),
  };
}

/** An event stream. */
export function streamAnswer(events: readonly (string | Buffer)[], usage?: Usage): StreamAnswer {
  return {
    kind: 'stream',
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    events,
    ...(usage === undefined ? {} : { usage }),
  };
}

/** One server-sent event: `data` alone (OpenAI chat), or with its name (Anthropic, OpenAI responses). */
export function sseEvent(settings: FakeSettings, data: unknown, name?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const end = settings.lineEnd;
  return `${name === undefined ? '' : `event: ${name}${end}`}data: ${text}${end}${end}`;
}

/** The event that ends a stream which fails in its middle. */
export function failureEvent(
  provider: Provider,
  settings: FakeSettings,
  status: number,
  message: string,
): string | Buffer {
  return (
    provider.errorEvent?.(settings, status, message) ??
    sseEvent(settings, provider.errorBody(status, message), undefined)
  );
}
