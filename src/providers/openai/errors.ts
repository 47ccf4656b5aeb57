import type { JsonObject, JsonValue, ProviderError } from '../conversation.ts';
import { isJsonObject, numberOf, objectOf, textOf } from '../json.ts';

/** Of failures of a server the API knows one type. Source: OpenAI API reference, error objects; guide on error codes. */
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

function typeOf(status: number): string {
  return TYPES[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
}

/** A failure in OpenAI's shape. */
export function writeOpenAiError(error: ProviderError): JsonObject {
  const { status, message, param } = error;
  return { error: { message, type: typeOf(status), param: param ?? null, code: errorCode(error) ?? null } };
}

/** The provider's own name for a failure stands as its code, where it has no code. */
export function errorCode({ code, type }: ProviderError): string | undefined {
  return code ?? type;
}

/** A failure that a provider tells in OpenAI's shape, or in one of those that servers beside it have. */
export function readOpenAiError(status: number, body: JsonObject | string): ProviderError {
  if (typeof body === 'string') return { status, message: body.trim() || `the provider answered ${status}` };
  const error = isJsonObject(body.error) ? body.error : body;
  const type = textOf(error.type);
  const code = codeOf(error.code);
  const param = textOf(error.param);
  return {
    status,
    message: messageOf(error, body) ?? `the provider answered ${status}`,
    ...(type !== undefined && { type }),
    ...(code !== undefined && { code }),
    ...(param !== undefined && { param }),
  };
}

/** `detail` is FastAPI's: vLLM and others answer so to what they cannot read. */
function messageOf(error: JsonObject, body: JsonObject): string | undefined {
  const said = textOf(error.message) ?? textOf(body.error) ?? textOf(body.detail);
  if (said !== undefined) return said;
  return body.detail === undefined ? undefined : JSON.stringify(body.detail);
}

function codeOf(value: JsonValue | undefined): string | undefined {
  return textOf(value) ?? numberOf(value)?.toString();
}

const STATUSES: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['BadRequestError', 400],
  ['authentication_error', 401],
  ['permission_error', 403],
  ['insufficient_quota', 429],
  ['rate_limit_error', 429],
  ['rate_limit_exceeded', 429],
  ['service_unavailable_error', 503],
  ['overloaded_error', 503],
]);

/** A failure in the middle of a stream, which has no status of its own: it is taken from its code or its type. */
export function readStreamError(event: JsonObject): ProviderError {
  const error = objectOf(event.error);
  const numeric = Number(codeOf(error.code) ?? Number.NaN);
  const named = STATUSES.get(textOf(error.type) ?? '') ?? STATUSES.get(textOf(error.code) ?? '');
  const status = numeric >= 400 && numeric <= 599 ? numeric : (named ?? 500);
  return readOpenAiError(status, event);
}
