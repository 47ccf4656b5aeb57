import { Condition } from '../common/status.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { listMap, object, optional, type Static, text, variant } from '../schema.ts';
import { ContainerSpec } from './container.ts';
import { LLMRequestCost } from './llm-request-cost.ts';
import { AIGATEWAY_GROUP, AIGATEWAY_VERSIONS } from './names.ts';

/** What a GatewayConfig says. */
export const GatewayConfigSpec = object(
  {
    extProc: optional(
      object(
        { kubernetes: optional(variant(ContainerSpec, { description: 'Its container.' })) },
        { description: 'The processor beside Envoy; here nothing runs there, so it has no effect.' },
      ),
    ),
    forwardProxy: optional(
      object(
        {
          address: text({ minLength: 1, description: 'host:port of an HTTP CONNECT proxy, spoken to in plain text.' }),
        },
        { description: 'Proxy through which providers are reached.' },
      ),
    ),
    globalLLMRequestCosts: optional(
      listMap(['metadataKey'], LLMRequestCost, { description: 'Costs of routes that do not define the same key.' }),
    ),
  },
  { default: {} },
);
export type GatewayConfigSpec = Static<typeof GatewayConfigSpec>;

const GatewayConfigStatus = object(
  { conditions: optional(listMap(['type'], Condition, { maxItems: 8, description: 'What became of the object.' })) },
  { description: 'Written by the controller.' },
);

/** Settings of the Gateways that name it in the annotation aigateway.envoyproxy.io/gateway-config. */
export const gatewayConfigKind = defineKind({
  group: AIGATEWAY_GROUP,
  ...AIGATEWAY_VERSIONS,
  kind: 'GatewayConfig',
  plural: 'gatewayconfigs',
  shortNames: ['gwconfig'],
  schema: object({ spec: GatewayConfigSpec, status: optional(GatewayConfigStatus) }),
  laterFields: ['spec.extProc'],
});
export type GatewayConfig = ObjectOf<typeof gatewayConfigKind>;
