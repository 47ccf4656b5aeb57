import type { SecretRef } from '../../ir/index.ts';
import {
  type Gateway,
  type GatewayListener,
  gatewayKind,
  isValidOf,
  type LoadedObject,
} from '../../resources/index.ts';
import type { Conditions } from '../conditions.ts';
import type { Context } from '../context.ts';
import { fieldsOf, itemsOf, portOf, textOf } from '../routes/salvage.ts';
import { readCertificates } from './listener-tls.ts';

/** One listener of a Gateway. */
export interface ListenerState {
  readonly index: number;
  readonly name: string;
  readonly port: number;
  readonly protocol: 'HTTP' | 'HTTPS';
  /** `*` where the listener names none. */
  readonly hostname: string;
  /** Absent for a Gateway that its schema refuses. */
  readonly spec?: GatewayListener;
  readonly certificates: readonly SecretRef[];
  /** False when it has a conflict, or no certificate. */
  readonly isServed: boolean;
}

/** Reads the listeners that can be read at all; says which are served. */
export function readListeners(loaded: LoadedObject, context: Context, conditions: Conditions): ListenerState[] {
  if (!isValidOf(loaded, gatewayKind)) return salvageListeners(loaded);
  const gateway: LoadedObject<Gateway> = loaded;
  const { listeners } = gateway.object.spec;
  const out: ListenerState[] = [];
  for (const [index, listener] of listeners.entries()) {
    const state = readListener(gateway, listener, index, context, conditions);
    if (state) out.push(state);
  }
  return out;
}

function readListener(
  gateway: LoadedObject<Gateway>,
  spec: GatewayListener,
  index: number,
  context: Context,
  conditions: Conditions,
): ListenerState | undefined {
  const { report } = context;
  const path = ['spec', 'listeners', index];
  const where = { section: spec.name };
  const { protocol, port, name } = spec;
  if (protocol !== 'HTTP' && protocol !== 'HTTPS') {
    const message = `protocol ${protocol} is not supported; the listener is not served`;
    report.error('HG0111', gateway, [...path, 'protocol'], message, { hint: 'use HTTP or HTTPS' });
    conditions.add(gateway, 'Accepted', false, 'UnsupportedProtocol', message, where);
    return undefined;
  }
  const conflict = findConflict(spec, gateway.object.spec.listeners);
  if (conflict) {
    const message = `conflicts with listener ${conflict.with}: ${conflict.why}; neither is served`;
    report.error('HG0204', gateway, path, message);
    conditions.add(gateway, 'Conflicted', true, conflict.reason, message, where);
    conditions.add(gateway, 'Accepted', false, conflict.reason, message, where);
  } else {
    conditions.add(gateway, 'Conflicted', false, 'NoConflicts', '', where);
  }
  const tls = protocol === 'HTTPS' ? readCertificates(gateway, spec, index, context) : { certificates: [] };
  const problem = unsupportedKinds(gateway, spec, index, context) ?? tls.problem;
  if (problem) conditions.add(gateway, 'ResolvedRefs', false, problem.reason, problem.message, where);
  else conditions.add(gateway, 'ResolvedRefs', true, 'ResolvedRefs', '', where);
  const hasCertificate = protocol === 'HTTP' || tls.certificates.length > 0;
  if (!conflict) {
    if (hasCertificate) conditions.add(gateway, 'Accepted', true, 'Accepted', '', where);
    else conditions.add(gateway, 'Accepted', false, 'Invalid', 'the listener has no usable certificate', where);
  }
  const hostname = spec.hostname ?? '*';
  const isServed = !conflict && hasCertificate;
  return { index, name, port, protocol, hostname, spec, certificates: tls.certificates, isServed };
}

/** Gateway API lets nobody win a conflict: all listeners that have it go. */
function findConflict(
  listener: GatewayListener,
  all: readonly GatewayListener[],
): { with: string; why: string; reason: string } | undefined {
  for (const other of all) {
    if (other === listener || other.port !== listener.port || other.protocol === 'UDP') continue;
    if (other.protocol !== listener.protocol) {
      return { with: other.name, why: `port ${other.port} has two protocols`, reason: 'ProtocolConflict' };
    }
    if ((other.hostname ?? '') === (listener.hostname ?? '')) {
      return { with: other.name, why: 'port and hostname are the same', reason: 'HostnameConflict' };
    }
  }
  return undefined;
}

function unsupportedKinds(
  gateway: LoadedObject<Gateway>,
  spec: GatewayListener,
  index: number,
  { report }: Context,
): { reason: string; message: string } | undefined {
  const kinds = spec.allowedRoutes.kinds ?? [];
  const odd = kinds.findIndex(({ group, kind }) => !isRouteKind(group, kind));
  const found = kinds[odd];
  if (!found) return undefined;
  const message = `routes of kind ${found.kind} are not supported`;
  report.warning('HG0207', gateway, ['spec', 'listeners', index, 'allowedRoutes', 'kinds', odd], message);
  return { reason: 'InvalidRouteKinds', message };
}

/** An AIGatewayRoute stands for the HTTPRoute that it is in other implementations. */
export function isRouteKind(group: string, kind: string): boolean {
  return (
    (group === 'gateway.networking.k8s.io' && kind === 'HTTPRoute') ||
    (group === 'aigateway.envoyproxy.io' && kind === 'AIGatewayRoute')
  );
}

/** Ports of a Gateway that its schema refuses: they answer with an error, so that its clients see one. */
function salvageListeners(loaded: LoadedObject): ListenerState[] {
  const out: ListenerState[] = [];
  const ports = new Set<number>();
  for (const [index, item] of itemsOf(fieldsOf(loaded.object.spec).listeners).entries()) {
    const { name, port: wanted, protocol } = fieldsOf(item);
    const [listener, port] = [textOf(name), portOf(wanted)];
    // Without a certificate that is known to be good there is no answer over TLS.
    if (listener === undefined || port === undefined || protocol !== 'HTTP' || ports.has(port)) continue;
    ports.add(port);
    out.push({ index, name: listener, port, protocol, hostname: '*', certificates: [], isServed: true });
  }
  return out;
}
