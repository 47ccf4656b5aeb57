/** Failures in the words of the client's API: those that a provider told of and the gateway's own. */
import { API_ENDPOINTS, type ApiFamily, type EndpointName } from '../ir/index.ts';
import { sseEvent } from '../lib/sse.ts';
import { writeMessagesError } from './anthropic/messages-errors.ts';
import type { JsonObject, ProviderError } from './conversation.ts';
import { writeOpenAiError } from './openai/errors.ts';

const WRITERS: Readonly<Record<ApiFamily, (error: ProviderError) => JsonObject>> = {
  openai: writeOpenAiError,
  anthropic: writeMessagesError,
  cohere: ({ message }) => ({ message }),
};

function familyOf(endpoint: EndpointName): ApiFamily {
  return API_ENDPOINTS.find(({ name }) => name === endpoint)?.api ?? 'openai';
}

/** What writes the failures of the API that an endpoint belongs to. */
export function errorWriter(endpoint: EndpointName): (error: ProviderError) => JsonObject {
  return WRITERS[familyOf(endpoint)];
}

/** The body of a failure. */
export function errorBody(endpoint: EndpointName, error: ProviderError): Buffer {
  return Buffer.from(JSON.stringify(errorWriter(endpoint)(error)));
}

/** The event that ends a stream which failed. */
export function errorEvent(endpoint: EndpointName, error: ProviderError): Buffer {
  const isNamed = familyOf(endpoint) === 'anthropic' || endpoint === 'responses';
  return Buffer.from(sseEvent(JSON.stringify(errorWriter(endpoint)(error)), isNamed ? 'error' : undefined));
}
