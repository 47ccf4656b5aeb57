import { LocalObjectReference } from '../common/references.ts';
import { ConditionStatus } from '../common/status.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { bool, choice, list, object, optional, type Rule, type Static, text, variant } from '../schema.ts';
import { ApiKeyCredential, AwsCredentials, AzureCredentials, GcpCredentials } from './credentials.ts';
import { AIGATEWAY_GROUP, AIGATEWAY_VERSIONS, DIRECT_POLICY } from './names.ts';

/** Each type of credential and the field that holds it. */
const FIELD_OF_TYPE = {
  APIKey: 'apiKey',
  AWSCredentials: 'awsCredentials',
  AzureAPIKey: 'azureAPIKey',
  AzureCredentials: 'azureCredentials',
  GCPCredentials: 'gcpCredentials',
  AnthropicAPIKey: 'anthropicAPIKey',
} as const;

/** One rule a type: its own field is set, and no other one. */
function typeRules(): Rule[] {
  const fields = Object.values(FIELD_OF_TYPE);
  return Object.entries(FIELD_OF_TYPE).map(([type, own]) => {
    const others = fields.filter((field) => field !== own).map((field) => `!has(self.${field})`);
    return {
      rule: `self.type == '${type}' ? (has(self.${own}) && ${others.join(' && ')}) : true`,
      message: `type ${type} needs ${own}, and no other credential`,
    };
  });
}

const fallbackToConfigured = bool({
  default: true,
  description: 'Use the configured credential where the request brings none; otherwise it is refused.',
});

/** A credential that the request brings along. */
export const CredentialOverride = object(
  {
    fromDynamicMetadata: optional(
      object(
        {
          fallbackToConfigured,
          key: optional(text({ description: 'Key of the credential; the default header name unless set.' })),
          namespace: text({ minLength: 1, description: 'Metadata namespace of the filter that writes it.' }),
        },
        { description: 'Written to dynamic metadata by an earlier, trusted filter.' },
      ),
    ),
    fromRequestHeaders: optional(
      object(
        {
          fallbackToConfigured,
          header: optional(
            text({ description: 'Header of the credential (a prefix for AWS); removed before it leaves.' }),
          ),
        },
        { description: 'Sent by the client.' },
      ),
    ),
  },
  { minProperties: 1, maxProperties: 1, description: 'A credential that the request brings along.' },
);
export type CredentialOverride = Static<typeof CredentialOverride>;

/** What a BackendSecurityPolicy says. */
export const BackendSecurityPolicySpec = object(
  {
    anthropicAPIKey: optional(variant(ApiKeyCredential, { description: 'A key sent as x-api-key.' })),
    apiKey: optional(variant(ApiKeyCredential, { description: 'A key sent as a bearer token.' })),
    awsCredentials: optional(variant(AwsCredentials, { description: 'What AWS requests are signed with.' })),
    azureAPIKey: optional(variant(ApiKeyCredential, { description: 'A key sent as api-key.' })),
    azureCredentials: optional(variant(AzureCredentials, { description: 'Who asks Azure for a token.' })),
    credentialOverride: optional(CredentialOverride),
    gcpCredentials: optional(variant(GcpCredentials, { description: 'Who asks Google Cloud for a token.' })),
    targetRefs: optional(
      list(LocalObjectReference, {
        maxItems: 16,
        description: 'AIServiceBackends or InferencePools of the same namespace.',
        rules: [
          {
            rule: "self.all(ref, (ref.group == 'aigateway.envoyproxy.io' && ref.kind == 'AIServiceBackend') || (ref.group == 'inference.networking.k8s.io' && ref.kind == 'InferencePool'))",
            message: 'a target must be an AIServiceBackend or an InferencePool',
          },
        ],
      }),
    ),
    type: choice(Object.keys(FIELD_OF_TYPE) as (keyof typeof FIELD_OF_TYPE)[], { description: 'Type of credential.' }),
  },
  { maxProperties: 4, rules: typeRules() },
);
export type BackendSecurityPolicySpec = Static<typeof BackendSecurityPolicySpec>;

/** How requests authenticate at a provider. */
export const backendSecurityPolicyKind = defineKind({
  group: AIGATEWAY_GROUP,
  ...AIGATEWAY_VERSIONS,
  kind: 'BackendSecurityPolicy',
  plural: 'backendsecuritypolicies',
  schema: object({ spec: BackendSecurityPolicySpec, status: optional(ConditionStatus) }),
  crdLabels: DIRECT_POLICY,
});
export type BackendSecurityPolicy = ObjectOf<typeof backendSecurityPolicyKind>;
