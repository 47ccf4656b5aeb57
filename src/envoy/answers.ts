import type { ApiFamily } from '../ir/index.ts';
import type { ConfigRouteV3Route } from './schema/index.ts';

/** An error body in the shape of the API that the client speaks. */
export function errorBody(api: ApiFamily, type: string, code: string, message: string): string {
  if (api === 'anthropic') return JSON.stringify({ type: 'error', error: { type, message } });
  return JSON.stringify({ error: { message, type, param: null, code } });
}

/** What a client sees when the last backend tried has no endpoint: in the shape of all APIs at once. */
export const NO_ENDPOINT_BODY = JSON.stringify({
  type: 'error',
  error: { type: 'api_error', message: 'No backend could serve the request.', param: null, code: 'unavailable' },
});

/** A route that Envoy answers itself, with a JSON body. */
export function directAnswer(name: string, status: number, body: string): ConfigRouteV3Route {
  return {
    name,
    match: { prefix: '/' },
    direct_response: { status, body: { inline_string: body } },
    response_headers_to_add: [
      { header: { key: 'content-type', value: 'application/json' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
    ],
  };
}
