/** The limits of what is served, for rate limit services that get them over xDS: those of one gateway, or of all. */
import { emitLimits, rateLimitConfigGaps } from '../envoy/rate-limit-config.ts';
import { encodeMessage, typeUrl } from '../envoy/schema/index.ts';
import type { GatewayIr, LimitDescriptor, LimitsConfig } from '../ir/index.ts';
import type { Finding } from '../lib/findings.ts';
import { createSnapshot, type NodeInfo, type NodeStatus, type Snapshot, TYPE } from '../xds/index.ts';

/** The scope that stands for all gateways. */
const ALL = '*';

/**
 * Whose limits a service wants: those of the Gateway that its cluster names, else its id (envoyproxy/ratelimit has no
 * cluster). An id that is no `NAMESPACE/NAME` wants those of all.
 */
export function limitsScope({ id, cluster }: Pick<NodeInfo, 'id' | 'cluster'>): string {
  if (cluster !== '') return cluster;
  return id.includes('/') ? id : ALL;
}

export interface LimitsSnapshotsOptions {
  readonly publish: (key: string, snapshot: Snapshot) => void;
  readonly isServed: (gateway: string) => boolean;
}

export interface LimitsSnapshots {
  /** Key of the snapshot of a service; undefined where it names a gateway that is not served. */
  keyOf(node: NodeInfo): string | undefined;
  /** To be called before proxies get what asks about new limits. Returns whether some service gets others than before. */
  take(limits: LimitsConfig): boolean;
}

const KEY_PREFIX = 'limits of ';

export function createLimitsSnapshots({ publish, isServed }: LimitsSnapshotsOptions): LimitsSnapshots {
  /** Of the scopes that a service has asked for. */
  const snapshots = new Map<string, Snapshot | undefined>();
  let limits: LimitsConfig | undefined;

  function renew(scope: string): boolean {
    if (!limits) return false;
    const resources = emitLimits(scope === ALL ? limits : limitsOfGateway(limits, scope));
    const before = snapshots.get(scope);
    const snapshot = createSnapshot(
      resources.map(({ type, name, message }) => ({
        typeUrl: typeUrl(type),
        name,
        value: encodeMessage(type, message),
      })),
      before,
    );
    snapshots.set(scope, snapshot);
    publish(KEY_PREFIX + scope, snapshot);
    return snapshot.version !== before?.version;
  }

  return {
    keyOf(node) {
      const scope = limitsScope(node);
      if (!limits || (scope !== ALL && !isServed(scope))) return undefined;
      if (!snapshots.has(scope)) renew(scope);
      return KEY_PREFIX + scope;
    },
    take(next) {
      limits = next;
      return [...snapshots.keys()].map(renew).some((isNew) => isNew);
    },
  };
}

/** Names of buckets begin with the gateway that they are of; those of backends are of all. */
function limitsOfGateway({ domains }: LimitsConfig, gateway: string): LimitsConfig {
  const isOwn = ({ value = '' }: LimitDescriptor): boolean =>
    !value.startsWith('Gateway/') || value.startsWith(`Gateway/${gateway}/`);
  return {
    domains: domains.map((domain) => ({ ...domain, descriptors: (domain.descriptors ?? []).filter(isOwn) })),
  };
}

/** What services that are connected cannot keep of the limits that they are given. */
export function rateLimitGaps(nodes: readonly NodeStatus[], gateways: readonly GatewayIr[]): Finding[] {
  const scopes = new Set(
    nodes
      .filter(({ types }) => types.some((type) => type.typeUrl === TYPE.rateLimitConfig))
      .map(({ node }) => limitsScope(node)),
  );
  const concerned = gateways.filter(({ key }) => scopes.has(ALL) || scopes.has(key));
  return rateLimitConfigGaps(concerned, 'warning');
}
