import type { OidcClient } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import type { BackendSecurityPolicy, LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { readCredentialSecret } from './credential-secrets.ts';

type Exchange = NonNullable<NonNullable<BackendSecurityPolicy['spec']['azureCredentials']>['oidcExchangeToken']>;

/**
 * Who gets the token that is exchanged for one of the cloud, and where. Errors: undefined, with a finding, where a part of
 * it is missing.
 */
export function readOidcClient(
  policy: LoadedObject,
  path: FieldPath,
  exchange: Exchange,
  context: Context,
): OidcClient | undefined {
  const { oidc, aud, grantType } = exchange;
  const at = [...path, 'oidc'];
  const text = (field: string, ref: typeof oidc.clientSecret, key: string): string | undefined =>
    readCredentialSecret(policy, [...at, field], ref, key, context)?.text.trim();
  const clientId = oidc.clientID ?? (oidc.clientIDRef && text('clientIDRef', oidc.clientIDRef, 'client-id'));
  const clientSecret = text('clientSecret', oidc.clientSecret, 'client-secret');
  const { issuer, tokenEndpoint } = oidc.provider;
  const field = tokenEndpoint === undefined ? 'issuer' : 'tokenEndpoint';
  const isReachable = checkEndpoint(policy, [...at, 'provider', field], tokenEndpoint ?? issuer, context);
  for (const unused of ['backendRef', 'backendRefs', 'backendSettings'] as const) {
    if (oidc.provider[unused] === undefined) continue;
    context.report.warning('HG0111', policy, [...at, 'provider', unused], 'is accepted, but has no effect', {
      hint: 'the control plane asks the issuer itself',
    });
  }
  if (clientId === undefined || clientSecret === undefined || !isReachable) return undefined;
  return {
    issuer,
    clientId,
    clientSecret,
    scopes: oidc.scopes ?? [],
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(aud !== undefined && { audience: aud }),
    ...(grantType !== undefined && { grantType }),
  };
}

function checkEndpoint(policy: LoadedObject, path: FieldPath, address: string, { report }: Context): boolean {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    report.error('HG0402', policy, path, `${JSON.stringify(address)} is not an HTTP address`);
    return false;
  }
  if (url.protocol === 'http:' && !['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)) {
    report.warning('HG0402', policy, path, 'the secret of the client is sent in plaintext', { hint: 'use https' });
  }
  return true;
}
