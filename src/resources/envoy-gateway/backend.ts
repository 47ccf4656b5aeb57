import { LocalObjectReference, SecretObjectReference } from '../common/references.ts';
import { CertificateAuthorityName, DnsName } from '../common/scalars.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { bool, choice, freeForm, int32, list, object, optional, type Static, text } from '../schema.ts';

/** One address of a backend. */
export const BackendEndpoint = object(
  {
    fqdn: optional(object({ hostname: DnsName, port: int32({ maximum: 65535, minimum: 0 }) })),
    hostname: optional(DnsName),
    ip: optional(
      object({
        address: text({
          maxLength: 45,
          minLength: 3,
          pattern:
            '^((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$|^(([0-9a-fA-F]{1,4}:){1,7}[0-9a-fA-F]{1,4}|::|(([0-9a-fA-F]{1,4}:){0,5})?(:[0-9a-fA-F]{1,4}){1,2})$',
        }),
        port: int32({ maximum: 65535, minimum: 0 }),
      }),
    ),
    unix: optional(
      object({
        path: text({ rules: [{ rule: 'size(self) <= 108', message: 'a socket path has at most 108 characters' }] }),
      }),
    ),
    zone: optional(text()),
  },
  {
    rules: [
      { rule: '(has(self.fqdn) || has(self.ip) || has(self.unix))', message: 'an endpoint needs fqdn, ip or unix' },
      {
        rule: '((has(self.fqdn) && !(has(self.ip) || has(self.unix))) || (has(self.ip) && !(has(self.fqdn) || has(self.unix))) || (has(self.unix) && !(has(self.ip) || has(self.fqdn))))',
        message: 'fqdn, ip and unix exclude each other',
      },
    ],
  },
);
export type BackendEndpoint = Static<typeof BackendEndpoint>;

/** A version of TLS. */
export const TlsVersion = choice(['Auto', '1.0', '1.1', '1.2', '1.3']);
export type TlsVersion = Static<typeof TlsVersion>;

/** TLS towards a backend. */
export const BackendTls = object(
  {
    alpnProtocols: optional(list(text())),
    caCertificateRefs: optional(list(LocalObjectReference, { maxItems: 8 })),
    ciphers: optional(list(text())),
    clientCertificateRef: optional(SecretObjectReference),
    ecdhCurves: optional(list(text())),
    fingerprints: optional(list(choice(['JA3', 'JA4']))),
    insecureSkipVerify: bool({ default: false }),
    maxVersion: optional(TlsVersion),
    minVersion: optional(TlsVersion),
    signatureAlgorithms: optional(list(text())),
    sni: optional(DnsName),
    wellKnownCACertificates: optional(CertificateAuthorityName),
  },
  {
    rules: [
      {
        rule: '!(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 && has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")',
        message: 'caCertificateRefs and wellKnownCACertificates exclude each other',
      },
      {
        rule: '!((has(self.insecureSkipVerify) && self.insecureSkipVerify) && ((has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0) || (has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")))',
        message: 'insecureSkipVerify excludes caCertificateRefs and wellKnownCACertificates',
      },
      {
        rule: "has(self.minVersion) && self.minVersion == '1.3' ? !has(self.ciphers) : true",
        message: 'ciphers have no effect from TLS 1.3 on',
      },
      {
        rule: 'has(self.minVersion) && has(self.maxVersion) ? {"Auto":0,"1.0":1,"1.1":2,"1.2":3,"1.3":4}[self.minVersion] <= {"1.0":1,"1.1":2,"1.2":3,"1.3":4,"Auto":5}[self.maxVersion] : !has(self.minVersion) && has(self.maxVersion) ? 3 <= {"1.0":1,"1.1":2,"1.2":3,"1.3":4,"Auto":5}[self.maxVersion] : true',
        message: 'minVersion is higher than maxVersion',
      },
    ],
  },
);
export type BackendTls = Static<typeof BackendTls>;

/** Endpoints outside of Kubernetes. */
export const BackendSpec = object(
  {
    appProtocols: optional(
      list(choice(['gateway.envoyproxy.io/h2c', 'gateway.envoyproxy.io/ws', 'gateway.envoyproxy.io/wss'])),
    ),
    endpoints: optional(
      list(BackendEndpoint, {
        maxItems: 256,
        minItems: 1,
        rules: [
          {
            rule: 'self.all(f, has(f.fqdn)) || !self.exists(f, has(f.fqdn))',
            message: 'fqdn endpoints cannot stand beside ip or unix ones',
          },
        ],
      }),
    ),
    fallback: optional(bool()),
    tls: optional(BackendTls),
    type: choice(['Endpoints', 'DynamicResolver'], { default: 'Endpoints' }),
  },
  {
    rules: [
      {
        rule: "self.type != 'DynamicResolver' || !has(self.endpoints)",
        message: 'type DynamicResolver has no endpoints',
      },
    ],
  },
);
export type BackendSpec = Static<typeof BackendSpec>;

export const backendKind = defineKind({
  group: 'gateway.envoyproxy.io',
  kind: 'Backend',
  plural: 'backends',
  versions: ['v1alpha1'],
  schema: object({ spec: BackendSpec, status: optional(freeForm()) }),
});
export type Backend = ObjectOf<typeof backendKind, 'Backend'>;
