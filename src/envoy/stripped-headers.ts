import type { BackendIr } from '../ir/index.ts';
import { CLIENT_CREDENTIAL_HEADERS, GATEWAY_CREDENTIAL_HEADERS, INTERNAL_HEADERS, NOTE_HEADER } from './names.ts';
import { overrideHeaders } from './override-headers.ts';

/**
 * Headers that carry a credential of the client or of some provider. Header changes of one attempt are still there on
 * the next, so each provider's chain first removes all of them. `accept-encoding` goes too: a compressed answer cannot
 * be read for its token usage.
 */
const CREDENTIAL_HEADERS = [
  ...CLIENT_CREDENTIAL_HEADERS,
  ...GATEWAY_CREDENTIAL_HEADERS,
  'proxy-authorization',
  'cookie',
  'ocp-apim-subscription-key',
  'x-amz-date',
  'x-amz-content-sha256',
  'x-amz-security-token',
  // Tokens of the user that load balancers and login proxies in front of the gateway add.
  'x-amzn-oidc-accesstoken',
  'x-amzn-oidc-data',
  'x-goog-iap-jwt-assertion',
  'x-ms-token-aad-access-token',
  'x-ms-token-aad-id-token',
  'x-ms-token-aad-refresh-token',
  'x-serverless-authorization',
  'cf-access-jwt-assertion',
  'cf-access-client-secret',
  'x-forwarded-access-token',
  'x-auth-request-access-token',
  'x-pomerium-jwt-assertion',
] as const;

/** Headers that say who the client is: no business of a provider. */
const CLIENT_ADDRESS_HEADERS = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-envoy-external-address',
  'x-envoy-internal',
] as const;

/**
 * Headers that no attempt at this backend sends on: internal ones, the client's credentials and address, and the
 * credentials of providers.
 */
export function strippedHeaders(backend: BackendIr): string[] {
  const { credential } = backend;
  const extra = [...(credential ? [credential.header] : []), ...overrideHeaders(backend)];
  return [
    ...new Set([
      ...INTERNAL_HEADERS,
      NOTE_HEADER,
      'accept-encoding',
      ...CREDENTIAL_HEADERS,
      ...CLIENT_ADDRESS_HEADERS,
      ...extra,
    ]),
  ];
}

/** Headers that the table of routes takes from every request: internal ones, and credentials for the gateway to use. */
export const REMOVED_EVERYWHERE: readonly string[] = [...INTERNAL_HEADERS, ...GATEWAY_CREDENTIAL_HEADERS];
