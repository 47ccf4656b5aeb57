import type { ActiveHealthCheckIr, BackendIr, ConnectionIr, OutlierIr, RetryIr } from '../../ir/index.ts';
import { canonicalJson } from '../../lib/hash.ts';
import { parseDurationMs } from '../../lib/units.ts';
import type { LoadedObject } from '../../resources/index.ts';
import { byAge } from '../objects.ts';
import type { Report } from '../report.ts';
import type { EffectivePolicy, TrafficSpec } from './traffic-policies.ts';

/** Milliseconds of a duration that its schema accepted. */
export function durationMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}

const RETRIED_STATUS_CODES = [429, 500, 502, 503, 504] as const;
/** What a provider answers to a credential that it does not take. */
const REFUSED_STATUS_CODES = [401, 403] as const;
/** `5xx` holds for silence too: a connection that fails, a stream that ends early, an attempt that takes too long. */
const RETRIED_EVENTS = ['5xx', 'reset', 'connect-failure', 'refused-stream'] as const;

type Credentials = Pick<BackendIr, 'credential' | 'signing' | 'forwardClientCredentials'>;

/**
 * Failover without any policy: every backend of a rule is tried once, and a rule with a single backend is not retried,
 * because the provider may have done the work already.
 */
export function retryOfInference(policy: EffectivePolicy | undefined, backends: readonly Credentials[]): RetryIr {
  const retry = policy?.spec.retry;
  const failsOver = backends.length > 1;
  const codes = [...(failsOver ? REFUSED_STATUS_CODES : []), ...RETRIED_STATUS_CODES];
  // The next provider has another credential. But that the client's own was refused is no reason to pay with another one.
  const ends = failsOver && backends.some(takesClientCredential) && retry?.retryOn?.httpStatusCodes === undefined;
  const read = retry
    ? readRetry(retry, codes, RETRIED_EVENTS)
    : {
        attemptsPerBackend: 1,
        ...(failsOver ? {} : { numRetries: 0 }),
        statusCodes: codes,
        triggers: RETRIED_EVENTS,
      };
  return ends ? { ...read, clientRefusalEnds: true } : read;
}

function takesClientCredential({ forwardClientCredentials, credential, signing }: Credentials): boolean {
  return forwardClientCredentials === true || (credential ?? signing)?.override !== undefined;
}

/** Retries of a plain service: none unless a policy says so. */
export function retryOfForward(policy: EffectivePolicy | undefined): RetryIr | undefined {
  const retry = policy?.spec.retry;
  return retry && readRetry(retry, [503], ['connect-failure', 'refused-stream', 'unavailable', 'cancelled']);
}

type RetryFields = NonNullable<TrafficSpec['retry']>;

function readRetry(retry: RetryFields, codes: readonly number[], events: readonly string[]): RetryIr {
  const { numRetries, numAttemptsPerPriority, perRetry, retryOn } = retry;
  const triggers = retryOn?.triggers;
  // Codes stand on their own in the Ir, so the word that switches them on is not needed beside them.
  const asksForCodes = triggers?.includes('retriable-status-codes') ?? true;
  const statusCodes = retryOn?.httpStatusCodes ?? (asksForCodes ? codes : []);
  const perTryTimeoutMs = durationMs(perRetry?.timeout);
  const backOff = readBackOff(perRetry?.backOff);
  return {
    attemptsPerBackend: Math.max(1, numAttemptsPerPriority ?? 1),
    numRetries,
    statusCodes: [...new Set(statusCodes)],
    triggers: triggers ? [...new Set(triggers)].filter((word) => word !== 'retriable-status-codes') : events,
    ...(perTryTimeoutMs && { perTryTimeoutMs }),
    ...(backOff && { backOff }),
  };
}

function readBackOff(backOff: NonNullable<RetryFields['perRetry']>['backOff']): RetryIr['backOff'] {
  const base = durationMs(backOff?.baseInterval);
  const max = durationMs(backOff?.maxInterval);
  if (!base && !max) return undefined;
  // Envoy wants at least one millisecond, and a maximum that is not below the base.
  const baseIntervalMs = base || Math.min(25, max || 25);
  return { baseIntervalMs, maxIntervalMs: Math.max(baseIntervalMs, max || baseIntervalMs * 10) };
}

/** The parts of a policy that belong to connections, which all rules of a gateway share. */
const CONNECTION_PARTS: Readonly<Record<string, (spec: TrafficSpec) => unknown>> = {
  circuitBreaker: (spec) => spec.circuitBreaker,
  dns: (spec) => spec.dns,
  'healthCheck.active': (spec) => spec.healthCheck?.active,
  'healthCheck.passive': (spec) => spec.healthCheck?.passive,
  loadBalancer: (spec) => spec.loadBalancer,
  tcpKeepalive: (spec) => spec.tcpKeepalive,
  'timeout.http.connectionIdleTimeout': (spec) => spec.timeout?.http?.connectionIdleTimeout,
  'timeout.tcp': (spec) => spec.timeout?.tcp,
};

/**
 * Connection settings of a backend that rules with different policies share in one gateway. Part by part, the policy
 * decides whose target is nearest to a rule (the rule, then its route, listener, Gateway), then the oldest, then the
 * first by namespace and name. One that is not heard is told: with a warning when its target is as near as the winner's.
 */
