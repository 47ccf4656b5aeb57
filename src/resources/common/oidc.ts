import { bool, choice, list, object, optional, type Static, text, variant } from '../schema.ts';
import { policyBackendFields, policyBackendRules } from './policy-backend.ts';
import { SecretObjectReference } from './references.ts';
import { Duration } from './scalars.ts';

/** An OpenID Connect provider. */
export const OidcProvider = object(
  {
    authorizationEndpoint: optional(text({ description: 'Authorization endpoint; discovered when absent.' })),
    ...policyBackendFields,
    endSessionEndpoint: optional(text({ description: 'Logout endpoint; discovered when absent.' })),
    issuer: text({ minLength: 1, description: 'Issuer of the tokens; discovery starts here.' }),
    tokenEndpoint: optional(text({ description: 'Token endpoint; discovered when absent.' })),
  },
  {
    rules: policyBackendRules,
  },
);
export type OidcProvider = Static<typeof OidcProvider>;

const DenyRedirectHeader = object({
  name: text({ minLength: 1, description: 'Name of the header.' }),
  type: choice(['Exact', 'Prefix', 'Suffix', 'RegularExpression'], {
    default: 'Exact',
    description: 'How the value is compared.',
  }),
  value: text({ minLength: 1, maxLength: 1024, description: 'What the value is compared with.' }),
});

/** A client of an OpenID Connect provider. */
export const Oidc = object(
  {
    clientID: optional(text({ minLength: 1, description: 'ID of the client.' })),
    clientIDRef: optional(
      variant(SecretObjectReference, { description: 'Secret with the ID of the client under client-id.' }),
    ),
    clientSecret: variant(SecretObjectReference, {
      description: 'Secret with the secret of the client under client-secret.',
    }),
    cookieConfig: optional(
      object(
        { sameSite: optional(choice(['Lax', 'Strict', 'None'], { description: 'SameSite attribute.' })) },
        { description: 'Attributes of the cookies.' },
      ),
    ),
    cookieDomain: optional(
      text({
        pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9]))*$',
        description: 'Domain of the cookies.',
      }),
    ),
    cookieNames: optional(
      object(
        {
          accessToken: optional(text({ description: 'Cookie of the access token.' })),
          idToken: optional(text({ description: 'Cookie of the ID token.' })),
        },
        { description: 'Names of the cookies.' },
      ),
    ),
    csrfTokenTTL: optional(variant(Duration, { description: 'Life of the CSRF token.' })),
    defaultRefreshTokenTTL: optional(
      variant(Duration, { description: 'Life of a refresh token that does not state its own.' }),
    ),
    defaultTokenTTL: optional(variant(Duration, { description: 'Life of a token that does not state its own.' })),
    denyRedirect: optional(
      object(
        {
          headers: list(DenyRedirectHeader, { minItems: 1, maxItems: 16, description: 'Any of these is enough.' }),
        },
        { description: 'Requests that get 401 where others are sent to the login.' },
      ),
    ),
    disableTokenEncryption: optional(bool({ description: 'Keep tokens in cookies unencrypted.' })),
    forwardAccessToken: optional(bool({ description: 'Send the access token to the backend.' })),
    forwardIDToken: optional(
      object(
        { header: text({ minLength: 1, description: 'Header that carries it.' }) },
        { description: 'Send the ID token to the backend.' },
      ),
    ),
    logoutPath: optional(text({ description: 'Path that logs out.' })),
    passThroughAuthHeader: optional(bool({ description: 'Let requests with a bearer token pass.' })),
    provider: variant(OidcProvider, { description: 'Who issues the tokens.' }),
    redirectURL: optional(text({ description: 'Where the provider sends the user back to.' })),
    refreshToken: bool({ default: true, description: 'Renew tokens with the refresh token.' }),
    resources: optional(list(text(), { description: 'Resources asked for.' })),
    scopes: optional(list(text(), { description: 'Scopes asked for.' })),
  },
  {
    rules: [
      {
        rule: '(has(self.clientID) && !has(self.clientIDRef)) || (!has(self.clientID) && has(self.clientIDRef))',
        message: 'exactly one of clientID and clientIDRef must be set',
      },
      {
        rule: "!(has(self.forwardAccessToken) && self.forwardAccessToken && has(self.forwardIDToken) && self.forwardIDToken.header.lowerAscii() == 'authorization')",
        message: 'forwardAccessToken and forwardIDToken cannot both use the Authorization header',
      },
    ],
  },
);
export type Oidc = Static<typeof Oidc>;
