/** One attempt at a provider: its request, then the answer to it, as Envoy sends them. */
import { randomFillSync } from 'node:crypto';
import type { EndpointName } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { MAX_COPIED } from '../lib/http2/output.ts';
import type { DuplexAnswers, Receiver } from '../lib/http2/streams.ts';
import {
  CONTENT_TYPE_KEY,
  PATH_KEY,
  STATUS_KEY,
  TRANSLATED_NAMESPACE,
  UNSUPPORTED_KEY,
} from '../providers/attempt-facts.ts';
import { errorBody, errorEvent } from '../providers/client-errors.ts';
import type { ProviderError } from '../providers/conversation.ts';
import type { Attempt, TranslatedResponse, Translation } from '../providers/translation.ts';
import { readAnswerEncoding, readAnswerHead, readAttempt } from './attempt.ts';
import { createDecompression, type Decompression } from './decompression.ts';
import { answerRefused, refuseRequest } from './refusal.ts';
import type { Statistics } from './statistics.ts';
import { decodeProcessingRequest, encodeBodyAnswer, encodeBodyHead, type ProcessingRequest } from './wire.ts';

export interface ExchangeOptions {
  readonly createTranslation: (attempt: Attempt) => Translation;
  /** Exchanges at once; more get 503. Copies of mirrored requests get it above half of them. */
  readonly maxExchanges: number;
  /** Largest request, and largest answer that is translated as a whole. */
  readonly maxBodyBytes: number;
  readonly statistics: Statistics;
  /** What a translation threw that is no GatewayError. */
  readonly onBug: (caught: unknown) => void;
}

/** Key and text of the dynamic metadata that an answer comes with. */
type Said = readonly [key: string, value: string];

const EMPTY = Buffer.alloc(0);
const JSON_TYPE = 'application/json';
const OVERLOADED: ProviderError = { status: 503, message: 'The gateway is overloaded.', code: 'overloaded' };
const TOO_LARGE: ProviderError = {
  status: 413,
  message: 'The request body is too large to be translated.',
  code: 'request_too_large',
};
const BROKEN_ANSWER: ProviderError = {
  status: 502,
  message: 'The answer of the provider cannot be read.',
  code: 'provider_error',
};

interface Underway {
  readonly endpoint: EndpointName;
  readonly translation: Translation;
  readonly isStream: boolean;
  answer?: { readonly status: number; readonly response: TranslatedResponse };
  answerBytes: number;
  decompression?: Decompression;
  /** The client has been told that the answer failed: nothing more follows. */
  hasFailed: boolean;
}

