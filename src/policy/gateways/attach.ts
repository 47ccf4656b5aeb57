import { compareText } from '../../lib/compare.ts';
import { gatewayKind, type LoadedObject, namespaceKind } from '../../resources/index.ts';
import type { Conditions } from '../conditions.ts';
import type { Context } from '../context.ts';
import { keyOf } from '../objects.ts';
import type { ParentRef, RouteSource } from '../routes/routes.ts';
import type { GatewayState } from './gateways.ts';
import { intersectHostnames, mostSpecific } from './hostnames.ts';
import { matchesLabels } from './labels.ts';
import { isRouteKind, type ListenerState } from './listeners.ts';

/** A route on a listener, and the host names it has there. */
export interface Attachment {
  readonly route: RouteSource;
  readonly gateway: GatewayState;
  readonly listener: ListenerState;
  readonly hostnames: readonly string[];
}

/** Attaches routes to the listeners that they ask for and that let them. One attachment a route and listener. */
export function attachRoutes(
  routes: readonly RouteSource[],
  gateways: readonly GatewayState[],
  context: Context,
  conditions: Conditions,
): Attachment[] {
  const byKey = new Map(gateways.map((gateway) => [gateway.key, gateway]));
  const out: Attachment[] = [];
  for (const route of routes) {
    const own = route.parents.flatMap((parent) => attachToParent(route, parent, byKey, context, conditions));
    const byListener = new Map(own.map((one) => [one.listener, one]));
    out.push(...byListener.values());
    if (route.parents.length === 0) {
      const hint = 'name a Gateway in spec.parentRefs';
      context.report.warning('HG0202', route.loaded, ['spec'], 'the route names no Gateway', { hint });
    }
  }
  return out;
}

function attachToParent(
  route: RouteSource,
  parent: ParentRef,
  gateways: ReadonlyMap<string, GatewayState>,
  context: Context,
  conditions: Conditions,
): Attachment[] {
  const { report, index } = context;
  const path = ['spec', 'parentRefs', parent.index];
  const gateway = gateways.get(`${parent.namespace}/${parent.name}`);
  if (!gateway) {
    // A Gateway of another controller is none of our business.
    if (index.find(gatewayKind, parent.namespace, parent.name)) return [];
    report.error(
      'HG0103',
      route.loaded,
      [...path, 'name'],
      `no Gateway ${JSON.stringify(parent.name)} in namespace ${parent.namespace}`,
      {
        hint: index.hint(gatewayKind, parent.namespace, parent.name),
      },
    );
    return [];
  }
  const where = { parent: gateway.name, ...(parent.sectionName !== undefined && { section: parent.sectionName }) };
  // A Gateway that its schema refuses answers with an error by itself, and has a finding of its own.
  if (!gateway.isValid) {
    conditions.add(route.loaded, 'Accepted', false, 'NoMatchingParent', `${gateway.name} is not valid`, where);
    return [];
  }
  const result = selectListeners(route, parent, gateway, context);
  if ('reason' in result) {
    report.error('HG0202', route.loaded, path, result.message, { hint: result.hint });
    conditions.add(route.loaded, 'Accepted', false, result.reason, `HG0202: ${result.message}`, where);
    return [];
  }
  const accepted = route.loaded.valid;
  conditions.add(route.loaded, 'Accepted', accepted, accepted ? 'Accepted' : 'UnsupportedValue', '', where);
  return result.attachments;
}

type Selection =
  | { readonly attachments: Attachment[] }
  | { readonly reason: string; readonly message: string; readonly hint?: string | undefined };

function selectListeners(route: RouteSource, parent: ParentRef, gateway: GatewayState, context: Context): Selection {
  const named = gateway.listeners.filter(
    ({ name, port }) =>
      (parent.sectionName === undefined || parent.sectionName === name) &&
      (parent.port === undefined || parent.port === port),
  );
  if (named.length === 0) {
    const names = gateway.listeners.map((listener) => listener.name).sort(compareText);
    const hint = names.length > 0 ? `it has ${names.join(', ')}` : undefined;
    return { reason: 'NoMatchingParent', message: `${gateway.name} has no such listener`, hint };
  }
  const allowed = named.filter((listener) => allowsRoute(listener, route, gateway, context));
  if (allowed.length === 0) {
    const message = `the listeners of ${gateway.name} do not allow routes of this kind from namespace ${route.loaded.id.namespace}`;
    return { reason: 'NotAllowedByListeners', message, hint: 'see allowedRoutes of the listeners' };
  }
  const attachments = allowed
    .map((listener) => ({
      route,
      gateway,
      listener,
      hostnames: intersectHostnames(listener.hostname, route.hostnames),
    }))
    .filter(({ hostnames }) => hostnames.length > 0);
  if (attachments.length === 0) {
    const message = `no hostname of the route is one of ${allowed.map((listener) => listener.hostname).join(', ')}`;
    return { reason: 'NoMatchingListenerHostname', message };
  }
  return {
    attachments: attachments.map((one) => ({ ...one, hostnames: isolate(one.hostnames, one.listener, gateway) })),
  };
}

/** A request belongs to the most specific listener of its port alone, even when no route there takes it. */
function isolate(hostnames: readonly string[], listener: ListenerState, gateway: GatewayState): string[] {
  const rivals = gateway.listeners
    .filter(({ port, protocol, isServed }) => port === listener.port && protocol === listener.protocol && isServed)
    .map(({ hostname }) => hostname);
  return hostnames.filter((hostname) => (mostSpecific(rivals, hostname) ?? listener.hostname) === listener.hostname);
}

function allowsRoute(listener: ListenerState, route: RouteSource, gateway: GatewayState, { index }: Context): boolean {
  const { allowedRoutes } = listener.spec ?? {};
  if (!allowedRoutes) return false;
  const kinds = allowedRoutes.kinds ?? [];
  const isKindAllowed =
    kinds.length === 0 ||
    kinds.some(({ group, kind }) => isRouteKind(group, kind) && (kind === 'HTTPRoute' || kind === route.kind.kind));
  if (!isKindAllowed) return false;
  const { namespace } = route.loaded.id;
  const { from, selector } = allowedRoutes.namespaces;
  if (from === 'All') return true;
  if (from === 'Same') return namespace === gateway.loaded.id.namespace;
  return (
    selector !== undefined &&
    matchesLabels(selector, namespaceLabels(index.find(namespaceKind, '', namespace), namespace))
  );
}

/** Kubernetes gives every namespace a label with its name; a file may not have the Namespace at all. */
function namespaceLabels(loaded: LoadedObject | undefined, name: string): Readonly<Record<string, string>> {
  return { ...loaded?.object.metadata.labels, 'kubernetes.io/metadata.name': name };
}

/** `NAMESPACE/NAME` of the routes on a listener. */
export function countRoutes(attachments: readonly Attachment[], listener: ListenerState): number {
  const routes = attachments
    .filter((one) => one.listener === listener)
    .map(({ route }) => `${route.kind.kind}/${keyOf(route.loaded)}`);
  return new Set(routes).size;
}
