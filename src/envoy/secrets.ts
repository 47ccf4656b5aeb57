import type { SecretRef, SecretValue, SecretValues } from '../ir/index.ts';
import { InvariantError } from '../lib/errors.ts';
import { TYPES } from './names.ts';
import type { EnvoyResource, ResourceReference } from './resource.ts';
import type {
  ExtensionsTransportSocketsTlsV3SdsSecretConfig,
  ExtensionsTransportSocketsTlsV3Secret,
} from './schema/index.ts';

/** Where a filter or socket takes a secret from: SDS over the stream that everything comes from. */
export function sdsConfig(ref: Pick<SecretRef, 'name'>): ExtensionsTransportSocketsTlsV3SdsSecretConfig {
  return { name: ref.name, sds_config: { ads: {}, resource_api_version: 'V3' } };
}

export function secretReference(ref: Pick<SecretRef, 'name'>): ResourceReference {
  return { type: 'secret', name: ref.name };
}

/** Errors: InvariantError when `policy` named a secret without giving its value. */
export function emitSecret(ref: SecretRef, values: SecretValues): EnvoyResource {
  const value = values.get(ref.name);
  if (value === undefined || value.kind !== ref.kind || value.kind === 'aws')
    throw new InvariantError(`no value for ${TYPES.secret} ${ref.name}`);
  return { type: 'secret', name: ref.name, message: secretMessage(ref.name, value), requires: [] };
}

function secretMessage(
  name: string,
  value: Exclude<SecretValue, { kind: 'aws' }>,
): ExtensionsTransportSocketsTlsV3Secret {
  switch (value.kind) {
    case 'generic':
      return { name, generic_secret: { secret: { inline_string: value.value } } };
    case 'tls':
      return {
        name,
        tls_certificate: {
          certificate_chain: { inline_string: value.certificateChain },
          private_key: { inline_string: value.privateKey },
        },
      };
    case 'ca':
      return { name, validation_context: { trusted_ca: { inline_string: value.certificates } } };
  }
}
