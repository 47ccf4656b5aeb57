import { API_ENDPOINTS, type ApiFamily, type EndpointName } from '../ir/index.ts';

/** A failure as a client is told of it. */
export interface ClientError {
  readonly status: number;
  readonly message: string;
  readonly code: string;
}

const OPENAI_TYPES: Readonly<Record<number, string>> = { 401: 'authentication_error', 429: 'rate_limit_error' };
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

/** Which API a client of an endpoint speaks. */
export function apiOf(endpoint: EndpointName): ApiFamily {
  return API_ENDPOINTS.find(({ name }) => name === endpoint)?.api ?? 'openai';
}

/** The body of an error in the shape of the client's API. */
export function errorBody(api: ApiFamily, { status, message, code }: ClientError): Buffer {
  const isServers = status >= 500;
  const json =
    api === 'anthropic'
      ? {
          type: 'error',
          error: { type: ANTHROPIC_TYPES[status] ?? (isServers ? 'api_error' : 'invalid_request_error'), message },
        }
      : {
          error: {
            message,
            type: OPENAI_TYPES[status] ?? (isServers ? 'server_error' : 'invalid_request_error'),
            param: null,
            code,
          },
        };
  return Buffer.from(JSON.stringify(json));
}

/** The event that ends a stream which failed. */
export function errorEvent(endpoint: EndpointName, error: ClientError): Buffer {
  const api = apiOf(endpoint);
  const name = api === 'anthropic' || endpoint === 'responses' ? 'event: error\n' : '';
  return Buffer.from(`${name}data: ${errorBody(api, error)}\n\n`);
}
