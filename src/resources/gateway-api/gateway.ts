import { LabelSelector } from '../common/labels.ts';
import { LocalObjectReference, ObjectReference, SecretObjectReference } from '../common/references.ts';
import { ApiGroup, ApiKind, DnsName, Hostname, ObjectName, OptionMap, PortNumber } from '../common/scalars.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { choice, freeForm, list, listMap, mapOf, object, optional, type Static, text, variant } from '../schema.ts';

/** TLS of a listener. */
export const ListenerTls = object(
  {
    certificateRefs: optional(list(SecretObjectReference, { maxItems: 64, 'x-kubernetes-list-type': 'atomic' })),
    mode: choice(['Terminate', 'Passthrough'], { default: 'Terminate' }),
    options: optional(OptionMap),
  },
  {
    rules: [
      {
        rule: "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true",
        message: 'mode Terminate needs certificateRefs or options',
      },
    ],
  },
);
export type ListenerTls = Static<typeof ListenerTls>;

/** Which routes may attach to a listener. */
export const AllowedRoutes = object({
  kinds: optional(
    list(object({ group: variant(ApiGroup, { default: 'gateway.networking.k8s.io' }), kind: ApiKind }), {
      maxItems: 8,
      'x-kubernetes-list-type': 'atomic',
    }),
  ),
  namespaces: object(
    { from: choice(['All', 'Selector', 'Same'], { default: 'Same' }), selector: optional(LabelSelector) },
    { default: { from: 'Same' } },
  ),
});
export type AllowedRoutes = Static<typeof AllowedRoutes>;

/** One port, protocol and host name a Gateway accepts traffic on. */
export const GatewayListener = object({
  allowedRoutes: variant(AllowedRoutes, { default: { namespaces: { from: 'Same' } } }),
  hostname: optional(Hostname),
  name: DnsName,
  port: PortNumber,
  protocol: text({
    maxLength: 255,
    minLength: 1,
    pattern:
      '^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9]+$',
  }),
  tls: optional(ListenerTls),
});
export type GatewayListener = Static<typeof GatewayListener>;

/** An address a Gateway asks for. */
export const GatewayAddress = object(
  {
    type: text({
      maxLength: 253,
      minLength: 1,
      pattern:
        "^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
      default: 'IPAddress',
    }),
    value: optional(text({ maxLength: 253 })),
  },
  {
    oneOf: [
      { properties: { type: { enum: ['IPAddress'] }, value: { anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] } } },
      { properties: { type: { not: { enum: ['IPAddress'] } } } },
    ],
    rules: [
      {
        rule: 'self.type == \'Hostname\' ? (!has(self.value) || self.value.matches(r"""^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$""")): true',
        message: 'value is not a host name',
      },
    ],
  },
);
export type GatewayAddress = Static<typeof GatewayAddress>;

/** Labels, annotations and parameters of what runs a Gateway. */
export const GatewayInfrastructure = object({
  annotations: optional(
    mapOf(text({ maxLength: 4096, minLength: 0 }), {
      maxProperties: 8,
      rules: [
        {
          rule: 'self.all(key, key.matches(r"""^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$"""))',
          message: 'a key is not a valid annotation name',
        },
        {
          rule: 'self.all(key, key.split("/")[0].size() < 253)',
          message: 'the prefix of a key is longer than 252 characters',
        },
      ],
    }),
  ),
  labels: optional(
    mapOf(text({ maxLength: 63, minLength: 0, pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' }), {
      maxProperties: 8,
      rules: [
        {
          rule: 'self.all(key, key.matches(r"""^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$"""))',
          message: 'a key is not a valid label name',
        },
        {
          rule: 'self.all(key, key.split("/")[0].size() < 253)',
          message: 'the prefix of a key is longer than 252 characters',
        },
      ],
    }),
  ),
  parametersRef: optional(LocalObjectReference),
});
export type GatewayInfrastructure = Static<typeof GatewayInfrastructure>;

/** How client certificates are checked. */
export const FrontendValidation = object({
  caCertificateRefs: list(ObjectReference, { maxItems: 8, minItems: 1, 'x-kubernetes-list-type': 'atomic' }),
  mode: choice(['AllowValidOnly', 'AllowInsecureFallback'], { default: 'AllowValidOnly' }),
});
export type FrontendValidation = Static<typeof FrontendValidation>;

/** TLS towards clients. */
export const FrontendTls = object({ validation: optional(FrontendValidation) });
export type FrontendTls = Static<typeof FrontendTls>;

/** TLS settings of a whole Gateway. */
export const GatewayTls = object({
  backend: optional(object({ clientCertificateRef: optional(SecretObjectReference) })),
  frontend: optional(
    object({
      default: FrontendTls,
      perPort: optional(
        listMap(['port'], object({ port: PortNumber, tls: FrontendTls }), {
          maxItems: 64,
          rules: [
            {
              rule: 'self.all(t1, self.exists_one(t2, t1.port == t2.port))',
              message: 'two entries have the same port',
            },
          ],
        }),
      ),
    }),
  ),
});
export type GatewayTls = Static<typeof GatewayTls>;

/** What a Gateway listens on. */
export const GatewaySpec = object({
  addresses: optional(
    list(GatewayAddress, {
      maxItems: 16,
      'x-kubernetes-list-type': 'atomic',
      rules: [
        {
          rule: "self.all(a1, a1.type == 'IPAddress' && has(a1.value) ? self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true )",
          message: 'an IP address stands twice',
        },
        {
          rule: "self.all(a1, a1.type == 'Hostname'  && has(a1.value) ? self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true )",
          message: 'a host name stands twice',
        },
      ],
    }),
  ),
  allowedListeners: optional(
    object({
      namespaces: object(
        { from: choice(['All', 'Selector', 'Same', 'None'], { default: 'None' }), selector: optional(LabelSelector) },
        { default: { from: 'None' } },
      ),
    }),
  ),
  gatewayClassName: ObjectName,
  infrastructure: optional(GatewayInfrastructure),
  listeners: listMap(['name'], GatewayListener, {
    maxItems: 64,
    minItems: 1,
    rules: [
      {
        rule: "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
        message: 'a listener of protocol HTTP, TCP or UDP has no tls',
      },
      {
        rule: "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
        message: 'a listener of protocol HTTPS has TLS mode Terminate',
      },
      {
        rule: "self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != '' : true))",
        message: 'a listener of protocol TLS needs a TLS mode',
      },
      {
        rule: "self.all(l, l.protocol in ['TCP', 'UDP']  ? (!has(l.hostname) || l.hostname == '') : true)",
        message: 'a listener of protocol TCP or UDP has no hostname',
      },
      { rule: 'self.all(l1, self.exists_one(l2, l1.name == l2.name))', message: 'two listeners have the same name' },
      {
        rule: 'self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))',
        message: 'two listeners have the same port, protocol and hostname',
      },
    ],
  }),
  tls: optional(GatewayTls),
});
export type GatewaySpec = Static<typeof GatewaySpec>;

export const gatewayKind = defineKind({
  group: 'gateway.networking.k8s.io',
  kind: 'Gateway',
  plural: 'gateways',
  versions: ['v1', 'v1beta1'],
  schema: object({ spec: GatewaySpec, status: optional(freeForm()) }),
});
export type Gateway = ObjectOf<typeof gatewayKind, 'Gateway'>;