export function connectionOf(
  backend: LoadedObject,
  policies: Iterable<EffectivePolicy>,
  scope: string,
  report: Report,
): ConnectionIr {
  const sorted = [...policies].sort(
    (a, b) => a.distance - b.distance || byAge(a.loaded, b.loaded) || (a.key < b.key ? -1 : 1),
  );
  const chosen = new Map<string, EffectivePolicy>();
  for (const [part, read] of Object.entries(CONNECTION_PARTS)) {
    for (const policy of sorted) {
      const value = read(policy.spec);
      const first = chosen.get(part);
      if (value === undefined) continue;
      if (!first) chosen.set(part, policy);
      else if (canonicalJson(read(first.spec)) !== canonicalJson(value)) {
        const message = `${part} of ${backend.id.kind} ${backend.id.name} is already set by BackendTrafficPolicy ${first.loaded.id.name}`;
        const hint = 'connections to one backend are shared by all routes of a Gateway';
        const tell = policy.distance > first.distance ? report.info : report.warning;
        tell('HG0206', policy.loaded, ['spec', ...part.split('.')], message, { hint, scope });
      }
    }
  }
  return readConnection((part) => chosen.get(part)?.spec);
}

function readConnection(specOf: (part: string) => TrafficSpec | undefined): ConnectionIr {
  const breaker = specOf('circuitBreaker')?.circuitBreaker;
  const idleTimeoutMs = durationMs(specOf('timeout.http.connectionIdleTimeout')?.timeout?.http?.connectionIdleTimeout);
  const keepalive = specOf('tcpKeepalive')?.tcpKeepalive;
  const dns = specOf('dns')?.dns;
  const dnsRefreshRateMs = durationMs(dns?.dnsRefreshRate);
  const passive = specOf('healthCheck.passive')?.healthCheck?.passive;
  const active = specOf('healthCheck.active')?.healthCheck?.active;
  const outlier = passive && readOutlier(passive);
  const activeHealthCheck = active && readActive(active);
  return {
    connectTimeoutMs: durationMs(specOf('timeout.tcp')?.timeout?.tcp?.connectTimeout) || 5000,
    ...(breaker && {
      maxConnections: breaker.maxConnections,
      maxPendingRequests: breaker.maxPendingRequests,
      maxParallelRequests: breaker.maxParallelRequests,
      maxParallelRetries: breaker.maxParallelRetries,
    }),
    ...(breaker?.maxRequestsPerConnection !== undefined && {
      maxRequestsPerConnection: breaker.maxRequestsPerConnection,
    }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(keepalive && { tcpKeepalive: readKeepalive(keepalive) }),
    ...(dnsRefreshRateMs && { dnsRefreshRateMs }),
    ...(dns?.respectDnsTtl !== undefined && { respectDnsTtl: dns.respectDnsTtl }),
    loadBalancer: readLoadBalancer(specOf('loadBalancer')?.loadBalancer?.type),
    ...(outlier && { outlier }),
    ...(activeHealthCheck && { activeHealthCheck }),
  };
}

function readKeepalive(keepalive: NonNullable<TrafficSpec['tcpKeepalive']>): NonNullable<ConnectionIr['tcpKeepalive']> {
  const idleTimeMs = durationMs(keepalive.idleTime);
  const intervalMs = durationMs(keepalive.interval);
  return {
    ...(keepalive.probes !== undefined && { probes: keepalive.probes }),
    ...(idleTimeMs !== undefined && { idleTimeMs }),
    ...(intervalMs !== undefined && { intervalMs }),
  };
}

function readLoadBalancer(type: string | undefined): ConnectionIr['loadBalancer'] {
  if (type === 'RoundRobin') return 'round_robin';
  return type === 'Random' ? 'random' : 'least_request';
}

type HealthCheck = NonNullable<TrafficSpec['healthCheck']>;

function readOutlier(passive: NonNullable<HealthCheck['passive']>): OutlierIr {
  const { consecutiveGatewayErrors, splitExternalLocalOriginErrors } = passive;
  return {
    consecutive5xx: passive.consecutive5XxErrors,
    ...(consecutiveGatewayErrors !== undefined && { consecutiveGatewayErrors }),
    ...(splitExternalLocalOriginErrors && {
      consecutiveLocalOriginFailures: passive.consecutiveLocalOriginFailures,
    }),
    splitExternalLocalOriginErrors,
    intervalMs: durationMs(passive.interval) || 3000,
    baseEjectionTimeMs: durationMs(passive.baseEjectionTime) || 30_000,
    maxEjectionPercent: passive.maxEjectionPercent,
    alwaysEjectOne: passive.alwaysEjectOneEndpoint,
  };
}

function readActive(active: NonNullable<HealthCheck['active']>): ActiveHealthCheckIr | undefined {
  const { http } = active;
  if (active.type !== 'HTTP' || !http) return undefined;
  return {
    timeoutMs: durationMs(active.timeout) || 1000,
    intervalMs: durationMs(active.interval) || 3000,
    unhealthyThreshold: active.unhealthyThreshold,
    healthyThreshold: active.healthyThreshold,
    path: http.path,
    ...(http.hostname !== undefined && { host: http.hostname }),
    ...(http.method !== undefined && { method: http.method }),
    expectedStatuses: http.expectedStatuses ?? [200],
  };
}
