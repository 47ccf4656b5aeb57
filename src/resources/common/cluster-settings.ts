/** Settings of the connections to a backend, wherever a kind lets them be set. */
import { object, optional, type Static } from '../schema.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { BackendConnection, DnsSettings, Http2Settings, ProxyProtocol, TcpKeepalive } from './connection.ts';
import { HealthCheck } from './health-check.ts';
import { LoadBalancer } from './load-balancer.ts';
import { Retry } from './retry.ts';
import { Timeout } from './timeout.ts';

/** The fields, for kinds that hold them beside others. */
export const clusterSettingsFields = {
  circuitBreaker: optional(CircuitBreaker),
  connection: optional(BackendConnection),
  dns: optional(DnsSettings),
  healthCheck: optional(HealthCheck),
  http2: optional(Http2Settings),
  loadBalancer: optional(LoadBalancer),
  proxyProtocol: optional(ProxyProtocol),
  retry: optional(Retry),
  tcpKeepalive: optional(TcpKeepalive),
  timeout: optional(Timeout),
};

/** The rule that binds the fields together. */
export const clusterSettingsRule = {
  rule: "!((has(self.connection) && has(self.connection.preconnect) && has(self.connection.preconnect.predictivePercent)) && !(has(self.loadBalancer) && has(self.loadBalancer.type) && self.loadBalancer.type in ['Random', 'RoundRobin']))",
  message: 'predictivePercent needs a load balancer of type RoundRobin or Random',
};

/** How connections to a backend are made and used. */
export const ClusterSettings = object(clusterSettingsFields, { rules: [clusterSettingsRule] });
export type ClusterSettings = Static<typeof ClusterSettings>;
