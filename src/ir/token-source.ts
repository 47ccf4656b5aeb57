/**
 * How tokens are had that no file can hold, since they end. They travel beside the Ir as `SecretValues` do: they hold
 * secrets, so they are never printed.
 */
export type TokenSource = AwsTokenSource | AzureTokenSource | GcpTokenSource;

/** Keys of AWS, mostly those of a session. */
export type AwsTokenSource =
  | { readonly kind: 'aws-keys'; readonly keys: AwsKeys }
  /** What the control plane finds where it runs. */
  | { readonly kind: 'aws-environment'; readonly place: AwsPlace }
  | {
      readonly kind: 'aws-web-identity';
      readonly region: string;
      readonly roleArn: string;
      readonly sessionName?: string;
      readonly durationSeconds?: number;
      /** Whose token it is, or the file that it is in. */
      readonly subject: OidcClient | { readonly tokenFile: string };
    }
  | {
      readonly kind: 'aws-assume-role';
      readonly region: string;
      readonly roleArn: string;
      readonly sessionName?: string;
      readonly externalId?: string;
      readonly durationSeconds?: number;
      /** Who takes the role. */
      readonly base: AwsTokenSource;
    }
  /** A program prints them. */
  | { readonly kind: 'aws-process'; readonly command: string }
  | AwsSsoSource
  /** A profile of the AWS files of the control plane. */
  | { readonly kind: 'aws-profile'; readonly region: string; readonly profile: string };

/** As `credential_source` of a profile names it. */
export type AwsPlace = 'Environment' | 'Ec2InstanceMetadata' | 'EcsContainer';

/** IAM Identity Center, for who has signed in with the AWS CLI. */
export interface AwsSsoSource {
  readonly kind: 'aws-sso';
  /** Of the sign-in: what the file of its token is called after. */
  readonly session: string;
  readonly region: string;
  readonly accountId: string;
  readonly roleName: string;
}

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** An access token of Entra ID. */
export type AzureTokenSource =
  | {
      readonly kind: 'azure';
      readonly tenantId: string;
      readonly clientId: string;
      readonly proof:
        | { readonly kind: 'secret'; readonly clientSecret: string }
        | { readonly kind: 'federated'; readonly subject: OidcClient }
        /** The token of the workload that the control plane is, which its environment names. */
        | { readonly kind: 'workload' };
    }
  /** The identity of the machine or app that the control plane is; with a client ID, one of several that are assigned. */
  | { readonly kind: 'azure-managed'; readonly clientId?: string };

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
