import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, object, optional } from '../schema.ts';

/** A namespace; only its labels matter, where a Gateway selects namespaces by them. */
export const namespaceKind = defineKind({
  group: '',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  versions: ['v1'],
  nameFormat: 'label',
  schema: object({ spec: optional(freeForm()), status: optional(freeForm()) }),
});
export type Namespace = ObjectOf<typeof namespaceKind, 'Namespace'>;
