/** What every translation does alike: bodies in and out, fields that a provider has no word for, failures. */
import { GatewayError } from '../lib/errors.ts';
import type { JsonObject, JsonValue, ProviderError } from './conversation.ts';
import type { Unsupported } from './dialect.ts';
import { exactText, parseExact } from './exact-json.ts';
import { isJsonObject } from './json.ts';
import type { Attempt, TranslatedResponse } from './translation.ts';

/** Answers above it are no longer a model's words. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** What is read of a failure; the rest of a longer one is dropped. */
const MAX_ERROR_BYTES = 256 * 1024;

const decoder = new TextDecoder();
const NOTHING = new Uint8Array();

/** Text as bytes. */
export function encodeText(text: string): Uint8Array {
  // A TextEncoder asks for memory each time, a Buffer takes small pieces of what it has.
  return text === '' ? NOTHING : Buffer.from(exactText(text));
}

/** Errors: GatewayError `invalid_input` for what is nested deeper than can be written. */
export function encodeJson(value: JsonObject): Buffer {
  try {
    return Buffer.from(exactText(JSON.stringify(value)));
  } catch (cause) {
    throw new GatewayError('invalid_input', 'the body is nested too deeply', { cause });
  }
}

/** The body of a request. Errors: GatewayError `invalid_input`. */
export function readBody(bytes: Uint8Array): JsonObject {
  let value: JsonValue;
  try {
    value = parseExact(decoder.decode(bytes));
  } catch (cause) {
    throw new GatewayError('invalid_input', 'the body is not valid JSON', { cause });
  }
  if (!isJsonObject(value)) throw new GatewayError('invalid_input', 'the body must be a JSON object');
  return value;
}

export interface UnsupportedFields extends Unsupported {
  readonly fields: () => readonly string[];
}

/** Collects fields that the provider has no word for, each once. Shape: `names` are the client's words for some. */
export function collectUnsupported(names?: ReadonlyMap<string, string>): UnsupportedFields {
  const fields = new Set<string>();
  return { add: (field) => void fields.add(names?.get(field) ?? field), fields: () => [...fields] };
}

/** Errors: GatewayError `invalid_input` naming the fields where the attempt wants such requests refused. */
export function refuseUnsupported(attempt: Attempt, fields: readonly string[]): void {
  if (fields.length === 0 || attempt.unsupported === 'report') return;
  const names = fields.map((field) => `'${field}'`).join(', ');
  throw new GatewayError('invalid_input', `the provider of this model does not support ${names}`);
}

/** What could not be read of an answer, as a provider would have told it. Errors: throws on what is a bug. */
export function failureOf(caught: unknown): ProviderError {
  if (!(caught instanceof GatewayError)) throw caught;
  return { status: 502, message: caught.message };
}

/** Shape: `write` takes the whole body and gives what the client gets of it, and the status. */
export interface WholeReader {
  readonly contentType: string;
  readonly maxBytes: number;
  readonly write: (body: Uint8Array) => { readonly status: number; readonly text: string | Uint8Array };
}

/** An answer that is read at once, when all of it is there. Bytes above `maxBytes` are dropped. */
export function wholeResponse(firstStatus: number, { contentType, maxBytes, write }: WholeReader): TranslatedResponse {
  let chunks: Uint8Array[] = [];
  let size = 0;
  let status = firstStatus;
  return {
    contentType,
    kind: 'whole',
    status: () => status,
    push(bytes) {
      if (size <= maxBytes) chunks.push(bytes);
      size += bytes.length;
      return NOTHING;
    },
    end() {
      const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      chunks = [];
      const written = write(body);
      status = written.status;
      return typeof written.text === 'string' ? encodeText(written.text) : written.text;
    },
  };
}

type ErrorWriter = (error: ProviderError) => JsonObject;
type ErrorReader = (status: number, headers: ReadonlyMap<string, string>, body: JsonObject | string) => ProviderError;

/** The provider's failure in the client's words, with the status it came with. */
export function errorResponse(
  status: number,
  headers: ReadonlyMap<string, string>,
  read: ErrorReader,
  write: ErrorWriter,
): TranslatedResponse {
  return wholeResponse(status, {
    contentType: 'application/json',
    maxBytes: MAX_ERROR_BYTES,
    write(body) {
      const error = readFailure(status, headers, read, body);
      return { status: clientStatus(error.status), text: JSON.stringify(write(error)) };
    },
  });
}

function readFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  read: ErrorReader,
  body: Uint8Array,
): ProviderError {
  try {
    const error = read(status, headers, looseBody(decoder.decode(body)));
    return error.message.trim() === '' ? { ...error, message: `the provider answered ${status}` } : error;
  } catch (caught) {
    return { ...failureOf(caught), status };
  }
}

/** Some providers put the object of an error into a list. */
function looseBody(text: string): JsonObject | string {
  try {
    const value = JSON.parse(text) as JsonValue;
    const one = Array.isArray(value) ? value[0] : value;
    return isJsonObject(one) ? one : text;
  } catch {
    return text;
  }
}

/** Only failures go to the client as failures: a redirect of a provider is one, and not the client's. */
function clientStatus(status: number): number {
  return status >= 400 && status <= 599 ? status : 502;
}

/** An answer that is one JSON object; what is none becomes a failure in the client's words. */
export function jsonResponse(
  status: number,
  translate: (answer: JsonObject) => JsonObject,
  writeError: ErrorWriter,
): TranslatedResponse {
  return wholeResponse(status, {
    contentType: 'application/json',
    maxBytes: MAX_ANSWER_BYTES,
    write(body) {
      try {
        return { status, text: answerText(translate(readAnswerBody(body))) };
      } catch (caught) {
        return { status: 502, text: JSON.stringify(writeError(failureOf(caught))) };
      }
    },
  });
}

/** An answer that is one JSON object and keeps its bytes; what is none becomes a failure in the client's words. */
export function passJson(status: number, writeError: ErrorWriter): TranslatedResponse {
  return wholeResponse(status, {
    contentType: 'application/json',
    maxBytes: MAX_ANSWER_BYTES,
    write(body) {
      try {
        readAnswerBody(body);
        return { status, text: body };
      } catch (caught) {
        return { status: 502, text: JSON.stringify(writeError(failureOf(caught))) };
      }
    },
  });
}

function answerText(answer: JsonObject): string {
  try {
    return JSON.stringify(answer);
  } catch (cause) {
    throw new GatewayError('provider_failed', 'the answer of the provider is nested too deeply', { cause });
  }
}

/** The body of an answer. Errors: GatewayError `provider_failed`. */
export function readAnswerBody(body: Uint8Array): JsonObject {
  if (body.length > MAX_ANSWER_BYTES)
    throw new GatewayError('provider_failed', 'the answer of the provider is too large');
  let value: JsonValue;
  try {
    value = parseExact(decoder.decode(body));
  } catch (cause) {
    throw new GatewayError('provider_failed', 'the answer of the provider is not valid JSON', { cause });
  }
  if (!isJsonObject(value))
    throw new GatewayError('provider_failed', 'the answer of the provider is not a JSON object');
  return value;
}
