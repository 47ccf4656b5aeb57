import { type BackendTrafficPolicy, gatewayKind, type LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import type { Attachment } from '../gateways/attach.ts';
import type { GatewayState } from '../gateways/gateways.ts';
import { matchesLabels } from '../gateways/labels.ts';
import { keyOf } from '../objects.ts';
import type { RouteSource } from '../routes/routes.ts';

/** What traffic policies can target. */
export interface TargetObjects {
  readonly gateways: readonly GatewayState[];
  readonly routes: readonly RouteSource[];
  /** Routes by `NAMESPACE/NAME`: an AIGatewayRoute and an HTTPRoute of one name are one target. */
  readonly routesByKey: ReadonlyMap<string, readonly RouteSource[]>;
  /** Names of the Gateways that a route is on. */
  readonly gatewaysOf: ReadonlyMap<RouteSource, ReadonlySet<string>>;
}

/** Indexes what policies can target. */
export function indexTargets(
  gateways: readonly GatewayState[],
  routes: readonly RouteSource[],
  attachments: readonly Attachment[],
): TargetObjects {
  const routesByKey = new Map<string, RouteSource[]>();
  for (const route of routes) {
    const key = keyOf(route.loaded);
    routesByKey.set(key, [...(routesByKey.get(key) ?? []), route]);
  }
  const gatewaysOf = new Map<RouteSource, Set<string>>();
  for (const { route, gateway } of attachments) {
    gatewaysOf.set(route, (gatewaysOf.get(route) ?? new Set()).add(gateway.name));
  }
  return { gateways, routes, routesByKey, gatewaysOf };
}

/** One target that a policy asks for. */
export interface Target {
  readonly path: (string | number)[];
  readonly kind: string;
  readonly name: string;
  /** Empty for the whole object. */
  readonly section: string;
}

type Policy = LoadedObject<BackendTrafficPolicy>;

/** The targets of a policy, selected ones included. */
export function targetsOf(policy: Policy, { gateways, routes }: TargetObjects, { report }: Context): Target[] {
  const { targetRef, targetRefs = [], targetSelectors = [] } = policy.object.spec;
  const named = [
    ...(targetRef ? [{ ref: targetRef, path: ['spec', 'targetRef'] }] : []),
    ...targetRefs.map((ref, i) => ({ ref, path: ['spec', 'targetRefs', i] })),
  ];
  const out: Target[] = named.map(({ ref, path }) => {
    const { kind, name, sectionName: section = '' } = ref;
    return { path, kind, name, section };
  });
  for (const [i, selector] of targetSelectors.entries()) {
    const path = ['spec', 'targetSelectors', i];
    if (selector.namespaces !== undefined && selector.namespaces.from !== 'Same') {
      report.warning('HG0111', policy, [...path, 'namespaces'], 'only targets of the same namespace are selected');
    }
    const candidates = selector.kind === 'Gateway' ? gateways : selector.kind === 'HTTPRoute' ? routes : [];
    const names = candidates
      .map(({ loaded }) => loaded)
      .filter(({ id }) => id.namespace === policy.id.namespace)
      .filter(({ object }) => matchesLabels(selector, object.metadata.labels ?? {}))
      .map(({ id }) => id.name);
    // An AIGatewayRoute and an HTTPRoute of one name are one target.
    for (const name of new Set(names)) out.push({ path, kind: selector.kind, name, section: '' });
  }
  return out;
}

/** A target that is there, or what is wrong with it. */
export type Found =
  | { readonly gateways: readonly string[] }
  | { readonly code: 'HG0205' | 'HG0207'; readonly message: string; readonly hint?: string | undefined };

/** Finds a target. `foreign`: a Gateway of another controller. */
export function findTarget(
  policy: Policy,
  target: Target,
  objects: TargetObjects,
  context: Context,
): Found | 'foreign' {
  if (target.kind === 'Gateway') return findGateway(policy, target, objects, context);
  if (target.kind === 'HTTPRoute') return findRoute(policy, target, objects);
  return { code: 'HG0207', message: `targets of kind ${target.kind} are not supported` };
}

function findGateway(
  { id: { namespace } }: Policy,
  { name, section }: Target,
  { gateways }: TargetObjects,
  { index }: Context,
): Found | 'foreign' {
  const gateway = gateways.find(({ key }) => key === `${namespace}/${name}`);
  if (gateway) {
    const isThere = section === '' || gateway.listeners.some((listener) => listener.name === section);
    if (isThere) return { gateways: [gateway.name] };
    return { code: 'HG0205', message: `Gateway ${name} has no listener ${section}` };
  }
  if (index.find(gatewayKind, namespace, name)) return 'foreign';
  const hint = index.hint(gatewayKind, namespace, name);
  return { code: 'HG0205', message: `no Gateway ${JSON.stringify(name)}`, hint };
}

function findRoute({ id }: Policy, { name, section }: Target, { routesByKey, gatewaysOf }: TargetObjects): Found {
  const found = routesByKey.get(`${id.namespace}/${name}`) ?? [];
  if (found.length === 0) {
    return { code: 'HG0205', message: `no HTTPRoute or AIGatewayRoute ${JSON.stringify(name)}` };
  }
  const isThere = section === '' || found.some(({ rules }) => rules.some((rule) => rule.name === section));
  if (!isThere) return { code: 'HG0205', message: `route ${name} has no rule ${section}` };
  return { gateways: found.flatMap((route) => [...(gatewaysOf.get(route) ?? [])]) };
}
