import { bool, choice, int32, list, object, optional, type Static, text, variant } from '../schema.ts';
import { DnsName, Duration, HttpStatus, Percent, PortNumber } from './scalars.ts';

/** Bytes to send or expect, as text or Base64. */
export const HealthCheckPayload = object(
  { binary: optional(text({ format: 'byte' })), text: optional(text()), type: choice(['Text', 'Binary']) },
  {
    rules: [
      {
        rule: "self.type == 'Text' ? has(self.text) : !has(self.text)",
        message: 'text goes with type Text, and only with it',
      },
      {
        rule: "self.type == 'Binary' ? has(self.binary) : !has(self.binary)",
        message: 'binary goes with type Binary, and only with it',
      },
    ],
  },
);
export type HealthCheckPayload = Static<typeof HealthCheckPayload>;

/** Probes sent to endpoints. */
export const ActiveHealthCheck = object(
  {
    grpc: optional(object({ service: optional(text()) })),
    healthyThreshold: int32({ minimum: 1, default: 1 }),
    http: optional(
      object({
        expectedResponse: optional(HealthCheckPayload),
        expectedStatuses: optional(list(HttpStatus)),
        hostname: optional(DnsName),
        method: optional(text()),
        path: text({ maxLength: 1024, minLength: 1 }),
        retriableStatuses: optional(list(HttpStatus)),
      }),
    ),
    initialJitter: optional(Duration),
    interval: variant(Duration, { default: '3s' }),
    overrides: optional(object({ port: optional(PortNumber) })),
    tcp: optional(object({ receive: optional(HealthCheckPayload), send: optional(HealthCheckPayload) })),
    timeout: variant(Duration, { default: '1s' }),
    type: choice(['HTTP', 'TCP', 'GRPC']),
    unhealthyThreshold: int32({ minimum: 1, default: 3 }),
  },
  {
    rules: [
      {
        rule: "self.type == 'HTTP' ? has(self.http) : !has(self.http)",
        message: 'http goes with type HTTP, and only with it',
      },
      {
        rule: "self.type == 'TCP' ? has(self.tcp) : !has(self.tcp)",
        message: 'tcp goes with type TCP, and only with it',
      },
      { rule: "has(self.grpc) ? self.type == 'GRPC' : true", message: 'grpc belongs to type GRPC' },
    ],
  },
);
export type ActiveHealthCheck = Static<typeof ActiveHealthCheck>;

/** Ejection of endpoints by the outcome of real traffic. */
export const PassiveHealthCheck = object({
  alwaysEjectOneEndpoint: bool({ default: false }),
  baseEjectionTime: variant(Duration, { default: '30s' }),
  consecutive5XxErrors: int32({ default: 5 }),
  consecutiveGatewayErrors: optional(int32()),
  consecutiveLocalOriginFailures: int32({ default: 5 }),
  failurePercentageThreshold: optional(Percent),
  interval: variant(Duration, { default: '3s' }),
  maxEjectionPercent: variant(Percent, { default: 10 }),
  splitExternalLocalOriginErrors: bool({ default: false }),
});
export type PassiveHealthCheck = Static<typeof PassiveHealthCheck>;

/** How unhealthy endpoints are found. */
export const HealthCheck = object({
  active: optional(ActiveHealthCheck),
  panicThreshold: optional(Percent),
  passive: optional(PassiveHealthCheck),
});
export type HealthCheck = Static<typeof HealthCheck>;