/** Begins an exchange. What it throws ends the call, and Envoy answers 503. */
export function openExchange(answers: Pick<DuplexAnswers, 'send' | 'end'>, options: ExchangeOptions): Receiver {
  const { statistics } = options;
  let underway: Underway | undefined;
  let isOpen = true;
  const exchange = { answers, isOpen: () => isOpen, end };
  statistics.open += 1;

  function close(): void {
    if (!isOpen) return;
    isOpen = false;
    underway?.decompression?.close();
    underway = undefined;
    statistics.open -= 1;
  }

  function end(): void {
    if (!isOpen) return;
    close();
    answers.end();
  }

  function message(bytes: Buffer): void {
    const request = decodeProcessingRequest(bytes);
    if (request.phase === 'request_body') onRequest(request);
    else if (request.phase === 'response_body') onAnswer(request);
    else if (request.phase === 'request_headers') answerRefused(exchange, request.attributes);
    else throw new GatewayError('invalid_input', 'only bodies are translated');
  }

  function onRequest({ body, endOfStream, attributes }: ProcessingRequest): void {
    if (!endOfStream || underway) throw new GatewayError('invalid_input', 'a request body has to come as a whole');
    const asked = readAttempt(attributes);
    const { endpoint, provider, unsupported, betas, isCopy } = asked;
    const refuse = (error: ProviderError): void => {
      statistics.refusals += 1;
      const refusal = { status: error.status, body: errorBody(endpoint, error) };
      refuseRequest(exchange, refusal, asked);
    };
    if (statistics.open > (isCopy ? options.maxExchanges / 2 : options.maxExchanges)) {
      statistics[isCopy ? 'dropped' : 'overloads'] += 1;
      refuse(OVERLOADED);
      return;
    }
    if (body.length > options.maxBodyBytes) {
      refuse(TOO_LARGE);
      return;
    }
    try {
      const translation = options.createTranslation({
        // Not `...asked`: with fields behind it each such object is of a shape of its own, which V8 keeps.
        endpoint,
        provider,
        unsupported,
        betas,
        requestId: newId(),
        nowSeconds: Math.floor(Date.now() / 1000),
      });
      const translated = translation.request(body);
      underway = { endpoint, translation, isStream: translated.stream, answerBytes: 0, hasFailed: false };
      const said: Said[] = [];
      if (translated.unsupported.length > 0) said.push([UNSUPPORTED_KEY, translated.unsupported.join(', ')]);
      if (translated.path !== undefined) said.push([PATH_KEY, translated.path]);
      send('request_body', translated.body, said);
      statistics.requests += 1;
      // As long as its provider takes it would hold a place that others need.
      if (isCopy) end();
    } catch (caught) {
      refuse(told(caught));
    }
  }

  function send(phase: 'request_body' | 'response_body', body: Uint8Array, values: readonly Said[]): void {
    const metadata = values.length > 0 && { metadata: { namespace: TRANSLATED_NAMESPACE, values } };
    const answer = { phase, body, ...metadata };
    if (body.length <= MAX_COPIED) answers.send(encodeBodyAnswer(answer));
    else answers.send(encodeBodyHead(answer, body.length), Buffer.from(body.buffer, body.byteOffset, body.length));
  }

  function onAnswer(request: ProcessingRequest): void {
    if (!underway) throw new GatewayError('invalid_input', 'an answer without a request');
    const { body, endOfStream, attributes } = request;
    // They come with the first piece of an answer alone.
    const encoding = attributes.size > 0 ? readAnswerEncoding(attributes) : 'identity';
    if (encoding !== 'identity') underway.decompression = createDecompression(encoding, options.maxBodyBytes);
    const { decompression } = underway;
    if (decompression) decompression.push(body, endOfStream, (plain) => answer(plain, endOfStream, attributes));
    else answer(body, endOfStream, attributes);
  }

  function answer(
    body: Uint8Array | GatewayError,
    endOfStream: boolean,
    attributes: ReadonlyMap<string, string>,
  ): void {
    if (!underway) return;
    const said: Said[] = [];
    let out: Uint8Array = EMPTY;
    if (!underway.hasFailed) {
      try {
        out = translate(underway, body, endOfStream, attributes);
        if (endOfStream) said.push(...headOf(underway));
      } catch (caught) {
        out = failAnswer(underway, told(caught, BROKEN_ANSWER), said);
      }
    }
    send('response_body', out, said);
    if (endOfStream) {
      statistics.answers += 1;
      end();
    }
  }

  function translate(
    current: Underway,
    body: Uint8Array | GatewayError,
    endOfStream: boolean,
    attributes: ReadonlyMap<string, string>,
  ): Uint8Array {
    if (!current.answer) {
      const { status, headers } = readAnswerHead(attributes);
      current.answer = { status, response: current.translation.response(status, headers) };
    }
    if (body instanceof GatewayError) throw body;
    const { response } = current.answer;
    current.answerBytes += body.length;
    if (response.kind === 'whole' && current.answerBytes > options.maxBodyBytes) {
      throw new GatewayError('provider_failed', 'The answer of the provider is too large.');
    }
    const pushed = body.length > 0 ? response.push(body) : EMPTY;
    if (!endOfStream) return pushed;
    const rest = response.end();
    if (rest.length === 0) return pushed;
    return pushed.length === 0 ? rest : Buffer.concat([pushed, rest]);
  }

  function failAnswer(current: Underway, error: ProviderError, said: Said[]): Uint8Array {
    statistics.failures += 1;
    current.hasFailed = true;
    const status = current.answer?.status ?? 502;
    const isGood = status < 400;
    if (current.isStream && isGood) return errorEvent(current.endpoint, error);
    if (isGood) said.push([STATUS_KEY, String(error.status)]);
    return errorBody(current.endpoint, isGood ? error : { ...error, status });
  }

  function told(caught: unknown, otherwise?: ProviderError): ProviderError {
    if (caught instanceof GatewayError) {
      const status = caught.code === 'cancelled' ? 400 : caught.httpStatus;
      return { status, message: caught.message, code: caught.code };
    }
    options.onBug(caught);
    return otherwise ?? { status: 500, message: 'The gateway failed to translate the request.', code: 'gateway_error' };
  }

  return {
    message,
    end,
    gone: close,
  };
}

/** What the script is to tell of an answer that is no stream: it holds the headers until the body is there. */
function headOf({ isStream, answer }: Underway): Said[] {
  if (answer === undefined || (isStream && answer.status < 400)) return [];
  const said: Said[] = [];
  const { contentType, status } = answer.response;
  if (contentType !== JSON_TYPE) said.push([CONTENT_TYPE_KEY, contentType]);
  if (status() !== answer.status) said.push([STATUS_KEY, String(status())]);
  return said;
}

const ID_BYTES = 12;
/** Randomness is asked for many ids at once: each call costs as much as a small translation. */
const randomness = Buffer.alloc(256 * ID_BYTES);
let nextId = randomness.length;

function newId(): string {
  if (nextId === randomness.length) {
    randomFillSync(randomness);
    nextId = 0;
  }
  nextId += ID_BYTES;
  return randomness.toString('hex', nextId - ID_BYTES, nextId);
}
