import { readFileSync } from 'node:fs';
import type { AwsSigningIr, BackendIr, SecretValues } from '../ir/index.ts';
import { InvariantError } from '../lib/errors.ts';
import type { Capabilities } from './capabilities.ts';
import { scriptFilter } from './lua.ts';
import { headerIs } from './match-predicates.ts';
import { OWN_KEYS_MARK } from './names.ts';
import type { EnvoyResource, ResourceReference } from './resource.ts';
import {
  type ExtensionsCommonAwsV3AwsCredentialProvider,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
} from './schema/index.ts';
import { MATCHED, type PlainFilter, skippedWhere } from './skip-filter.ts';

type HttpFilter = ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter;

/** Signs with the keys of a request: an asset of this room, read once. */
const OWN_KEYS_SCRIPT = readFileSync(new URL('./lua/sign.lua', import.meta.url), 'utf8');
const FILTER = 'envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning';

/** Host and x-amz-* always are signed. All else may be changed on the way, and what is added later is not there yet. */
const SIGNED = { match_included_headers: [{ exact: 'content-type' }] };

/** The same in terms of what is not signed: all that begins neither with `content-t`, `ho` nor `x-amz-`. */
const UNSIGNED = {
  match_excluded_headers: [
    { safe_regex: { regex: '([^chx]|c[^o]|co[^n]|con[^t]|h[^o]|x[^-]|x-[^a]|x-a[^m]|x-am[^z]|x-amz[^-]).*' } },
    { safe_regex: { regex: 'content-[^t].*' } },
  ],
};

/**
 * Signs an attempt as it leaves. The filter takes no SDS, but may itself be delivered: keys come as a resource of their
 * own (ECDS), so that new ones change nothing else. Without keys of its own it asks what its environment gives.
 */
function signingFilter(signing: AwsSigningIr, capabilities: Capabilities): HttpFilter {
  if (signing.secret === undefined) return unlessOwnKeys(signing, configuredFilter(signing, capabilities));
  return {
    name: signingName(signing, signing.secret.name),
    config_discovery: {
      config_source: { ads: {}, resource_api_version: 'V3' },
      type_urls: [`type.googleapis.com/${signing.override === undefined ? FILTER : MATCHED}`],
    },
  };
}

/** The filters of a backend; where its requests may have keys of their own, a script signs with these, in one VM a worker. */
export function signingFilters(signing: AwsSigningIr, capabilities: Capabilities): HttpFilter[] {
  const { override } = signing;
  if (override === undefined) return [signingFilter(signing, capabilities)];
  const ownKeys = scriptFilter('headgate/sign', OWN_KEYS_SCRIPT, {
    ...(capabilities.features.has('lua_filter_context') && { shared_vm_id: 'headgate-sign' }),
  });
  // Behind the other: what it leaves in the header is no mark any more.
  return [...(override.fallbackToConfigured ? [signingFilter(signing, capabilities)] : []), ownKeys];
}

function configuredFilter(
  { service, region }: AwsSigningIr,
  { features }: Capabilities,
  credentialProvider?: ExtensionsCommonAwsV3AwsCredentialProvider,
): PlainFilter {
  return {
    name: 'envoy.filters.http.aws_request_signing',
    typed_config: typedAny(FILTER, {
      service_name: service,
      region,
      ...(features.has('signed_headers') ? SIGNED : UNSIGNED),
      ...(credentialProvider && { credential_provider: credentialProvider }),
    }),
  };
}

function unlessOwnKeys({ override }: AwsSigningIr, filter: PlainFilter): PlainFilter {
  if (override === undefined) return filter;
  return skippedWhere(headerIs('authorization', OWN_KEYS_MARK), 'headgate/configured-keys', filter);
}

export function signingReferences({ provider, signing }: BackendIr): ResourceReference[] {
  return provider && signing?.secret ? [{ type: 'extension', name: signingName(signing, signing.secret.name) }] : [];
}

/** The filters that sign for these backends with keys of their own, each once. */
export function emitSigning(
  backends: readonly BackendIr[],
  secrets: SecretValues,
  capabilities: Capabilities,
): EnvoyResource[] {
  const found = new Map<string, EnvoyResource>();
  for (const { provider, signing } of backends) {
    if (provider === undefined || signing?.secret === undefined) continue;
    const name = signingName(signing, signing.secret.name);
    const keys = secrets.get(signing.secret.name);
    if (keys?.kind !== 'aws') throw new InvariantError(`no keys for ${name}`);
    const { accessKeyId, secretAccessKey, sessionToken } = keys;
    const inline_credential = {
      access_key_id: accessKeyId,
      secret_access_key: secretAccessKey,
      ...(sessionToken !== undefined && { session_token: sessionToken }),
    };
    const { typed_config } = unlessOwnKeys(signing, configuredFilter(signing, capabilities, { inline_credential }));
    found.set(name, { type: 'extension', name, message: { name, typed_config }, requires: [] });
  }
  return [...found.values()];
}

/** Backends of one policy may be in different regions, and two policies may have one Secret. */
function signingName({ region, service, override }: AwsSigningIr, secret: string): string {
  return `${secret}/${service}/${region}${override === undefined ? '' : '/unless-own'}`;
}
