/** API group of the AI gateway kinds. */
export const AIGATEWAY_GROUP = 'aigateway.envoyproxy.io';

/** v1beta1 is stored; v1alpha1 is read as the same. */
export const AIGATEWAY_VERSIONS = {
  versions: ['v1beta1', 'v1alpha1'],
  storageVersion: 'v1beta1',
  deprecatedVersions: ['v1alpha1'],
} as const;

/** The label by which Gateway API tools find policies that apply to the object they name, and to nothing below it. */
export const DIRECT_POLICY = { 'gateway.networking.k8s.io/policy': 'direct' } as const;
