/**
 * Answers in place of a provider, where a request cannot be translated for it. The answer of a filter by itself ends the
 * request. Where another backend may follow, it is left to a further filter, whose answer Envoy takes for one that may be retried.
 * But Envoy 1.40 does not survive such an answer to an attempt that has no connection yet, and tells only once, when that
 * filter asks, whether there is one.
 */
import type { Answers } from '../lib/http2/streams.ts';
import { REFUSAL_KEY, REFUSED_HEADER, TRANSLATED_NAMESPACE } from '../providers/attempt-facts.ts';
import { type AskedAttempt, readRefusal } from './attempt.ts';
import { encodeBodyAnswer, encodeImmediateAnswer, encodeStreamedAnswer } from './wire.ts';

/** How long an attempt without a connection waits for one before the further filter asks: with TLS it may be a continent away. */
const CONNECTING_MS = { near: 100, far: 500 } as const;
/** And then for Envoy to give it up, which by default it does after 5 s, and goes on to the next backend by itself. */
const GIVING_UP_MS = 5000;
const EMPTY = Buffer.alloc(0);
const HEADERS = [
  ['content-type', 'application/json'],
  [REFUSED_HEADER, '1'],
] as const;

/** What the client is to get. */
interface Refusal {
  readonly status: number;
  readonly body: Buffer;
}

/** An exchange that a refusal ends. */
export interface RefusedExchange {
  readonly answers: Answers;
  /** Envoy has not given it up. */
  readonly isOpen: () => boolean;
  readonly end: () => void;
}

/** The answer to a request that cannot be translated. */
export function refuseRequest(
  exchange: RefusedExchange,
  refusal: Refusal,
  { mayGoOn, isConnected, isNear }: Pick<AskedAttempt, 'mayGoOn' | 'isConnected' | 'isNear'>,
): void {
  if (!mayGoOn) answerAtOnce(exchange, refusal);
  else if (isConnected) leaveToFilter(exchange, refusal);
  else later(exchange, CONNECTING_MS[isNear ? 'near' : 'far'], () => leaveToFilter(exchange, refusal));
}

function leaveToFilter({ answers, end }: RefusedExchange, { status, body }: Refusal): void {
  const values = [[REFUSAL_KEY, `${status} ${body}`]] as const;
  const metadata = { namespace: TRANSLATED_NAMESPACE, values };
  answers.send(encodeBodyAnswer({ phase: 'request_body', body: EMPTY, metadata }));
  end();
}

function answerAtOnce({ answers, end }: RefusedExchange, refusal: Refusal): void {
  answers.send(encodeImmediateAnswer({ ...refusal, headers: HEADERS, details: 'headgate_refused' }));
  end();
}

/** The further filter asks. Errors: GatewayError `invalid_input`. */
export function answerRefused(exchange: RefusedExchange, attributes: ReadonlyMap<string, string>): void {
  const { isConnected, ...refusal } = readRefusal(attributes);
  const { answers, end } = exchange;
  if (isConnected) {
    for (const part of encodeStreamedAnswer({ ...refusal, headers: HEADERS })) answers.send(part);
    end();
  } else later(exchange, GIVING_UP_MS, () => answerAtOnce(exchange, refusal));
}

function later({ isOpen }: RefusedExchange, ms: number, then: () => void): void {
  setTimeout(() => isOpen() && then(), ms).unref();
}
