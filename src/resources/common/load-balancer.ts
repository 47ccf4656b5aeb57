import {
  anyValue,
  bool,
  choice,
  int32,
  int64,
  list,
  listMap,
  mapOf,
  object,
  optional,
  type Static,
  text,
} from '../schema.ts';
import { Duration, ObjectName, Percent } from './scalars.ts';

/** A header or query parameter by name. */
export const NamedField = object({ name: text() });
export type NamedField = Static<typeof NamedField>;

/** What a consistent hash is made of. */
export const ConsistentHash = object(
  {
    cookie: optional(object({ attributes: optional(mapOf(text())), name: text(), ttl: optional(Duration) })),
    header: optional(NamedField),
    headers: optional(list(NamedField)),
    queryParams: optional(list(NamedField)),
    tableSize: int64({ maximum: 5000011, minimum: 2, default: 65537 }),
    type: choice(['SourceIP', 'Header', 'Headers', 'Cookie', 'QueryParams']),
  },
  {
    rules: [
      {
        rule: "self.type == 'Header' ? has(self.header) : !has(self.header)",
        message: 'header goes with type Header, and only with it',
      },
      {
        rule: "self.type == 'Headers' ? has(self.headers) : !has(self.headers)",
        message: 'headers goes with type Headers, and only with it',
      },
      {
        rule: "self.type == 'Cookie' ? has(self.cookie) : !has(self.cookie)",
        message: 'cookie goes with type Cookie, and only with it',
      },
      {
        rule: "self.type == 'QueryParams' ? has(self.queryParams) : !has(self.queryParams)",
        message: 'queryParams goes with type QueryParams, and only with it',
      },
    ],
  },
);
export type ConsistentHash = Static<typeof ConsistentHash>;

/** How the zone of an endpoint counts. */
export const ZoneAware = object({
  preferLocal: optional(
    object({
      force: optional(object({ minEndpointsInZoneThreshold: optional(int32()) })),
      minEndpointsThreshold: optional(int64()),
      percentageEnabled: optional(Percent),
    }),
  ),
  weightedZones: optional(listMap(['zone'], object({ weight: int32(), zone: text() }))),
});
export type ZoneAware = Static<typeof ZoneAware>;

/** How an endpoint is picked. */
export const LoadBalancer = object(
  {
    backendUtilization: optional(
      object({
        blackoutPeriod: optional(Duration),
        errorUtilizationPenaltyPercent: optional(int32({ minimum: 0 })),
        keepResponseHeaders: bool({ default: false }),
        metricNamesForComputingUtilization: optional(list(text())),
        weightExpirationPeriod: optional(Duration),
        weightUpdatePeriod: optional(Duration),
      }),
    ),
    consistentHash: optional(ConsistentHash),
    dynamicModule: optional(
      object({
        config: optional(anyValue()),
        lbPolicyName: ObjectName,
        name: text({ maxLength: 253, minLength: 1, pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$' }),
      }),
    ),
    endpointOverride: optional(
      object({ extractFrom: list(object({ header: optional(text()) }), { maxItems: 10, minItems: 1 }) }),
    ),
    slowStart: optional(object({ window: Duration })),
    type: choice(['ConsistentHash', 'LeastRequest', 'Random', 'RoundRobin', 'BackendUtilization', 'DynamicModule']),
    zoneAware: optional(ZoneAware),
  },
  {
    rules: [
      {
        rule: "self.type == 'ConsistentHash' ? has(self.consistentHash) : !has(self.consistentHash)",
        message: 'consistentHash goes with type ConsistentHash, and only with it',
      },
      {
        rule: "self.type == 'BackendUtilization' ? has(self.backendUtilization) : !has(self.backendUtilization)",
        message: 'backendUtilization goes with type BackendUtilization, and only with it',
      },
      {
        rule: "self.type == 'DynamicModule' ? has(self.dynamicModule) : !has(self.dynamicModule)",
        message: 'dynamicModule goes with type DynamicModule, and only with it',
      },
      {
        rule: "self.type in ['Random', 'ConsistentHash', 'DynamicModule'] ? !has(self.slowStart) : true",
        message: 'slowStart works with RoundRobin, LeastRequest and BackendUtilization alone',
      },
      {
        rule: "self.type == 'ConsistentHash' && has(self.zoneAware) ? !has(self.zoneAware.preferLocal) : true",
        message: 'ConsistentHash has no preferLocal, only weightedZones',
      },
      {
        rule: "self.type == 'BackendUtilization' && has(self.zoneAware) ? !has(self.zoneAware.preferLocal) : true",
        message: 'BackendUtilization has no preferLocal, only weightedZones',
      },
      { rule: "self.type == 'DynamicModule' ? !has(self.zoneAware) : true", message: 'DynamicModule has no zoneAware' },
      {
        rule: 'has(self.zoneAware) ? !(has(self.zoneAware.preferLocal) && has(self.zoneAware.weightedZones)) : true',
        message: 'preferLocal and weightedZones exclude each other',
      },
      {
        rule: "self.type == 'DynamicModule' ? !has(self.endpointOverride) : true",
        message: 'DynamicModule has no endpointOverride',
      },
    ],
  },
);
export type LoadBalancer = Static<typeof LoadBalancer>;
