import { object, optional, type Static, variant } from '../schema.ts';
import { ApiGroup, ApiKind, DnsName, NamespaceName, ObjectName, PortNumber } from './scalars.ts';

/** An object in the namespace of the one that refers to it. */
export const LocalObjectReference = object({ group: ApiGroup, kind: ApiKind, name: ObjectName });
export type LocalObjectReference = Static<typeof LocalObjectReference>;

/** An object anywhere; `namespace` is that of the referrer when absent. */
export const ObjectReference = object({
  group: ApiGroup,
  kind: ApiKind,
  name: ObjectName,
  namespace: optional(NamespaceName),
});
export type ObjectReference = Static<typeof ObjectReference>;

/** A Secret, or another kind that holds certificates. */
export const SecretObjectReference = object({
  group: variant(ApiGroup, { default: '' }),
  kind: variant(ApiKind, { default: 'Secret' }),
  name: ObjectName,
  namespace: optional(NamespaceName),
});
export type SecretObjectReference = Static<typeof SecretObjectReference>;

/** A Service has many ports, so a reference to one names the port. */
export const servicePortRule = {
  rule: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
  message: 'a Service needs port',
};

/** What receives traffic: a Service unless group and kind say otherwise. */
export const BackendObjectReference = object(
  {
    group: variant(ApiGroup, { default: '' }),
    kind: variant(ApiKind, { default: 'Service' }),
    name: ObjectName,
    namespace: optional(NamespaceName),
    port: optional(PortNumber),
  },
  { rules: [servicePortRule] },
);
export type BackendObjectReference = Static<typeof BackendObjectReference>;

/** What a route attaches to: a Gateway unless group and kind say otherwise. */
export const ParentReference = object({
  group: variant(ApiGroup, { default: 'gateway.networking.k8s.io' }),
  kind: variant(ApiKind, { default: 'Gateway' }),
  name: ObjectName,
  namespace: optional(NamespaceName),
  port: optional(PortNumber),
  sectionName: optional(DnsName),
});
export type ParentReference = Static<typeof ParentReference>;

/** What a policy applies to, in its own namespace; `sectionName` narrows it to a part. */
export const PolicyTargetReference = object({
  group: ApiGroup,
  kind: ApiKind,
  name: ObjectName,
  sectionName: optional(DnsName),
});
export type PolicyTargetReference = Static<typeof PolicyTargetReference>;
