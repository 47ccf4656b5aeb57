import type { AwsSigningIr, BackendIr, SecretValues } from '../ir/index.ts';
import { InvariantError } from '../lib/errors.ts';
import type { EnvoyResource, ResourceReference } from './resource.ts';
import {
  type Any,
  type ExtensionsCommonAwsV3AwsCredentialProvider,
  type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter,
  typedAny,
} from './schema/index.ts';

const FILTER = 'envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning';

/**
 * Signs an attempt as it leaves. The filter takes no SDS, but may itself be delivered: keys come as a resource of their
 * own (ECDS), so that new ones change nothing else. Without keys of its own it asks what its environment gives.
 */
export function signingFilter(signing: AwsSigningIr): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  if (signing.secret === undefined) {
    return { name: 'envoy.filters.http.aws_request_signing', typed_config: signingConfig(signing) };
  }
  return {
    name: signingName(signing, signing.secret.name),
    config_discovery: {
      config_source: { ads: {}, resource_api_version: 'V3' },
      type_urls: [`type.googleapis.com/${FILTER}`],
    },
  };
}

export function signingReferences({ provider, signing }: BackendIr): ResourceReference[] {
  return provider && signing?.secret ? [{ type: 'extension', name: signingName(signing, signing.secret.name) }] : [];
}

/** The filters that sign for these backends with keys of their own, each once. */
export function emitSigning(backends: readonly BackendIr[], secrets: SecretValues): EnvoyResource[] {
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
    const message = { name, typed_config: signingConfig(signing, { inline_credential }) };
    found.set(name, { type: 'extension', name, message, requires: [] });
  }
  return [...found.values()];
}

/** Backends of one policy may be in different regions. */
function signingName({ region, service }: AwsSigningIr, secret: string): string {
  return `${secret}/${service}/${region}`;
}

function signingConfig(
  { service, region }: AwsSigningIr,
  credentialProvider?: ExtensionsCommonAwsV3AwsCredentialProvider,
): Any {
  return typedAny(FILTER, {
    service_name: service,
    region,
    // Host and x-amz-* always are signed. All else may be changed on the way, and what is added later is not there yet.
    match_included_headers: [{ exact: 'content-type' }],
    ...(credentialProvider && { credential_provider: credentialProvider }),
  });
}
