/**
 * How tokens are had that no file can hold, since they end. They travel beside the Ir as `SecretValues` do: they hold
 * secrets, so they are never printed.
 */
export type TokenSource = AwsTokenSource | AzureTokenSource | GcpTokenSource;

/** Keys of a session at AWS. */
export type AwsTokenSource =
  | {
      readonly kind: 'aws-web-identity';
      readonly region: string;
      readonly roleArn: string;
      readonly subject: OidcClient;
    }
  | {
      readonly kind: 'aws-assume-role';
      readonly region: string;
      readonly roleArn: string;
      readonly sessionName?: string;
      readonly externalId?: string;
      readonly durationSeconds?: number;
      readonly keys: AwsKeys;
    };

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** An access token of Entra ID. */
export interface AzureTokenSource {
  readonly kind: 'azure';
  readonly tenantId: string;
  readonly clientId: string;
  readonly proof:
    | { readonly kind: 'secret'; readonly clientSecret: string }
    | { readonly kind: 'federated'; readonly subject: OidcClient };
}

/** An access token of Google Cloud. */
export type GcpTokenSource =
  | GcpServiceAccount
  | {
      readonly kind: 'gcp-federation';
      /** The provider of the pool: `//iam.googleapis.com/projects/...`. */
      readonly audience: string;
      readonly subject: OidcClient;
      /** Address of the service account to act as. */
      readonly impersonate?: string;
    }
  /** What the environment of the control plane gives (Application Default Credentials). */
  | { readonly kind: 'gcp-default' };

export interface GcpServiceAccount {
  readonly kind: 'gcp-service-account';
  readonly clientEmail: string;
  /** PEM. */
  readonly privateKey: string;
  readonly privateKeyId?: string;
  readonly tokenUri: string;
}

/** A client of an identity provider that gets tokens for itself (client credentials). */
export interface OidcClient {
  readonly issuer: string;
  /** Absent: discovered from the issuer. */
  readonly tokenEndpoint?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly audience?: string;
  readonly grantType?: string;
}

/** Token sources by the name of the secret that they fill. Never printed. */
export type TokenSources = ReadonlyMap<string, TokenSource>;
