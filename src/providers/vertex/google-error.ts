import type { JsonObject, JsonValue, ProviderError } from '../conversation.ts';
import { isJsonObject, listOf, numberOf, objectOf, textOf } from '../json.ts';

/**
 * A failure as Google's APIs tell it: `{error: {code, message, status, details}}`, in a list of one where a stream was
 * asked for, or text of a proxy before them.
 * Source: google.rpc.Status, AIP-193.
 */
export function readGoogleError(
  status: number,
  _headers: ReadonlyMap<string, string>,
  body: JsonObject | string,
): ProviderError {
  const error = googleErrorOf(typeof body === 'string' ? parsed(body) : body);
  if (error !== undefined) return { ...error, status };
  const text = typeof body === 'string' ? body.trim() : '';
  return { status, message: text === '' || text.startsWith('<') ? `the provider answered ${status}` : text };
}

/** The failure in a body or in an event of a stream. Undefined where there is none. Its status is the one it names. */
export function googleErrorOf(value: JsonValue | undefined): ProviderError | undefined {
  const holder = Array.isArray(value) ? value[0] : value;
  const error = objectOf(holder).error;
  if (typeof error === 'string') return { status: 502, message: error || 'the provider failed' };
  if (!isJsonObject(error)) return undefined;
  const code = numberOf(error.code);
  const type = textOf(error.status);
  const reason = textOf(detail(error, 'ErrorInfo')?.reason);
  const param = textOf(objectOf(listOf(detail(error, 'BadRequest')?.fieldViolations)[0]).field);
  return {
    status: code !== undefined && code >= 400 && code < 600 ? code : 502,
    message: textOf(error.message) || type || 'the provider failed',
    ...(type === undefined ? {} : { type }),
    ...(reason === undefined ? {} : { code: reason }),
    ...(param === undefined ? {} : { param }),
  };
}

function detail(error: JsonObject, type: string): JsonObject | undefined {
  return listOf(error.details)
    .map(objectOf)
    .find((one) => textOf(one['@type'])?.endsWith(`google.rpc.${type}`));
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
