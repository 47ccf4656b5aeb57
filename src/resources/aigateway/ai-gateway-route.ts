import { HeaderMatch } from '../common/http.ts';
import { ParentReference } from '../common/references.ts';
import { DnsName, Duration, Hostname, NamespaceName } from '../common/scalars.ts';
import { ConditionStatus } from '../common/status.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { int32, list, listMap, object, optional, type Static, text, variant } from '../schema.ts';
import { LLMRequestCost } from './llm-request-cost.ts';
import { HttpBodyMutation, HttpHeaderMutation } from './mutations.ts';
import { AIGATEWAY_GROUP, AIGATEWAY_VERSIONS } from './names.ts';

/** A backend of a rule: an AIServiceBackend, or an InferencePool where group and kind say so. */
export const AIGatewayRouteBackendRef = object(
  {
    bodyMutation: optional(HttpBodyMutation),
    group: optional(
      text({
        maxLength: 253,
        pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
        description: 'inference.networking.k8s.io for an InferencePool; left out for an AIServiceBackend.',
      }),
    ),
    headerMutation: optional(HttpHeaderMutation),
    kind: optional(
      text({
        maxLength: 63,
        pattern: '^$|^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
        description: 'InferencePool, or left out for an AIServiceBackend.',
      }),
    ),
    modelNameOverride: optional(text({ description: 'Model to ask this backend for, in place of the requested one.' })),
    name: text({ minLength: 1, description: 'Name of the backend.' }),
    namespace: optional(
      variant(NamespaceName, { description: 'Namespace of the backend; another one needs a ReferenceGrant there.' }),
    ),
    priority: int32({
      default: 0,
      minimum: 0,
      description: 'Backends of the lowest number are used first, the next when those fail.',
    }),
    weight: int32({ default: 1, minimum: 0, description: 'Share among backends of one priority; 0 takes none.' }),
  },
  {
    rules: [
      {
        rule: '!has(self.group) && !has(self.kind) || (has(self.group) && has(self.kind))',
        message: 'group and kind go together',
      },
      {
        rule: "!has(self.group) || (self.group == 'inference.networking.k8s.io' && self.kind == 'InferencePool')",
        message: 'only an InferencePool of inference.networking.k8s.io can be named by group and kind',
      },
    ],
  },
);
export type AIGatewayRouteBackendRef = Static<typeof AIGatewayRouteBackendRef>;

/** A condition of a rule: all of its headers must match. */
export const AIGatewayRouteRuleMatch = object({
  headers: optional(
    listMap(['name'], HeaderMatch, {
      maxItems: 16,
      description: 'Headers that must all match; the requested model is in x-ai-eg-model.',
    }),
  ),
});
export type AIGatewayRouteRuleMatch = Static<typeof AIGatewayRouteRuleMatch>;

/** Time limits of a rule. */
export const AIGatewayRouteTimeouts = object(
  {
    backendRequest: optional(variant(Duration, { description: 'Limit of one attempt at a backend.' })),
    request: optional(variant(Duration, { description: 'Limit of the whole exchange, streaming included.' })),
  },
  {
    description: 'Time limits; 60s for a request unless set.',
    rules: [
      {
        rule: "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))",
        message: 'backendRequest cannot be longer than request',
      },
    ],
  },
);
export type AIGatewayRouteTimeouts = Static<typeof AIGatewayRouteTimeouts>;

/** Which requests go to which backends. */
export const AIGatewayRouteRule = object(
  {
    backendRefs: optional(list(AIGatewayRouteBackendRef, { maxItems: 128, description: 'Where the requests go.' })),
    matches: optional(
      list(AIGatewayRouteRuleMatch, { maxItems: 128, description: 'Any of these is enough; none matches everything.' }),
    ),
    modelsCreatedAt: optional(
      text({ format: 'date-time', description: 'Creation time the model list shows; that of the route unless set.' }),
    ),
    modelsOwnedBy: text({ default: 'Envoy AI Gateway', description: 'Owner the model list shows.' }),
    name: optional(variant(DnsName, { description: 'Name of the rule, unique within the route.' })),
    streamIdleTimeout: optional(
      variant(Duration, {
        description: 'Longest silence of a backend: before its first byte the next is tried, later the answer ends.',
      }),
    ),
    timeouts: optional(AIGatewayRouteTimeouts),
  },
  {
    rules: [
      {
        rule: "!has(self.name) || self.name != 'route-not-found'",
        message: 'the rule name route-not-found is reserved',
      },
      {
        rule: '!has(self.backendRefs) || size(self.backendRefs) == 0 || (self.backendRefs.all(ref, !has(ref.group) && !has(ref.kind)) || self.backendRefs.all(ref, has(ref.group) && has(ref.kind)))',
        message: 'a rule has either AIServiceBackends or an InferencePool, not both',
      },
      {
        rule: '!has(self.backendRefs) || size(self.backendRefs) == 0 || !self.backendRefs.exists(ref, has(ref.group) && has(ref.kind)) || size(self.backendRefs) == 1',
        message: 'a rule has at most one InferencePool',
      },
    ],
  },
);
export type AIGatewayRouteRule = Static<typeof AIGatewayRouteRule>;

/** What an AIGatewayRoute says. */
export const AIGatewayRouteSpec = object({
  hostnames: optional(
    list(Hostname, { maxItems: 16, description: 'Host names the route is for; all of its listeners unless set.' }),
  ),
  llmRequestCosts: optional(
    list(LLMRequestCost, {
      maxItems: 36,
      description: 'Costs of this route; they replace those of the GatewayConfig.',
    }),
  ),
  parentRefs: optional(
    list(ParentReference, {
      maxItems: 16,
      description: 'Gateways the route attaches to.',
      rules: [{ rule: "self.all(match, match.kind == 'Gateway')", message: 'a parent must be a Gateway' }],
    }),
  ),
  rules: list(AIGatewayRouteRule, {
    maxItems: 15,
    description: 'Which requests go to which backends; precedence as in an HTTPRoute.',
    rules: [
      {
        rule: 'self.all(r1, !has(r1.name) || self.exists_one(r2, has(r2.name) && r1.name == r2.name))',
        message: 'two rules have the same name',
      },
    ],
  }),
});
export type AIGatewayRouteSpec = Static<typeof AIGatewayRouteSpec>;

/** Routes requests for models to AI services. */
export const aiGatewayRouteKind = defineKind({
  group: AIGATEWAY_GROUP,
  ...AIGATEWAY_VERSIONS,
  kind: 'AIGatewayRoute',
  plural: 'aigatewayroutes',
  schema: object({ spec: AIGatewayRouteSpec, status: optional(ConditionStatus) }),
});
export type AIGatewayRoute = ObjectOf<typeof aiGatewayRouteKind>;
