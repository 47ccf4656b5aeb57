import { ObjectReference } from '../common/references.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, object, optional, type Static, text } from '../schema.ts';

/** A class of Gateways and the controller that serves it. */
export const GatewayClassSpec = object({
  controllerName: text({
    maxLength: 253,
    minLength: 1,
    pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
    rules: [{ rule: 'self == oldSelf', message: 'cannot be changed once set' }],
  }),
  description: optional(text({ maxLength: 64 })),
  parametersRef: optional(ObjectReference),
});
export type GatewayClassSpec = Static<typeof GatewayClassSpec>;

export const gatewayClassKind = defineKind({
  group: 'gateway.networking.k8s.io',
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
  namespaced: false,
  versions: ['v1', 'v1beta1'],
  schema: object({ spec: GatewayClassSpec, status: optional(freeForm()) }),
});
export type GatewayClass = ObjectOf<typeof gatewayClassKind, 'GatewayClass'>;
