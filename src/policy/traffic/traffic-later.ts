import type { FieldPath } from '../../lib/findings.ts';
import type { BackendTrafficPolicy, LoadedObject } from '../../resources/index.ts';
import type { Report } from '../report.ts';
import { fieldsOf } from '../routes/salvage.ts';

/** Fields of a BackendTrafficPolicy that are accepted, but have no effect yet. */
const LATER: readonly (readonly string[])[] = [
  ['admissionControl'],
  ['bandwidthLimit'],
  ['circuitBreaker', 'perEndpoint'],
  ['circuitBreaker', 'retryBudget'],
  ['compression'],
  ['compressor'],
  ['connection'],
  ['dns', 'lookupFamily'],
  ['faultInjection'],
  ['healthCheck', 'active', 'initialJitter'],
  ['healthCheck', 'active', 'overrides'],
  ['healthCheck', 'active', 'http', 'expectedResponse'],
  ['healthCheck', 'active', 'http', 'retriableStatuses'],
  ['healthCheck', 'panicThreshold'],
  ['healthCheck', 'passive', 'failurePercentageThreshold'],
  ['http2'],
  ['httpUpgrade'],
  ['loadBalancer', 'endpointOverride'],
  ['loadBalancer', 'slowStart'],
  ['loadBalancer', 'zoneAware'],
  ['proxyProtocol'],
  ['requestBuffer'],
  ['responseOverride'],
  ['routingType'],
  ['telemetry'],
  ['timeout', 'http', 'maxConnectionDuration'],
  ['timeout', 'http', 'maxStreamDuration'],
  ['useClientProtocol'],
];

/** Says which fields of a policy do nothing. */
export function warnLaterFields(policy: LoadedObject<BackendTrafficPolicy>, report: Report): void {
  const warn = (path: FieldPath, message = 'is accepted, but has no effect yet'): void =>
    report.warning('HG0111', policy, ['spec', ...path], message);
  for (const path of LATER) {
    let value: unknown = policy.object.spec;
    for (const key of path) value = fieldsOf(value)[key];
    if (value !== undefined && value !== null) warn(path);
  }
  const { loadBalancer, healthCheck } = policy.object.spec;
  const type = loadBalancer?.type;
  if (type !== undefined && !['LeastRequest', 'Random', 'RoundRobin'].includes(type)) {
    warn(['loadBalancer', 'type'], `type ${type} has no effect yet; LeastRequest takes its place`);
  }
  if (healthCheck?.active && healthCheck.active.type !== 'HTTP') {
    warn(['healthCheck', 'active', 'type'], `checks of type ${healthCheck.active.type} have no effect yet`);
  }
}
