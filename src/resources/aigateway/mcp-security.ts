/** Who may use an MCPRoute, and for what. */
import { ApiKeyAuth } from '../common/api-key-auth.ts';
import { ExtAuth } from '../common/ext-auth.ts';
import { policyBackendFields, policyBackendRules } from '../common/policy-backend.ts';
import { LocalObjectReference } from '../common/references.ts';
import { Duration } from '../common/scalars.ts';
import { choice, list, object, optional, type Static, text, variant } from '../schema.ts';

const Jwks = object(
  {
    localJWKS: optional(
      object(
        {
          inline: optional(text({ description: 'The keys themselves.' })),
          type: choice(['Inline', 'ValueRef'], { default: 'Inline', description: 'Where the keys are.' }),
          valueRef: optional(variant(LocalObjectReference, { description: 'A ConfigMap with the keys under jwks.' })),
        },
        {
          description: 'Keys that stand in the configuration.',
          rules: [
            {
              rule: "(self.type == 'Inline' && has(self.inline) && !has(self.valueRef)) || (self.type == 'ValueRef' && !has(self.inline) && has(self.valueRef))",
              message: 'exactly one of inline and valueRef must be set, as type says',
            },
          ],
        },
      ),
    ),
    remoteJWKS: optional(
      object(
        {
          ...policyBackendFields,
          cacheDuration: variant(Duration, { default: '300s', description: 'How long the keys are kept.' }),
          uri: text({ minLength: 1, maxLength: 253, description: 'Address of the keys.' }),
        },
        { rules: policyBackendRules, description: 'Keys that are fetched.' },
      ),
    ),
  },
  {
    description: 'Keys that tokens are signed with; discovered from the issuer when absent.',
    rules: [
      { rule: 'has(self.remoteJWKS) || has(self.localJWKS)', message: 'one of remoteJWKS and localJWKS is needed' },
      {
        rule: '!(has(self.remoteJWKS) && has(self.localJWKS))',
        message: 'remoteJWKS and localJWKS exclude each other',
      },
    ],
  },
);

const ProtectedResourceMetadata = object(
  {
    resource: text({ format: 'uri', description: 'Identifier of the resource.' }),
    resourceDocumentation: optional(text({ format: 'uri', description: 'Page for developers.' })),
    resourceName: optional(text({ maxLength: 256, description: 'Name to show to people.' })),
    resourcePolicyUri: optional(text({ format: 'uri', description: 'Page on what the data may be used for.' })),
    resourceSigningAlgValuesSupported: optional(
      list(text(), { minItems: 1, maxItems: 16, description: 'Algorithms of signed answers.' }),
    ),
    scopesSupported: optional(list(text(), { maxItems: 32, description: 'Scopes a client may ask for.' })),
  },
  { description: 'What a client is told of the resource (RFC 9728).' },
);

/** Access by OAuth tokens, as the MCP specification describes it. */
export const McpOauth = object({
  audiences: optional(list(text(), { maxItems: 32, description: 'Audiences a token may be for.' })),
  claimToHeaders: optional(
    list(
      object({
        claim: text({ description: 'Name of the claim.' }),
        header: text({ description: 'Name of the header.' }),
      }),
      { maxItems: 16, description: 'Claims that backends get as headers; a copy from the client is removed.' },
    ),
  ),
  issuer: text({ format: 'uri', description: 'Issuer of the tokens.' }),
  jwks: optional(Jwks),
  protectedResourceMetadata: ProtectedResourceMetadata,
});
export type McpOauth = Static<typeof McpOauth>;

const JwtSource = object(
  {
    claims: optional(
      list(
        object({
          name: text({ minLength: 1, maxLength: 253, description: 'Name of the claim.' }),
          valueType: choice(['String', 'StringArray'], { default: 'String', description: 'Type of the claim.' }),
          values: list(text(), { minItems: 1, maxItems: 128, description: 'Any of these is enough.' }),
        }),
        {
          maxItems: 16,
          description: 'Claims that must all match.',
          rules: [{ rule: "!self.exists(c, c.name == 'scope')", message: 'use scopes for the claim scope' }],
        },
      ),
    ),
    scopes: optional(
      list(text({ minLength: 1, maxLength: 253 }), { maxItems: 16, description: 'Scopes that must all be there.' }),
    ),
  },
  {
    description: 'What the token must say.',
    rules: [
      {
        rule: '(has(self.scopes) && size(self.scopes) > 0) || (has(self.claims) && size(self.claims) > 0)',
        message: 'scopes or claims is needed',
      },
    ],
  },
);

const action = choice(['Allow', 'Deny'], { default: 'Allow', description: 'What happens when the rule matches.' });
const cel = optional(text({ maxLength: 4096, description: 'CEL expression that must be true.' }));

/** Which callers may call which tools: the first rule that matches decides. */
export const McpAuthorization = object({
  defaultAction: choice(['Allow', 'Deny'], { default: 'Deny', description: 'What happens when no rule matches.' }),
  rules: optional(
    list(
      object({
        action,
        cel,
        source: optional(object({ jwt: JwtSource }, { description: 'Who calls.' })),
        target: optional(
          object(
            {
              tools: list(
                object({
                  backend: text({ description: 'Name of the backend.' }),
                  tool: text({ description: 'Name of the tool.' }),
                }),
                { minItems: 1, maxItems: 16, description: 'Any of these tools.' },
              ),
            },
            { description: 'What is called.' },
          ),
        ),
      }),
      { maxItems: 32, description: 'Rules, in order.' },
    ),
  ),
});
export type McpAuthorization = Static<typeof McpAuthorization>;

/** Which backends a session has. */
export const McpBackendSelector = object({
  defaultAction: choice(['Allow', 'Deny'], { default: 'Deny', description: 'What happens when no rule matches.' }),
  rules: optional(list(object({ action, cel }), { maxItems: 32, description: 'Rules, in order.' })),
});
export type McpBackendSelector = Static<typeof McpBackendSelector>;

/** Who may use a route. */
export const McpSecurityPolicy = object(
  {
    apiKeyAuth: optional(variant(ApiKeyAuth, { description: 'Access by API key.' })),
    authorization: optional(variant(McpAuthorization, { description: 'Who may call which tools.' })),
    extAuth: optional(variant(ExtAuth, { description: 'Access by the word of another service.' })),
    oauth: optional(variant(McpOauth, { description: 'Access by OAuth token.' })),
  },
  {
    rules: [
      {
        rule: '!(has(self.authorization) && self.authorization.rules.exists(r, has(r.source) && has(r.source.jwt)) && !has(self.oauth))',
        message: 'a rule with a jwt source needs oauth',
      },
    ],
  },
);
export type McpSecurityPolicy = Static<typeof McpSecurityPolicy>;
