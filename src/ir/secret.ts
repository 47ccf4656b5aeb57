import type { AwsKeys } from './token-source.ts';

/**
 * What a secret resource is called and where its value stands. Values travel beside the Ir (`SecretValues`), never in it.
 */
export interface SecretRef {
  /**
   * Resource name: `Secret/NAMESPACE/NAME/KEY`, or `ConfigMap/...`. Several certificate authorities that are used as one
   * have the name of the policy that joins them: `BackendTLSPolicy/NAMESPACE/NAME/ca.crt`. A token that is fetched has
   * that of the policy it is for: `BackendSecurityPolicy/NAMESPACE/NAME/token`.
   */
  readonly name: string;
  readonly kind: 'generic' | 'tls' | 'ca' | 'aws';
}

export type SecretValue =
  | { readonly kind: 'generic'; readonly value: string }
  | { readonly kind: 'tls'; readonly certificateChain: string; readonly privateKey: string }
  | { readonly kind: 'ca'; readonly certificates: string }
  | ({ readonly kind: 'aws' } & AwsKeys);

/**
 * Secret values by resource name: the second input of `envoy`. Never printed. Of a token that is fetched there is none
 * until it is there.
 */
export type SecretValues = ReadonlyMap<string, SecretValue>;
