import { ApiGroup, ApiKind, NamespaceName, ObjectName } from '../common/scalars.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { list, object, optional, type Static } from '../schema.ts';

/** Who may refer to what in this namespace. */
export const ReferenceGrantSpec = object({
  from: list(object({ group: ApiGroup, kind: ApiKind, namespace: NamespaceName }), {
    maxItems: 16,
    minItems: 1,
    'x-kubernetes-list-type': 'atomic',
  }),
  to: list(object({ group: ApiGroup, kind: ApiKind, name: optional(ObjectName) }), {
    maxItems: 16,
    minItems: 1,
    'x-kubernetes-list-type': 'atomic',
  }),
});
export type ReferenceGrantSpec = Static<typeof ReferenceGrantSpec>;

export const referenceGrantKind = defineKind({
  group: 'gateway.networking.k8s.io',
  kind: 'ReferenceGrant',
  plural: 'referencegrants',
  storageVersion: 'v1beta1',
  versions: ['v1', 'v1beta1'],
  schema: object({ spec: optional(ReferenceGrantSpec) }),
});
export type ReferenceGrant = ObjectOf<typeof referenceGrantKind, 'ReferenceGrant'>;
