/** Strict fakes of the services that give out tokens. */
export { type AwsIdentity, CONTAINER, SIGN_IN, startAwsIdentity } from './aws-identity.ts';
export { APP, ARC_PATH, ASSIGNED, type AzureIdentity, startAzureIdentity } from './azure-identity.ts';
export { ENTRA_CLIENT, type Entra, startEntra } from './entra.ts';
export { GOOGLE_ACCOUNT, GOOGLE_USER, type Google, POOL, startGoogle } from './google.ts';
export { type IdentityProvider, OIDC_CLIENT, startIdentityProvider } from './identity-provider.ts';
export { ROLE, type SessionKeys, type Sts, startSts } from './sts.ts';
