import { BackendObjectReference } from '../common/references.ts';
import { ConditionStatus } from '../common/status.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { choice, object, optional, type Static, text, variant } from '../schema.ts';
import { HttpBodyMutation, HttpHeaderMutation } from './mutations.ts';
import { AIGATEWAY_GROUP, AIGATEWAY_VERSIONS } from './names.ts';

/** The wire format a service speaks. */
export const VersionedAPISchema = object({
  name: choice(
    ['OpenAI', 'Cohere', 'AWSBedrock', 'AzureOpenAI', 'GCPVertexAI', 'GCPAnthropic', 'Anthropic', 'AWSAnthropic'],
    { description: 'Name of the format.' },
  ),
  prefix: optional(text({ description: 'Path before the endpoint, for OpenAI and Anthropic: v1 unless set.' })),
  version: optional(
    text({ description: 'api-version of AzureOpenAI, anthropic_version of GCPAnthropic and AWSAnthropic.' }),
  ),
});
export type VersionedAPISchema = Static<typeof VersionedAPISchema>;
export type APISchemaName = VersionedAPISchema['name'];

const needsBackend = {
  rule: "has(self.kind) && self.kind == 'Backend' && has(self.group) && self.group == 'gateway.envoyproxy.io'",
  message: 'backendRef must name a Backend of gateway.envoyproxy.io',
};
const needsPort = {
  rule: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
  message: 'a Service needs port',
};

/** What an AIServiceBackend says. */
export const AIServiceBackendSpec = object({
  backendRef: variant(BackendObjectReference, {
    description: 'The Backend that has the addresses of the service.',
    rules: [needsBackend, needsPort],
  }),
  bodyMutation: optional(HttpBodyMutation),
  headerMutation: optional(HttpHeaderMutation),
  schema: variant(VersionedAPISchema, { description: 'The wire format the service speaks.' }),
});
export type AIServiceBackendSpec = Static<typeof AIServiceBackendSpec>;

/** An AI service: its address and its wire format. */
export const aiServiceBackendKind = defineKind({
  group: AIGATEWAY_GROUP,
  ...AIGATEWAY_VERSIONS,
  kind: 'AIServiceBackend',
  plural: 'aiservicebackends',
  schema: object({ spec: AIServiceBackendSpec, status: optional(ConditionStatus) }),
});
export type AIServiceBackend = ObjectOf<typeof aiServiceBackendKind>;
