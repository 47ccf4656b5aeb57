/** The blocks of a BackendSecurityPolicy: one a type of credential. */
import { Oidc } from '../common/oidc.ts';
import { SecretObjectReference } from '../common/references.ts';
import { object, optional, type Static, text, variant } from '../schema.ts';

const secret = (description: string): typeof SecretObjectReference => variant(SecretObjectReference, { description });

/** An API key in a Secret, under the key apiKey. */
export const ApiKeyCredential = object({ secretRef: secret('Secret with the key under apiKey.') });
export type ApiKeyCredential = Static<typeof ApiKeyCredential>;

/** A token of one provider, exchanged for one of the cloud. */
export const OidcExchangeToken = object({
  aud: optional(text({ description: 'Audience the token is for.' })),
  grantType: optional(text({ description: 'Grant type of the exchange.' })),
  oidc: variant(Oidc, { description: 'Where the token to exchange comes from.' }),
});
export type OidcExchangeToken = Static<typeof OidcExchangeToken>;

/** AWS: a credentials file, a role assumed by OIDC, or the default chain of the environment. */
export const AwsCredentials = object({
  credentialsFile: optional(
    object(
      {
        profile: text({ default: 'default', description: 'Profile of the file.' }),
        secretRef: secret('Secret with an AWS credentials file under credentials.'),
      },
      { description: 'A credentials file.' },
    ),
  ),
  oidcExchangeToken: optional(
    object(
      {
        ...OidcExchangeToken.properties,
        awsRoleArn: text({ minLength: 1, description: 'ARN of the role to assume.' }),
      },
      { description: 'A role assumed with an OIDC token.' },
    ),
  ),
  region: text({ minLength: 1, description: 'Region requests are signed for.' }),
});
export type AwsCredentials = Static<typeof AwsCredentials>;

/** Azure: a client secret, or a federated token. */
export const AzureCredentials = object(
  {
    clientID: text({ minLength: 1, description: 'ID of the application.' }),
    clientSecretRef: optional(secret('Secret with the secret of the application under client-secret.')),
    oidcExchangeToken: optional(variant(OidcExchangeToken, { description: 'A federated token.' })),
    tenantID: text({ minLength: 1, description: 'ID of the directory.' }),
  },
  {
    rules: [
      {
        rule: '(has(self.clientSecretRef) && !has(self.oidcExchangeToken)) || (!has(self.clientSecretRef) && has(self.oidcExchangeToken))',
        message: 'exactly one of clientSecretRef and oidcExchangeToken must be set',
      },
    ],
  },
);
export type AzureCredentials = Static<typeof AzureCredentials>;

/** A workload identity pool, and who to act as. */
export const GcpWorkloadIdentityFederation = object({
  oidcExchangeToken: variant(OidcExchangeToken, { description: 'The token to exchange.' }),
  projectID: text({ minLength: 1, description: 'Project of the pool.' }),
  serviceAccountImpersonation: optional(
    object(
      { serviceAccountName: text({ minLength: 1, description: 'Name of the service account.' }) },
      { description: 'Service account to act as.' },
    ),
  ),
  workloadIdentityPoolName: text({ minLength: 1, description: 'Name of the pool.' }),
  workloadIdentityProviderName: text({ minLength: 1, description: 'Name of the provider in the pool.' }),
});
export type GcpWorkloadIdentityFederation = Static<typeof GcpWorkloadIdentityFederation>;

/** Google Cloud: a service account key, a workload identity, or the default credentials of the environment. */
export const GcpCredentials = object(
  {
    credentialsFile: optional(
      object(
        { secretRef: secret('Secret with a service account key under service_account.json.') },
        { description: 'A service account key.' },
      ),
    ),
    projectName: text({ minLength: 1, description: 'Project requests are made in.' }),
    region: text({ minLength: 1, description: 'Region requests are sent to.' }),
    workloadIdentityFederationConfig: optional(
      variant(GcpWorkloadIdentityFederation, { description: 'A workload identity.' }),
    ),
  },
  {
    rules: [
      {
        rule: '!(has(self.credentialsFile) && has(self.workloadIdentityFederationConfig))',
        message: 'at most one of credentialsFile and workloadIdentityFederationConfig can be set',
      },
    ],
  },
);
export type GcpCredentials = Static<typeof GcpCredentials>;
