/** TLS to what belongs to the control plane, by files on the Envoy's host, which are read again when others take their place. */
import { isIP } from 'node:net';
import type { EnvoyResource } from './resource.ts';
import {
  type ConfigCoreV3TransportSocket,
  type ExtensionsTransportSocketsTlsV3SdsSecretConfig,
  type ExtensionsTransportSocketsTlsV3Secret,
  typedAny,
} from './schema/index.ts';
import { sdsConfig } from './secrets.ts';

/** Files on the Envoy's host. */
export interface ControlTls {
  /** Client certificate and its key, for a server that asks for one. */
  readonly cert?: string;
  readonly key?: string;
  /** Authorities that may vouch for the server. */
  readonly ca?: string;
}

type Part = 'certificate' | 'authorities';
type SecretConfig = ExtensionsTransportSocketsTlsV3SdsSecretConfig;

/** Secrets that lead to the files. Envoy notices when other files take the place of those that a secret names. */
function secretsOf(service: string, { cert, key, ca }: ControlTls): Map<Part, ExtensionsTransportSocketsTlsV3Secret> {
  const secrets = new Map<Part, ExtensionsTransportSocketsTlsV3Secret>();
  if (cert !== undefined && key !== undefined) {
    const tls_certificate = { certificate_chain: { filename: cert }, private_key: { filename: key } };
    secrets.set('certificate', { name: secretName(service, 'certificate'), tls_certificate });
  }
  if (ca !== undefined) {
    const validation_context = { trusted_ca: { filename: ca } };
    secrets.set('authorities', { name: secretName(service, 'authorities'), validation_context });
  }
  return secrets;
}

function secretName(service: string, part: Part): string {
  return `headgate/${service}/${part}`;
}

/** TLS of a cluster that comes over ADS: its socket, and its secrets, which come the same way. */
export function tlsOverAds(
  service: 'processor' | 'ratelimit',
  host: string,
  tls: ControlTls,
): { readonly socket: ConfigCoreV3TransportSocket; readonly secrets: readonly EnvoyResource[] } {
  const secrets = [...secretsOf(service, tls)].map(([part, message]): EnvoyResource => {
    return { type: 'secret', name: secretName(service, part), message, requires: [] };
  });
  return { socket: tlsSocket(host, tls, (part) => sdsConfig({ name: secretName(service, part) })), secrets };
}

/** TLS to the control plane itself, by files alone, which Envoy reads once. */
export function tlsByFiles(host: string, tls: ControlTls): ConfigCoreV3TransportSocket {
  return tlsSocket(host, tls);
}

/** The same by secrets in files of this directory, by name: Envoy takes one secret from a file. */
export function tlsBySecretFiles(
  host: string,
  tls: ControlTls,
  directory: string,
): { readonly socket: ConfigCoreV3TransportSocket; readonly files: ReadonlyMap<string, object> } {
  const pathOf = (part: Part): string => `${directory}/${part}.json`;
  const files = [...secretsOf('xds', tls)].map(([part, message]) => {
    const secret = typedAny('envoy.extensions.transport_sockets.tls.v3.Secret', message);
    return [pathOf(part), { resources: [secret] }] as const;
  });
  const socket = tlsSocket(host, tls, (part) => ({
    name: secretName('xds', part),
    sds_config: { path_config_source: { path: pathOf(part) }, resource_api_version: 'V3' },
  }));
  return { socket, files: new Map(files) };
}

function tlsSocket(
  host: string,
  { cert, key, ca }: ControlTls,
  secretConfig?: (part: Part) => SecretConfig,
): ConfigCoreV3TransportSocket {
  const isName = isIP(host) === 0;
  const names = {
    match_typed_subject_alt_names: [
      { san_type: isName ? ('DNS' as const) : ('IP_ADDRESS' as const), matcher: { exact: host } },
    ],
  };
  const certificate =
    cert !== undefined &&
    key !== undefined &&
    (secretConfig
      ? { tls_certificate_sds_secret_configs: [secretConfig('certificate')] }
      : { tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }] });
  const authorities =
    ca !== undefined &&
    (secretConfig
      ? {
          combined_validation_context: {
            default_validation_context: names,
            validation_context_sds_secret_config: secretConfig('authorities'),
          },
        }
      : { validation_context: { trusted_ca: { filename: ca }, ...names } });
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typedAny('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      ...(isName && { sni: host }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        alpn_protocols: ['h2'],
        ...certificate,
        ...authorities,
      },
    }),
  };
}
