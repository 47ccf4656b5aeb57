import { LocalObjectReference, PolicyTargetReference } from '../common/references.ts';
import { CertificateAuthorityName, DnsName, Hostname, OptionMap } from '../common/scalars.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { choice, freeForm, list, object, optional, type Static, text } from '../schema.ts';

/** A name that the certificate of a backend must carry. */
export const SubjectAltName = object(
  {
    hostname: optional(Hostname),
    type: choice(['Hostname', 'URI']),
    uri: optional(
      text({ maxLength: 253, minLength: 1, pattern: '^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\\?([^#]*))?(#(.*))?' }),
    ),
  },
  {
    rules: [
      {
        rule: '!(self.type == "Hostname" && (!has(self.hostname) || self.hostname == ""))',
        message: 'type Hostname needs hostname',
      },
      {
        rule: '!(self.type != "Hostname" && has(self.hostname) && self.hostname != "")',
        message: 'hostname belongs to type Hostname',
      },
      { rule: '!(self.type == "URI" && (!has(self.uri) || self.uri == ""))', message: 'type URI needs uri' },
      { rule: '!(self.type != "URI" && has(self.uri) && self.uri != "")', message: 'uri belongs to type URI' },
    ],
  },
);
export type SubjectAltName = Static<typeof SubjectAltName>;

/** How the certificate of a backend is checked. */
export const BackendTLSValidation = object(
  {
    caCertificateRefs: optional(list(LocalObjectReference, { maxItems: 8, 'x-kubernetes-list-type': 'atomic' })),
    hostname: DnsName,
    subjectAltNames: optional(list(SubjectAltName, { maxItems: 5, 'x-kubernetes-list-type': 'atomic' })),
    wellKnownCACertificates: optional(CertificateAuthorityName),
  },
  {
    rules: [
      {
        rule: '!(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 && has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")',
        message: 'caCertificateRefs and wellKnownCACertificates exclude each other',
      },
      {
        rule: '(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 || has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")',
        message: 'one of caCertificateRefs and wellKnownCACertificates is needed',
      },
    ],
  },
);
export type BackendTLSValidation = Static<typeof BackendTLSValidation>;

/** TLS towards the targeted backends. */
export const BackendTLSPolicySpec = object({
  options: optional(OptionMap),
  targetRefs: list(PolicyTargetReference, {
    maxItems: 16,
    minItems: 1,
    'x-kubernetes-list-type': 'atomic',
    rules: [
      {
        rule: "self.all(p1, self.all(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name ? ((!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '')) : true))",
        message: 'a target that is named twice needs sectionName each time',
      },
      {
        rule: "self.all(p1, self.exists_one(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || p2.sectionName == '')) || (has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))))",
        message: 'two references name the same section of one target',
      },
    ],
  }),
  validation: BackendTLSValidation,
});
export type BackendTLSPolicySpec = Static<typeof BackendTLSPolicySpec>;

export const backendTLSPolicyKind = defineKind({
  group: 'gateway.networking.k8s.io',
  kind: 'BackendTLSPolicy',
  plural: 'backendtlspolicies',
  // No longer served by Kubernetes, but still in many files; ignored, it would leave a provider's key without TLS.
  versions: ['v1', 'v1alpha3'],
  deprecatedVersions: ['v1alpha3'],
  schema: object({ spec: BackendTLSPolicySpec, status: optional(freeForm()) }),
});
export type BackendTLSPolicy = ObjectOf<typeof backendTLSPolicyKind, 'BackendTLSPolicy'>;
