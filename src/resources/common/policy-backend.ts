/** Servers that a policy itself talks to: where tokens, keys or decisions come from. */
import { bool, int32, list, object, optional, type Static, variant } from '../schema.ts';
import { ClusterSettings } from './cluster-settings.ts';
import { BackendObjectReference, servicePortRule } from './references.ts';
import { ApiGroup, ApiKind, NamespaceName, ObjectName, PortNumber } from './scalars.ts';

/** A server that a policy itself talks to. */
export const PolicyBackendRef = object(
  {
    fallback: optional(bool({ description: 'Used only when the others are down.' })),
    group: variant(ApiGroup, { default: '' }),
    kind: variant(ApiKind, { default: 'Service' }),
    name: ObjectName,
    namespace: optional(NamespaceName),
    port: optional(PortNumber),
    weight: int32({ default: 1, minimum: 0, maximum: 1000000, description: 'Share of the requests.' }),
  },
  { rules: [servicePortRule] },
);
export type PolicyBackendRef = Static<typeof PolicyBackendRef>;

/** The fields that say where such a server is. */
export const policyBackendFields = {
  backendRef: optional(variant(BackendObjectReference, { description: 'Superseded by backendRefs.' })),
  backendRefs: optional(
    list(PolicyBackendRef, { maxItems: 16, description: 'Where it is served, if not at its own address.' }),
  ),
  backendSettings: optional(variant(ClusterSettings, { description: 'How connections to it are made.' })),
};

/** What holds for these fields where the server is one of tokens or keys. */
export const policyBackendRules = [
  { rule: '!has(self.backendRef)', message: 'backendRef is superseded: use backendRefs' },
  {
    rule: 'has(self.backendSettings)? (has(self.backendSettings.retry)?(has(self.backendSettings.retry.perRetry)? !has(self.backendSettings.retry.perRetry.timeout):true):true):true',
    message: 'retry.perRetry.timeout cannot be set here',
  },
  {
    rule: 'has(self.backendSettings)? (has(self.backendSettings.retry)?(has(self.backendSettings.retry.retryOn)? !has(self.backendSettings.retry.retryOn.httpStatusCodes):true):true):true',
    message: 'retry.retryOn.httpStatusCodes cannot be set here',
  },
];
