import type { BackendTlsIr, ListenerTlsIr, TlsVersion } from '../ir/index.ts';
import type { CompileOptions } from './options.ts';
import type { ResourceReference } from './resource.ts';
import {
  type ConfigCoreV3TransportSocket,
  type ExtensionsTransportSocketsTlsV3CertificateValidationContext,
  type ExtensionsTransportSocketsTlsV3CommonTlsContext,
  type ExtensionsTransportSocketsTlsV3SubjectAltNameMatcher,
  type ExtensionsTransportSocketsTlsV3TlsParametersTlsProtocol,
  typedAny,
} from './schema/index.ts';
import { sdsConfig, secretReference } from './secrets.ts';

const TLS_VERSIONS: Readonly<Record<TlsVersion, ExtensionsTransportSocketsTlsV3TlsParametersTlsProtocol>> = {
  '1.0': 'TLSv1_0',
  '1.1': 'TLSv1_1',
  '1.2': 'TLSv1_2',
  '1.3': 'TLSv1_3',
};

/** TLS to a backend: its name is sent (SNI) and its certificate must be valid for it. */
export function upstreamTlsSocket(tls: BackendTlsIr, options: CompileOptions): ConfigCoreV3TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typedAny('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      sni: tls.sni,
      common_tls_context: {
        ...validation(tls, options),
        ...(tls.certificate && { tls_certificate_sds_secret_configs: [sdsConfig(tls.certificate)] }),
        ...((tls.minVersion || tls.maxVersion) && {
          tls_params: {
            ...(tls.minVersion && { tls_minimum_protocol_version: TLS_VERSIONS[tls.minVersion] }),
            ...(tls.maxVersion && { tls_maximum_protocol_version: TLS_VERSIONS[tls.maxVersion] }),
          },
        }),
        ...(tls.alpn && { alpn_protocols: tls.alpn }),
      },
    }),
  };
}

function validation(tls: BackendTlsIr, options: CompileOptions): ExtensionsTransportSocketsTlsV3CommonTlsContext {
  if (tls.ca === 'none') return {};
  const names: ExtensionsTransportSocketsTlsV3SubjectAltNameMatcher[] =
    tls.subjectAltNames.length > 0
      ? tls.subjectAltNames.map((name) => ({
          san_type: name.type === 'dns' ? 'DNS' : 'URI',
          matcher: { exact: name.value },
        }))
      : [{ san_type: 'DNS', matcher: { exact: tls.sni } }];
  const context: ExtensionsTransportSocketsTlsV3CertificateValidationContext = { match_typed_subject_alt_names: names };
  if (tls.ca === 'system') {
    return { validation_context: { ...context, trusted_ca: { filename: options.systemCaPath } } };
  }
  return {
    combined_validation_context: {
      default_validation_context: context,
      validation_context_sds_secret_config: sdsConfig(tls.ca),
    },
  };
}

export function upstreamTlsReferences(tls: BackendTlsIr | undefined): ResourceReference[] {
  if (tls === undefined) return [];
  return [
    ...(typeof tls.ca === 'object' ? [secretReference(tls.ca)] : []),
    ...(tls.certificate ? [secretReference(tls.certificate)] : []),
  ];
}

export function downstreamTlsSocket(tls: ListenerTlsIr): ConfigCoreV3TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typedAny('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      common_tls_context: {
        tls_certificate_sds_secret_configs: tls.certificates.map(sdsConfig),
        alpn_protocols: ['h2', 'http/1.1'],
      },
    }),
  };
}
